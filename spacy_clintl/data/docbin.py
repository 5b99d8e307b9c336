"""Reading and writing .spacy files of any size, with errors that name the file."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import chain, repeat
from pathlib import Path
from typing import Any

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab
from srsly.msgpack import Packer, msgpack_decoders, unpackb

from ..errors import ClintlError, Errors
from ..util import move_whole_folder

# What annotation of a corpus needs; spaCy's default also keeps room for tags, parses and lemmas.
ATTRS = ("ORTH", "ENT_IOB", "ENT_TYPE", "ENT_KB_ID", "ENT_ID", "SENT_START")
# A DocBin is read and written as a whole: larger corpora are spread over files.
TOKENS_A_FILE = 1_000_000


def iter_docbin(path: str | Path, vocab: Vocab, *, forget: bool = False) -> Iterator[Doc]:
    """Read the Docs of a .spacy file, or of all .spacy files in a folder, one file at a time.

    path (str | Path): The file or folder.
    vocab (Vocab): The vocabulary of the Docs.
    forget (bool): Forget the words of a file after it, so that memory does not grow with the
        corpus. A Doc must then not be used once the next one is asked for.
    YIELDS (Doc): Of a folder, in the order of the file names.
    RAISES (ClintlError): The path does not exist, a file cannot be read, or there is no Doc.
    """
    n_docs = 0
    for file in docbin_files(path):
        with vocab.memory_zone() if forget else nullcontext():
            for doc in iter_file(file, vocab):
                n_docs += 1
                yield doc
    if not n_docs:
        raise ClintlError(Errors.CL152.format(path=path))


def iter_file(file: Path, vocab: Vocab) -> Iterator[Doc]:
    """Read the Docs of one .spacy file, which may hold none; else as `iter_docbin`."""
    unpack = _unpacker()
    try:
        docs = DocBin().from_disk(file)
        packed, docs.user_data = docs.user_data, []
        for doc, data in zip(docs.get_docs(vocab), chain(packed, repeat(None))):
            if data is not None:
                doc.user_data.update(unpack(data))
            yield doc
    except Exception as error:
        # A damaged file can fail anywhere in zlib, msgpack or NumPy.
        raise ClintlError(Errors.CL151.format(path=file, reason=type(error).__name__)) from error


def count_docs(file: Path) -> int:
    """Count the Docs of one .spacy file that have tokens, without making them.

    file (Path): The file.
    RAISES (ClintlError): The file cannot be read.
    """
    try:
        return sum(len(tokens) > 0 for tokens in DocBin().from_disk(file).tokens)
    except Exception as error:
        raise ClintlError(Errors.CL151.format(path=file, reason=type(error).__name__)) from error


def read_docbin(path: str | Path, vocab: Vocab) -> list[Doc]:
    """Read all Docs of a .spacy file or folder, as `iter_docbin`, into a list."""
    return list(iter_docbin(path, vocab))


def docbin_files(path: str | Path) -> list[Path]:
    """List the .spacy files that a path stands for: itself, or those below it, in order.

    path (str | Path): A file or folder.
    RAISES (ClintlError): The path does not exist, or the folder has no such file.
    """
    path = Path(path)
    if not path.exists():
        raise ClintlError(Errors.CL100.format(path=path))
    if not path.is_dir():
        return [path]
    below = (file for file in path.rglob("*.spacy") if file.is_file())
    files = sorted(
        file
        for file in below
        if not any(part.startswith(".") for part in file.relative_to(path).parts)
    )
    if not files:
        raise ClintlError(Errors.CL161.format(path=path))
    return files


@contextmanager
def docbin_writer(
    target: str | Path, tokens_a_file: int = TOKENS_A_FILE
) -> Iterator[Callable[[Doc], None]]:
    """Write Docs to a .spacy file, which appears whole when the block ends without an error.

    A large corpus becomes a folder of that name with several files in it, which spaCy's readers
    take just as well; memory holds one file's Docs at a time.

    target (str | Path): The .spacy file. A file or folder that lies there is replaced.
    tokens_a_file (int): When to begin a new file.
    YIELDS (Callable[[Doc], None]): Adds a Doc.
    """
    target = Path(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    docs = DocBin(attrs=ATTRS)
    n_tokens = n_files = 0
    packer = Packer(use_bin_type=True)

    def write() -> None:
        nonlocal docs, n_tokens, n_files
        docs.store_user_data = True
        docs.to_disk(folder / f"part-{n_files:05}.spacy")
        docs = DocBin(attrs=ATTRS)
        n_tokens, n_files = 0, n_files + 1

    def add(doc: Doc) -> None:
        nonlocal n_tokens
        if n_tokens and n_tokens + len(doc) > tokens_a_file:
            write()
        docs.add(doc)
        docs.user_data.append(packer.pack(doc.user_data))
        n_tokens += len(doc)

    try:
        yield add
        if len(docs) or not n_files:
            write()
        if n_files == 1:
            if target.is_dir():
                shutil.rmtree(target)
            os.replace(folder / "part-00000.spacy", target)
        else:
            folder.chmod(0o755)
            move_whole_folder(folder, target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _unpacker() -> Callable[[bytes], Any]:
    """Return what unpacks the user data of Docs.

    spaCy's own way, and its way to pack, looks through all entry points once a Doc, which takes
    longer than all else that is done to a short one.
    """
    hook = None
    for decoder in msgpack_decoders.get_all().values():
        hook = partial(decoder, chain=hook)
    # With any value of `object_pairs_hook` srsly leaves the hooks as they are given.
    return partial(unpackb, raw=False, use_list=False, object_hook=hook, object_pairs_hook=None)
