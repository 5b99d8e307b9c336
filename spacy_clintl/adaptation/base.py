"""Fetching a base encoder: from wherever it is to a plain Hugging Face folder.

The only step that may need a network. What it writes holds safetensors weights, config.json,
tokenizer.json and base.json, which says where they come from. Remote code is never trusted.
"""

import json
import os
import pickle
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from transformers import AutoTokenizer

from ..errors import ClintlError, Errors
from ..models.encoder import check_encoder_folder, load_encoder
from ..util import first_line, quiet_transformers, sha256_of, whole_folder
from .sources import find_source

PROVENANCE, REPORT = "base.json", "adaptation.json"
WEIGHTS = "model.safetensors"


def fetch_base(
    name: str,
    out: str | Path,
    *,
    sha256: str | None = None,
    revision: str | None = None,
) -> dict[str, Any]:
    """Write an encoder to a plain folder, which appears whole or not at all.

    A single safetensors file is copied as it is, so that its checksum stays the published one;
    shards are copied with their index; pytorch_model.bin is converted, with nothing but tensors
    read from it.

    name (str): A folder, an installed package that carries weights, or a name on the hub.
    out (str | Path): The folder to write; an encoder that was written there before is replaced.
    sha256 (Optional[str]): What the weights file must have at its source, in hexadecimal digits.
    revision (Optional[str]): Branch, tag or commit on the hub.
    RETURNS (dict): What is written to `base.json`.
    RAISES (ClintlError): When the encoder is nowhere, of an unsupported kind, damaged, not the one
        that `sha256` describes, or needs a library that is missing.
    """
    out = resolved(out)
    check_target(out, reads=[Path(name).expanduser()])
    source = find_source(name, revision)
    weights = _find_weights(source.folder)
    found = {path.name: sha256_of(path) for path in weights}
    _check_sha256(name, found, sha256)
    try:
        with whole_folder(out) as folder:
            _write_weights(weights, folder)
            _write_config(source.folder, folder)
            with _named_as(folder, source.folder):
                _write_tokenizer(source.folder, folder)
                check_encoder_folder(folder)
                encoder = load_encoder(folder)
                check_rows(encoder.tokenizer, encoder.module.config, folder)
            provenance = {
                "name": name,
                "source": source.kind,
                "revision": source.revision,
                "sha256_found": found,
                "sha256": {p.name: sha256_of(p) for p in sorted(folder.glob("*.safetensors"))},
            }
            text = json.dumps(provenance, indent=2, ensure_ascii=False)
            (folder / PROVENANCE).write_text(text + "\n", encoding="utf-8")
            give_usual_rights(folder)
    except OSError as error:
        raise ClintlError(Errors.CL219.format(path=out, reason=error)) from error
    return provenance


def read_provenance(folder: str | Path) -> dict[str, Any]:
    """Tell where an encoder folder comes from.

    folder (str | Path): An encoder folder.
    RETURNS (dict): The content of `base.json`, or the folder's name, and the weights' checksums.
    RAISES (ClintlError): `base.json` cannot be read, or is something else.
    """
    folder = Path(folder)
    told = check_provenance(folder)
    sums = {path.name: sha256_of(path) for path in sorted(folder.glob("*.safetensors"))}
    return {**told, "sha256": sums}


