"""Fetching the archive from real, if small, HTTP servers with the habits of bad mirrors."""

import contextlib
import hashlib
import http.server
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from study.data.download import download, reachable
from study.data.manifest import Archive, Checksum, Manifest, load_manifest
from study.data.prepare import obtain
from study.errors import StudyError

# Longer than two of the chunks in which downloads are written, so that half of it is worth keeping.
ARCHIVE = np.random.default_rng(0).bytes(2_500_000)
WRONG = bytes(len(ARCHIVE))
HALF = len(ARCHIVE) // 2
MANIFEST = Manifest(
    "small",
    "Small",
    **{"classes": 4, "superclasses": 2, "train_per_class": 2, "test_per_class": 1},
    archive=Archive("small.tar.gz", len(ARCHIVE), hashlib.md5(ARCHIVE).hexdigest(), []),
    layout=load_manifest("cifar100").layout,
)


class Mirror(http.server.BaseHTTPRequestHandler):
    """The path decides the habit; `server.log` keeps (path, Range header, bytes to send) of every GET."""

    def do_HEAD(self) -> None:
        self.send_response(404 if self.path == "/missing" else 200)
        self.end_headers()

    def do_GET(self) -> None:
        wanted = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
        start = int(wanted.group(1)) if wanted and self.path in ("/good", "/wrong") else 0
        body = {"/wrong": WRONG, "/page": b"<!DOCTYPE html><title>Moved</title>", "/short": ARCHIVE[:1000]}.get(
            self.path, ARCHIVE
        )
        if self.path == "/missing":
            self.send_error(404)
            body, start = b"", 0
        elif self.path == "/strict" and wanted:
            self.send_error(416)
            body = b""
        else:
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
        sent = body[start:] if self.path != "/cut" else body[:HALF]
        self.server.log.append((self.path, self.headers.get("Range"), len(sent)))
        self.server.encodings.add(self.headers.get("Accept-Encoding"))
        with contextlib.suppress(ConnectionError):  # the client may have seen enough
            self.wfile.write(sent)  # the connection is closed after every answer, so /cut breaks off here

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def server(monkeypatch) -> Iterator[http.server.ThreadingHTTPServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Mirror) as mirror:
        mirror.log, mirror.encodings = [], set()
        mirror.url = f"http://127.0.0.1:{mirror.server_port}"
        thread = threading.Thread(target=mirror.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield mirror
        mirror.shutdown()
        thread.join()


@pytest.fixture
def target(tmp_path) -> Path:
    return tmp_path / "resources" / "small.tar.gz"


@pytest.fixture
def closed() -> str:
    """An address on which nobody listens."""
    with contextlib.closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{unused.getsockname()[1]}/good"


def part_of(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def leave(target: Path, content: bytes) -> None:
    """What an earlier attempt left behind."""
    target.parent.mkdir()
    part_of(target).write_bytes(content)


def check_whole(target: Path) -> None:
    assert target.read_bytes() == ARCHIVE
    assert list(target.parent.iterdir()) == [target]


def refusal(*arguments) -> str:
    with pytest.raises(StudyError) as caught:
        download(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_whole_archive(server, target):
    download(MANIFEST, [f"{server.url}/good"], target)
    check_whole(target)
    assert server.log == [("/good", None, len(ARCHIVE))]


def test_no_server_is_invited_to_compress_the_archive_once_more(server, target):
    # requests undoes a Content-Encoding, and some servers declare gzip for a .tar.gz: its md5 would not fit.
    download(MANIFEST, [f"{server.url}/good"], target)
    assert server.encodings == {"identity"}


def test_a_partial_download_is_resumed_and_only_the_rest_is_sent(server, target):
    leave(target, ARCHIVE[:HALF])
    download(MANIFEST, [f"{server.url}/good"], target)
    check_whole(target)
    assert server.log == [("/good", f"bytes={HALF}-", len(ARCHIVE) - HALF)]


def test_a_finished_but_unchecked_part_needs_no_server(closed, target):
    leave(target, ARCHIVE)
    download(MANIFEST, [closed], target)
    check_whole(target)


def test_a_server_that_cannot_resume_sends_everything_again(server, target):
    leave(target, ARCHIVE[:HALF])
    download(MANIFEST, [f"{server.url}/plain"], target)
    check_whole(target)
    assert server.log == [("/plain", f"bytes={HALF}-", len(ARCHIVE))]


@pytest.mark.parametrize("wrong", [WRONG[:HALF], WRONG, b"<html>", ARCHIVE + b"!"])
def test_a_part_that_is_not_the_archives_beginning_is_thrown_away_and_the_mirror_asked_again(server, target, wrong):
    leave(target, wrong)
    download(MANIFEST, [f"{server.url}/good"], target)
    check_whole(target)
    assert server.log[-1] == ("/good", None, len(ARCHIVE))


def test_a_refused_range_starts_over(server, target):
    leave(target, ARCHIVE[:HALF])
    download(MANIFEST, [f"{server.url}/strict"], target)
    check_whole(target)


@pytest.mark.parametrize("bad", ["missing", "page", "wrong", "short"])
def test_after_a_bad_mirror_the_next_one_is_tried(server, target, bad):
    download(MANIFEST, [f"{server.url}/{bad}", f"{server.url}/good"], target)
    check_whole(target)
    assert [path for path, _, _ in server.log] == [f"/{bad}", "/good"]
    assert server.log[-1] == ("/good", None, len(ARCHIVE))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("missing", "404 Not Found"),
        ("page", "an HTML page instead of the archive"),
        ("wrong", "the md5 sum differs"),
        ("short", f"1000 bytes instead of {len(ARCHIVE)}"),
    ],
)
def test_what_a_bad_mirror_answered_is_told_and_nothing_stays(server, target, bad, reason):
    url = f"{server.url}/{bad}"
    assert f"({url}: {reason})" in refusal(MANIFEST, [url], target)
    assert list(target.parent.iterdir()) == []


def test_a_connection_that_breaks_is_continued_by_the_next_call(server, target):
    message = refusal(MANIFEST, [f"{server.url}/cut"], target)
    assert f"{server.url}/cut: ChunkedEncodingError" in message
    kept = part_of(target).read_bytes()
    assert 0 < len(kept) <= HALF and ARCHIVE.startswith(kept)
    download(MANIFEST, [f"{server.url}/good"], target)
    check_whole(target)
    assert server.log[-1] == ("/good", f"bytes={len(kept)}-", len(ARCHIVE) - len(kept))


def test_a_connection_that_breaks_is_continued_by_the_next_mirror(server, target):
    download(MANIFEST, [f"{server.url}/cut", f"{server.url}/good"], target)
    check_whole(target)
    assert server.log[-1][2] < len(ARCHIVE)


def test_without_any_mirror_the_sentence_says_what_to_do(server, closed, target):
    urls = [closed, "no-scheme/small.tar.gz", f"{server.url}/missing"]
    message = refusal(MANIFEST, urls, target)
    assert message == (
        "Small is not here and could not be downloaded "
        f"({urls[0]}: ConnectionError; {urls[1]}: MissingSchema; {urls[2]}: 404 Not Found): "
        "put the folder cifar-100-python somewhere and name it in config.yaml (dataset: folder) or in the variable "
        "SMALL_FOLDER, or run `make demo`, which needs no data."
    )


def test_an_empty_list_of_mirrors_is_told(target):
    assert "(dataset: mirrors lists no address)" in refusal(MANIFEST, [], target)


def test_reachable_asks_until_one_answers(server, closed):
    assert reachable([closed, f"{server.url}/missing", f"{server.url}/good"])
    assert not reachable([closed, f"{server.url}/missing", "no-scheme"])
    assert not reachable([])
    assert server.log == []  # nothing is downloaded for it


# --- obtain: given, downloaded, or there already ----------------------------------------------------------------------


def fetched(server, target: Path) -> str:
    """Obtain the archive, which is not one of images: the sentence that says so."""
    with pytest.raises(StudyError) as caught:
        obtain(MANIFEST, target, [f"{server.url}/good"])
    return str(caught.value)


def test_an_archive_that_is_there_and_whole_is_not_fetched_again(server, target):
    for _ in range(2):
        assert "cannot be read as an archive" in fetched(server, target)  # its bytes are noise
    check_whole(target)
    assert len(server.log) == 1


def test_a_broken_archive_is_fetched_anew(server, target, capsys):
    target.parent.mkdir()
    target.write_bytes(ARCHIVE[:HALF])
    fetched(server, target)
    check_whole(target)
    assert "is not the official archive" in capsys.readouterr().err


def test_a_given_folder_is_looked_at_and_nothing_is_fetched(server, tmp_path):
    manifest = replace(MANIFEST, files={name: Checksum("0" * 32) for name in ("train", "test")})
    (tmp_path / "train").write_bytes(b"abc")
    with pytest.raises(StudyError, match="holds no cifar-100-python with the files train, test;"):
        obtain(manifest, tmp_path, [f"{server.url}/good"])
    assert server.log == []
