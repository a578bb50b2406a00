"""Locks that die with their owner: a process that is killed in any way leaves none behind.

They are the kernel's record locks (fcntl), because those end with the process that took them, are not inherited by its
children, and hold between the machines that share a folder.
"""

import contextlib
import errno
import fcntl
import os
import platform
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP)


@contextlib.contextmanager
def locked(path: Path, what: str) -> Iterator[bool]:
    """Hold the lock of file `path`, which goes at the end; yields whether another process held it before.

    Where one does, says that it is waited for: `what` names what is locked. Warns if the file system does not support
    locks.
    """
    waited = False
    while (handle := try_lock(path, what)) is None:
        if not waited:
            print(f"{what} is in use by {read_owner(path)}: waiting for it to end", file=sys.stderr, flush=True)
        waited = True
        with open_lock(path) as held:
            fcntl.lockf(held, fcntl.LOCK_EX)  # until the other process ends
    with handle:
        try:
            yield waited
        finally:
            path.unlink(missing_ok=True)


def try_lock(path: Path, what: str) -> TextIO | None:
    """The locked file, to be kept open, which says who holds it; None if another process does."""
    while True:
        handle = open_lock(path)
        if not _try(handle, what):
            handle.close()
            return None
        if is_current(handle, path):
            handle.truncate(0)
            handle.write(f"process {os.getpid()} on {platform.node()}\n")
            handle.flush()
            return handle
        handle.close()  # the one before removed it


def is_locked(path: Path) -> bool:
    """Return whether a process holds the lock of file `path`; without locks in the file system, whether it is there.

    It is taken for a moment where none does, but not removed.
    """
    try:
        with path.open(encoding="utf-8") as handle:
            fcntl.lockf(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def open_lock(path: Path) -> TextIO:
    """`path`, made where it is missing, and not emptied."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a+", encoding="utf-8")


def read_owner(path: Path) -> str:
    """Who holds the lock, as its file says."""
    with contextlib.suppress(OSError, UnicodeDecodeError):
        return path.read_text(encoding="utf-8").strip() or "another process"
    return "another process"


def is_current(handle: TextIO, path: Path) -> bool:
    """Is the open file still the one of that name?"""
    try:
        return os.path.samestat(os.fstat(handle.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _try(handle: TextIO, what: str) -> bool:
    try:
        fcntl.lockf(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            return False
        print(f"this file system has no locks: see to it that nothing else works on {what}", file=sys.stderr)
    return True
