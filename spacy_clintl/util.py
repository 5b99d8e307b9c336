"""Small helpers without a better room: files that appear whole or not at all, checksums, names
of documents."""

import glob
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import srsly

if TYPE_CHECKING:
    from spacy.training import Example


@contextmanager
def whole_file(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; move it there when the block ends without an error.

    path (str | Path): Where the finished file shall lie. Its folder is made if need be.
    YIELDS (Path): The path to write to.
    """
    path = Path(path).resolve()  # a link goes on to lead to the file
    path.parent.mkdir(parents=True, exist_ok=True)
    # Same folder, so that the final move is one rename on one file system.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        # mkstemp makes files for the owner only; a finished output gets the usual rights.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_json(path: str | Path, data: Any) -> None:
    """Write data as a JSON file, which appears whole or not at all.

    path (str | Path): The file. Its folder is made if need be.
    data (Any): What fits into JSON.
    """
    with whole_file(path) as temporary:
        srsly.write_json(temporary, data)


@contextmanager
def whole_folder(path: str | Path) -> Iterator[Path]:
    """Give a temporary folder beside `path`; move it there when the block ends without an error.

    A folder that lay at `path` before is replaced only then.

    path (str | Path): Where the finished folder shall lie.
    YIELDS (Path): The folder to fill.
    """
    path = Path(path).resolve()  # "." cannot be renamed, and a link goes on to lead to the folder
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}."))
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o777 & ~umask)
        move_whole_folder(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def move_whole_folder(source: Path, target: Path) -> None:
    """Put `source` at `target`, replacing a folder that lies there.

    Killed in the middle, it leaves what lay there in a hidden folder beside it, which the next call
    for the same target clears away.
    """
    old = None
    if target.exists():
        # rename cannot replace a folder that is not empty: step aside first, delete afterwards.
        old = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}.old."))
        try:
            os.replace(target, old / target.name)
        except OSError:
            old.rmdir()
            raise
    try:
        os.replace(source, target)
    except OSError:
        if old is not None:
            os.replace(old / target.name, target)
            old.rmdir()
        raise
    with suppress(OSError):
        for left in target.parent.glob(
            f".{glob.escape(target.name)}.old.*/{glob.escape(target.name)}"
        ):
            shutil.rmtree(left.parent, ignore_errors=True)


def sha256_of(path: str | Path) -> str:
    """Return the hexadecimal SHA-256 of a file, read in pieces."""
    digest = hashlib.sha256()
    with Path(path).open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def first_line(error: Exception) -> str:
    """RETURNS (str): The first line of an error's message, or the error's name if it has none."""
    return (str(error).strip() or type(error).__name__).splitlines()[0]


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence transformers' remarks on weights that are left out or made anew.

    What matters of them is checked and reported by whoever loads the model.
    """
    from transformers.utils import logging

    level = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        yield
    finally:
        logging.set_verbosity(level)


def place_of(example: "Example", number: int | None = None) -> str:
    """Name a document for a message: by its id or, if it has none, by its place.

    example (Example): The reference carries the id.
    number (Optional[int]): Its place among others, from 1.
    RETURNS (str): The name.
    """
    if (own := example.reference.user_data.get("id")) is not None:
        return str(own)
    return "without an id" if number is None else f"number {number}"
