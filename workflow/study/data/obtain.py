"""Get a dataset's official files: from a folder that the user names, from the archive, or rendered."""

import sys
from pathlib import Path

from study.data.download import download
from study.data.manifest import Manifest
from study.data.source import Source, read_archive, read_folder
from study.data.synthetic import render
from study.files import file_digest


def obtain(manifest: Manifest, source: Path, mirrors: list[str]) -> Source:
    """Return the checked content of the files in `source`, a folder or the archive.

    The archive is downloaded to `source` from `mirrors` unless it is there and whole; the synthetic stand-in is
    rendered. Raises StudyError if the data cannot be had.
    """
    if manifest.synthetic:
        render(source)
    if manifest.archive is None or source.is_dir():
        return read_folder(source, manifest)
    if not (source.is_file() and file_digest(source, "md5") == manifest.archive["md5"]):
        if source.exists():
            print(f"{source} is not the official archive (md5 sum): downloading that.", file=sys.stderr)
        download(manifest, mirrors, source)
    return read_archive(source, manifest)
