"""Locks between processes, so that several of them can share a file or keep off a folder."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

try:
    import fcntl
except ImportError:
    # Windows has no such locks: there, let one process at a time use a file.
    fcntl = None  # type: ignore[assignment]

TRIES = 100


@contextmanager
def locked(file: IO[bytes], *, wait: bool = True) -> Iterator[bool]:
    """Lock an open file against other processes that lock it, too.

    The lock goes with the process, however it ends.

    file (IO[bytes]): The file.
    wait (bool): Wait for it.
    YIELDS (bool): Whether it is locked now; without `wait` another process may hold it.
    """
    got = True
    if fcntl is not None:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            got = False
        except OSError:
            # Some network file systems have no locks: as on Windows.
            pass
    try:
        yield got
    finally:
        if got and fcntl is not None:
            # Others shall find in the file what was written under the lock.
            file.flush()
            with suppress(OSError):
                fcntl.flock(file, fcntl.LOCK_UN)


@contextmanager
def claimed(path: Path, *, keep_folder: bool = False) -> Iterator[bool]:
    """Claim something for this process by a lock file, which goes away again.

    path (Path): The lock file. Its folder is made if need be.
    keep_folder (bool): Keep the folder; else it is one for lock files and goes when it is empty.
    YIELDS (bool): Whether it is this process's now; else another one has it, or just had it.
    RAISES (OSError): The file cannot be written.
    """
    with _open(path) as file, locked(file, wait=False) as got:
        # Whoever had it may have removed the file after it was opened here.
        mine = got and path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat())
        try:
            yield mine
        finally:
            if mine:
                with suppress(OSError):
                    path.unlink()
                    if not keep_folder:
                        path.parent.rmdir()


def _open(path: Path) -> IO[bytes]:
    for _ in range(TRIES):
        path.parent.mkdir(parents=True, exist_ok=True)
        # Another process may take the empty folder away in between.
        with suppress(FileNotFoundError):
            return path.open("ab")
    # Some folders, such as /proc, take no files at all and say so in this way.
    return path.open("ab")
