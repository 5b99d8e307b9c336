"""Reading .spacy files, with errors that name the file."""

from pathlib import Path

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ..errors import ClintlError, Errors


def read_docbin(path: str | Path, vocab: Vocab) -> list[Doc]:
    """Read all Docs of a .spacy file, or of all .spacy files in a folder.

    path (str | Path): The file or folder.
    vocab (Vocab): The vocabulary of the Docs.
    RETURNS (list[Doc]): At least one Doc; of a folder, in the order of the file names.
    RAISES (ClintlError): The path does not exist, a file cannot be read, or there is no Doc.
    """
    path = Path(path)
    if not path.exists():
        raise ClintlError(Errors.CL100.format(path=path))
    docs: list[Doc] = []
    for file in sorted(path.rglob("*.spacy")) if path.is_dir() else [path]:
        try:
            docs.extend(DocBin().from_disk(file).get_docs(vocab))
        except Exception as error:
            # A damaged file can fail anywhere in zlib, msgpack or NumPy.
            raise ClintlError(
                Errors.CL151.format(path=file, reason=type(error).__name__)
            ) from error
    if not docs:
        raise ClintlError(Errors.CL152.format(path=path))
    return docs