def check_provenance(folder: Path) -> dict[str, Any]:
    """Read what an encoder folder tells of where it comes from, without looking at the weights.

    folder (Path): An encoder folder.
    RETURNS (dict): The content of `base.json`, or the folder's name.
    RAISES (ClintlError): `base.json` cannot be read, or is something else.
    """
    told: Any = {"name": folder.name, "source": "folder", "revision": None}
    if (folder / PROVENANCE).is_file():
        try:
            told = json.loads((folder / PROVENANCE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            reason = f"{PROVENANCE}: {first_line(error)}"
            raise ClintlError(Errors.CL204.format(path=folder, reason=reason)) from error
    if not isinstance(told, dict) or not all(
        isinstance(told.get(key), str) for key in ("name", "source")
    ):
        reason = f"{PROVENANCE} does not say where it comes from"
        raise ClintlError(Errors.CL204.format(path=folder, reason=reason))
    return told


def resolved(out: str | Path) -> Path:
    """RETURNS (Path): Where a folder to write lies: a link goes on to lead to it.

    RAISES (ClintlError): That cannot be told.
    """
    try:
        return Path(out).resolve()
    except (OSError, RuntimeError) as error:
        raise ClintlError(Errors.CL219.format(path=out, reason=error)) from error


def check_target(out: Path, *, reads: Iterable[Path] = ()) -> None:
    """Refuse to replace anything but an encoder folder that was written here, or an empty one.

    out (Path): Where an encoder is to be written, resolved.
    reads (Iterable[Path]): What is read for it; those that do not exist do not count.
    RAISES (ClintlError): When something else lies there, what is read, or the current folder, or
        when it is a mount point.
    """
    try:
        if os.path.ismount(out):
            reason = "it is a mount point, which cannot be replaced; name a folder within it"
            raise ClintlError(Errors.CL219.format(path=out, reason=reason))
        if Path.cwd().is_relative_to(out):
            # It would be another folder of the same name; whoever is in it stays in the old one.
            reason = "the current folder cannot be replaced"
            raise ClintlError(Errors.CL219.format(path=out, reason=reason))
        for path in reads:
            if path.exists() and path.resolve().is_relative_to(out):
                raise ClintlError(Errors.CL472.format(path=out, held=path))
        if out.exists() and not _is_replaceable(out):
            raise ClintlError(Errors.CL217.format(path=out))
    except OSError as error:
        raise ClintlError(Errors.CL219.format(path=out, reason=error)) from error


def _is_replaceable(folder: Path) -> bool:
    if not folder.is_dir():
        return False
    found = list(folder.iterdir())
    names = {path.name for path in found}
    # Many programs have a config.json. Ours write a report beside it, and no folders.
    ours = "config.json" in names and not names.isdisjoint((PROVENANCE, REPORT))
    return not found or (ours and not any(path.is_dir() for path in found))


def check_rows(tokenizer: Any, config: Any, folder: str | Path) -> None:
    """Refuse a tokenizer with pieces that the encoder has no rows for.

    tokenizer (PreTrainedTokenizerFast): The encoder's tokenizer.
    config (PretrainedConfig): The encoder's configuration.
    folder (str | Path): Names the encoder in messages.
    RAISES (ClintlError): A piece has a number beyond the rows.
    """
    highest = max(tokenizer.get_vocab().values(), default=-1)
    if highest >= config.vocab_size:
        values = {"highest": highest, "rows": config.vocab_size}
        raise ClintlError(Errors.CL471.format(path=folder, **values))


def give_usual_rights(folder: Path) -> None:
    """Let others read the files as they could read any new file.

    folder (Path): Its files are changed; safetensors writes for the owner only.
    """
    umask = os.umask(0)
    os.umask(umask)
    for path in folder.iterdir():
        path.chmod(0o666 & ~umask)


def _find_weights(folder: Path) -> list[Path]:
    for whole in (WEIGHTS, "pytorch_model.bin"):
        index = folder / f"{whole}.index.json"
        if (folder / whole).is_file():
            return [folder / whole]
        if index.is_file():
            return _shards(index)
    raise ClintlError(Errors.CL212.format(path=folder))


def _shards(index: Path) -> list[Path]:
    try:
        names = json.loads(index.read_text(encoding="utf-8"))["weight_map"].values()
        shards = [index.parent / name for name in sorted(set(names))]
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ClintlError(Errors.CL213.format(path=index, reason="not an index")) from error
    for shard in shards:
        if not shard.is_file() or shard.parent != index.parent:
            raise ClintlError(Errors.CL213.format(path=shard, reason="no such file"))
    return shards


def _check_sha256(name: str, found: dict[str, str], expected: str | None) -> None:
    # Empty: a project whose variable for it is empty wants none checked.
    if not (expected or "").strip():
        return
    if len(found) > 1:
        raise ClintlError(Errors.CL215.format(name=name, n_files=len(found)))
    ((file, digest),) = found.items()
    if digest != expected.strip().lower():
        raise ClintlError(
            Errors.CL211.format(name=name, file=file, found=digest, expected=expected)
        )


def _write_weights(weights: list[Path], folder: Path) -> None:
    if weights[0].suffix == ".bin":
        tensors: dict[str, torch.Tensor] = {}
        for path in weights:
            tensors.update(_read_bin(path))
        safetensors.torch.save_file(tensors, folder / WEIGHTS, metadata={"format": "pt"})
        return
    for path in weights:
        _check_safetensors(path)
        shutil.copyfile(path, folder / path.name)
    if len(weights) > 1 or weights[0].name != WEIGHTS:
        name = f"{WEIGHTS}.index.json"
        shutil.copyfile(weights[0].parent / name, folder / name)


def _read_bin(path: Path) -> dict[str, torch.Tensor]:
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = first_line(error)
        raise ClintlError(Errors.CL213.format(path=path, reason=reason)) from error
    if not isinstance(values, dict):
        raise ClintlError(Errors.CL213.format(path=path, reason="not a table of tensors"))
    # Tied tensors share memory, which safetensors refuses to write.
    return {k: v.contiguous().clone() for k, v in values.items() if isinstance(v, torch.Tensor)}


def _check_safetensors(path: Path) -> None:
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            file.keys()
    except safetensors.SafetensorError as error:
        raise ClintlError(Errors.CL213.format(path=path, reason=error)) from error


def _write_config(source: Path, folder: Path) -> None:
    if not (source / "config.json").is_file():
        raise ClintlError(Errors.CL200.format(path=source, missing="config.json"))
    shutil.copyfile(source / "config.json", folder / "config.json")


def _write_tokenizer(source: Path, folder: Path) -> None:
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(
                str(source), use_fast=True, local_files_only=True, trust_remote_code=False
            )
    # Converters raise whatever their libraries raise.
    except Exception as error:
        reason = first_line(error)
        raise ClintlError(Errors.CL214.format(path=source, reason=reason)) from error
    if not tokenizer.is_fast:
        reason = f"transformers has no fast version of {type(tokenizer).__name__}"
        raise ClintlError(Errors.CL214.format(path=source, reason=reason))
    # Some published tokenizers cut and pad by themselves; later steps decide on that.
    tokenizer.backend_tokenizer.no_truncation()
    tokenizer.backend_tokenizer.no_padding()
    tokenizer.save_pretrained(folder)


@contextmanager
def _named_as(temporary: Path, source: Path) -> Iterator[None]:
    """Let messages name the source, not the temporary folder that is gone when they are read."""
    try:
        yield
    except ClintlError as error:
        raise ClintlError(str(error).replace(str(temporary), str(source))) from error
