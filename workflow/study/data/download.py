"""Fetch the archive of a dataset: mirrors in order, resumed where the last attempt broke, checked before it counts."""

import sys
from pathlib import Path

import requests
from tqdm import tqdm

from study.data.manifest import Archive, Manifest
from study.errors import StudyError
from study.files import file_digest

TIMEOUT = (10, 60)  # seconds to connect, and between two chunks
CHUNK = 1 << 20


def without_data(manifest: Manifest, reason: str) -> StudyError:
    """Return the error that says what to do where the official files of `manifest` cannot be had."""
    return StudyError(
        f"{manifest.title} is not here and could not be downloaded ({reason}): put the folder {manifest.layout.folder} "
        f"somewhere and name it in config.yaml (dataset: folder) or in the variable {manifest.folder_variable}, or run "
        "`make demo`, which needs no data."
    )


def reachable(mirrors: list[str]) -> bool:
    """Return whether any mirror answers at all; asked before a workflow starts, so that it can stop at once."""
    for url in mirrors:
        try:
            if requests.head(url, timeout=5, allow_redirects=True).ok:
                return True
        except requests.RequestException:
            continue
    return False


def download(manifest: Manifest, mirrors: list[str], target: Path) -> None:
    """Write the checked archive to `target`; a partial download waits in `target`.part for the next attempt.

    Raises StudyError, with what every mirror answered, if none of them gives the archive of the manifest.
    """
    partial = target.with_name(target.name + ".part")
    target.parent.mkdir(parents=True, exist_ok=True)
    answers = []
    for url in mirrors:
        leftover = partial.exists()
        problem = _attempt(url, partial, manifest.archive)
        if problem and leftover and not partial.exists():  # what lay there was not the beginning of this archive
            problem = _attempt(url, partial, manifest.archive)
        if problem is None:
            partial.replace(target)
            return
        answers.append(f"{url}: {problem}")
    raise without_data(manifest, "; ".join(answers) or "dataset: mirrors lists no address")


def _attempt(url: str, partial: Path, archive: Archive) -> str | None:
    """Why `url` does not give the archive, or None. What was cut off stays in `partial`, what is wrong is removed."""
    try:
        _fetch(url, partial, archive.size)
    except requests.HTTPError as error:
        return f"{error.response.status_code} {error.response.reason}"
    except requests.RequestException as error:
        return type(error).__name__
    problem = _problem(partial, archive)
    if problem:
        partial.unlink()
    return problem


def _fetch(url: str, partial: Path, size: int) -> None:
    """Append what `partial` lacks from `url`, starting over where the server cannot resume."""
    start = partial.stat().st_size if partial.exists() else 0
    if start >= size:
        return
    headers = {"Accept-Encoding": "identity"}  # the bytes of the file, not compressed once more for the journey
    if start:
        headers["Range"] = f"bytes={start}-"
    with requests.get(url, headers=headers, stream=True, timeout=TIMEOUT) as answer:
        if answer.status_code == requests.codes.requested_range_not_satisfiable:
            partial.unlink(missing_ok=True)
        answer.raise_for_status()
        resumed = answer.status_code == requests.codes.partial_content
        bar = tqdm(
            total=size, initial=start if resumed else 0, unit="B", unit_scale=True, desc=partial.stem, file=sys.stderr
        )
        with partial.open("ab" if resumed else "wb") as handle, bar:
            for chunk in answer.iter_content(CHUNK):
                handle.write(chunk)
                bar.update(len(chunk))


def _problem(path: Path, archive: Archive) -> str | None:
    """What is wrong with the downloaded file, or None."""
    with path.open("rb") as handle:
        start = handle.read(512).lstrip().lower()
    if start.startswith((b"<!doctype", b"<html")):
        return "an HTML page instead of the archive"
    if path.stat().st_size != archive.size:
        return f"{path.stat().st_size} bytes instead of {archive.size}"
    if file_digest(path, "md5") != archive.md5:
        return "the md5 sum differs"
    return None
