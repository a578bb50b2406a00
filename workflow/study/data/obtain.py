"""See that a dataset's official files are where they will be read from: given, downloaded, or rendered."""

import sys
from pathlib import Path

from study.data.download import download
from study.data.manifest import load_manifest
from study.data.source import find_folder
from study.data.synthetic import render
from study.files import file_digest, write_json


def obtain(name: str, source: Path, mirrors: list[str], record: Path) -> None:
    """Make sure that `source` holds dataset `name`, and say so in the JSON file `record`.

    `source` is a folder with the official files (rendered here for the synthetic dataset), or the archive, which is
    downloaded unless it is there and whole. Raises StudyError if the data cannot be had.
    """
    manifest = load_manifest(name)
    if manifest.synthetic:
        render(source)
    if manifest.archive is None or source.is_dir():
        find_folder(source, manifest)
    elif not (source.is_file() and file_digest(source, "md5") == manifest.archive["md5"]):
        if source.exists():
            print(f"{source} is not the official archive (md5 sum): downloading that.", file=sys.stderr)
        download(manifest, mirrors, source)
    write_json(record, {"dataset": name, "source": source.name, "title": manifest.title})
