"""The training config of a run, and the id that says what determines it."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from spacy.schemas import ConfigSchemaInit, ConfigSchemaNlp, ConfigSchemaTraining
from spacy.tokens import DocBin
from spacy.util import load_config
from thinc.api import Config

from ..data.docbin import docbin_files
from ..errors import ClintlError, Errors
from ..util import sha256_of
from .heads import STOCK, Head, score_names
from .plan import Cell, DataSet, Variant

# What `spacy clintl adapt` writes beside an encoder.
TOLD = ("adaptation.json", "README.md", "training_loss.png", "training_log.jsonl")

# Settings of these keys are no paths, though a file of the name may lie there by chance; what
# keeps translations changes nothing.
NAMES = {"cache", "factory", "lang", "labels", "pipeline"}
# Sections of which spaCy knows every setting, but passes over others without a word.
SCHEMAS: dict[str, Any] = {
    "training": ConfigSchemaTraining,
    "nlp": ConfigSchemaNlp,
    "initialize": ConfigSchemaInit,
}
# Components for which a corpus without their gold is of no use.
LEARN_FROM_CORPORA = {"multitask_textcat", "iob_ner", *STOCK}


def config_of(cell: Cell) -> tuple[Config, dict[str, Head]]:
    """Make the config of a run: that of its variant, less what its corpora do not train.

    cell (Cell): The run.
    RETURNS (tuple[Config, dict[str, Head]]): The config, not interpolated, and the component of
        each corpus.
    RAISES (ClintlError): The config cannot be read, an override has no place, a component or a
        task is missing, or a stock component would get several corpora.
    """
    variant = cell.variant
    try:
        config = load_config(variant.config, overrides=variant.overrides, interpolate=False)
        pipeline = list(config["nlp"]["pipeline"])
        components = config["components"]
    except Exception as error:
        # Parsing and overriding fail with errors of several libraries.
        reason = " ".join(str(error).split()) or type(error).__name__
        raise ClintlError(
            Errors.CL504.format(path=variant.config, variant=variant.name, reason=reason)
        ) from error
    _check_overrides(variant, config)
    facts = _sourced(cell, components)
    heads = {corpus.name: _head(variant, corpus, pipeline, facts) for corpus in cell.corpora}
    for name in variant.keep:
        if name not in pipeline or name not in components:
            raise _missing(variant, "component", name, "'keep'", pipeline)
    stock = [head.component for head in heads.values() if head.factory in STOCK]
    if stock and len(heads) > 1:
        raise ClintlError(Errors.CL506.format(variant=variant.name, component=stock[0]))
    wanted = {head.component for head in heads.values()}
    others = {component_of(variant, corpus) for corpus in cell.all_corpora}
    others |= {name for name in pipeline if components[name].get("factory") in LEARN_FROM_CORPORA}
    others -= wanted.union(variant.keep)
    config["nlp"]["pipeline"] = [name for name in pipeline if name not in others]
    for name in others:
        components.pop(name, None)
        config.get("initialize", {}).get("components", {}).pop(name, None)
    named = {head.task for head in heads.values()}
    for name in wanted.difference(variant.keep):
        tasks = components[name].get("tasks") or {}
        for task in set(tasks) - named:
            del tasks[task]
    return config, heads


def _sourced(cell: Cell, components: dict[str, Any]) -> dict[str, Any]:
    """Say how components were made, also those that come from the pipeline a run starts from."""
    start: dict[str, Any] = {}
    if isinstance(cell.start, Cell):
        before = config_of(cell.start)[0]["components"]
        start = _sourced(cell.start, before)
    elif cell.start is not None and (path := cell.start / "config.cfg").is_file():
        try:
            start = load_config(path, interpolate=False)["components"]
        except Exception as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise ClintlError(Errors.CL520.format(path=cell.start, reason=reason)) from error
    return {
        name: start.get(name, block) if "source" in block else block
        for name, block in components.items()
    }


def _check_overrides(variant: Variant, config: Config) -> None:
    """Refuse overrides that would change nothing: the run would be the same under another name.

    What stands below a registered function or a component is checked when the pipeline is made.
    """
    own = load_config(variant.config, interpolate=False)
    text = config.to_str(interpolate=False)
    for key in variant.overrides:
        section, _, setting = key.rpartition(".")
        known: set[str] = set(own.get(section, ()))
        if section in SCHEMAS:
            known |= set(SCHEMAS[section].model_fields)
        elif "." in section or section == "components":
            continue
        # Other sections, such as [paths], say something only where settings refer to them.
        signs = (f"${{{key}}}", f"${{{key}.", f"${{{section}:{setting}", f'"{key}"')
        if setting not in known and not any(sign in text for sign in signs):
            raise ClintlError(
                Errors.CL535.format(
                    variant=variant.name,
                    key=key,
                    section=section,
                    path=variant.config,
                    known=", ".join(sorted(known)) or "none",
                )
            )


def component_of(variant: Variant, corpus: DataSet) -> str:
    """RETURNS (str): The component of a variant that learns a corpus."""
    return variant.components.get(corpus.name, corpus.component)


def id_of(cell: Cell, config: Config, heads: dict[str, Head]) -> str:
    """Name a run by all that determines its scores, wherever its files lie.

    cell (Cell): The run.
    config (Config): Its config.
    heads (dict[str, Head]): The components of its corpora.
    RETURNS (str): Sixteen hexadecimal digits.
    """
    filled = Config(config.copy())
    for name, section in filled.items():
        for key, value in section.items():
            if name == "paths" and isinstance(value, str) and Path(value).exists():
                section[key] = digest(value)
            else:
                section[key] = _digested(value, key)
    data = {
        "config": filled.to_str(interpolate=False),
        "corpora": {
            corpus.name: [
                digest(str(corpus.train)),
                digest(str(corpus.dev)),
                vars(heads[corpus.name]),
            ]
            for corpus in cell.corpora
        },
        "size": cell.size,
        "seed": cell.seed,
        "settings": vars(cell.settings),
        **_transfer_of(cell),
    }
    text = json.dumps(data, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def _digested(value: Any, key: str) -> Any:
    """Put digests in place of the files and folders that settings name, at any depth."""
    if isinstance(value, Mapping):
        return {name: _digested(one, name) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_digested(one, key) for one in value]
    is_name = key in NAMES or key.startswith("@")
    return digest(value) if isinstance(value, str) and not is_name and _is_path(value) else value


def _is_path(text: str) -> bool:
    try:
        path = Path(text).resolve()
        # An empty text, '.' or '/' is hardly meant as all that lies there.
        return path.exists() and not Path.cwd().is_relative_to(path)
    except (OSError, ValueError, RuntimeError):
        # Long texts, such as regular expressions, cannot be the name of a file.
        return False


def _transfer_of(cell: Cell) -> dict[str, Any]:
    """What else determines a run; nothing for the most, whose ids stay as they were."""
    found: dict[str, Any] = {}
    if isinstance(cell.start, Cell):
        found["start"] = id_of(cell.start, *config_of(cell.start))
    elif cell.start is not None:
        found["start"] = digest(str(cell.start))
    if isinstance(cell.beside, Cell):
        found["beside"] = id_of(cell.beside, *config_of(cell.beside))
    elif cell.beside is not None:
        found["beside"] = digest(str(cell.beside))
    for corpus in cell.corpora:
        data = {
            "form": None if corpus.form is None else digest(str(corpus.form)),
            "also": [digest(str(path)) for path in corpus.also],
            # The file that keeps translations changes nothing, that of a dictionary does.
            "through": {
                name: digest(str(value)) if name == "lexicon" and value else value
                for name, value in (corpus.through or {}).items()
                if name != "cache"
            },
        }
        if corpus.further:
            data["further"] = {name: digest(str(path)) for name, path in corpus.further.items()}
        if corpus.is_auxiliary:
            data["auxiliary"] = True
        if any(data.values()):
            found.setdefault("transfer", {})[corpus.name] = data
    return found


@cache
def digest(path: str) -> str:
    """RETURNS (str): The SHA-256 of a file, or of the names and contents of a folder's files.

    What tells of an adaptation (how long it took) is no part of the encoder that came out.
    """
    root = Path(path)
    if not root.exists():
        raise ClintlError(Errors.CL100.format(path=path))
    if root.is_file():
        return sha256_of(root)
    files = sorted(file for file in root.rglob("*") if file.is_file())
    if (root / TOLD[0]).is_file():
        told = {root / name for name in TOLD}
        files = [file for file in files if file not in told]
    lines = (f"{sha256_of(file)} {file.relative_to(root).as_posix()}\n" for file in files)
    return hashlib.sha256("".join(lines).encode("utf-8")).hexdigest()


def check_corpora(cell: Cell, plan: Path) -> None:
    """Check the files and headline scores of a run's corpora, before anything is trained.

    cell (Cell): The run.
    plan (Path): The plan's file, for the messages.
    RAISES (ClintlError): A file is no .spacy file, or a score is none.
    """
    for corpus in cell.corpora:
        known = score_names(corpus.task)
        if corpus.score not in known:
            raise ClintlError(
                Errors.CL536.format(
                    corpus=corpus.name, score=corpus.score, path=plan, known=", ".join(known)
                )
            )
        files = {"train": corpus.train, "dev": corpus.dev}
        files |= {f"further: {name}": path for name, path in corpus.further.items()}
        if corpus.form is not None:
            files["form"] = corpus.form
        files |= {f"also: {path}": path for path in corpus.also}
        for setting, path in files.items():
            try:
                size_of(str(path))
            except ClintlError as error:
                raise ClintlError(
                    Errors.CL537.format(path=plan, setting=setting, corpus=corpus.name, file=path)
                ) from error


@cache
def size_of(path: str) -> tuple[int, int]:
    """RETURNS (tuple[int, int]): The documents and words of a .spacy file or folder."""
    try:
        lengths = [
            len(tokens) for file in docbin_files(path) for tokens in DocBin().from_disk(file).tokens
        ]
    except ClintlError:
        raise
    except Exception as error:
        # A damaged file can fail anywhere in zlib, msgpack or NumPy.
        raise ClintlError(Errors.CL151.format(path=path, reason=type(error).__name__)) from error
    return len(lengths), sum(lengths)


def words_of(cell: Cell) -> float:
    """RETURNS (float): About how many words a run trains on, for estimates of time."""
    words = 0.0
    for corpus in cell.corpora if cell.trains else ():
        n_docs, n_words = size_of(str(corpus.train))
        size = cell.size_of(corpus)
        share = size if size <= 1 else min(1.0, size / max(1, n_docs))
        words += share * n_words + sum(size_of(str(path))[1] for path in corpus.also)
    return cell.settings.epochs * words


def _head(
    variant: Variant, corpus: DataSet, pipeline: list[str], components: dict[str, Any]
) -> Head:
    name = component_of(variant, corpus)
    place = f"the corpus '{corpus.name}'"
    if name not in pipeline or name not in components:
        raise _missing(variant, "component", name, place, pipeline)
    component = components[name]
    tasks = component.get("tasks")
    if corpus.task is not None and tasks is not None and corpus.task not in tasks:
        raise _missing(variant, "task", corpus.task, place, tasks)
    return Head(name, str(component.get("factory", name)), corpus.task, component.get("spans_key"))


def _missing(variant: Variant, what: str, name: str, place: str, known: Any) -> ClintlError:
    return ClintlError(
        Errors.CL505.format(
            variant=variant.name,
            path=variant.config,
            what=what,
            name=name,
            place=place,
            known=", ".join(known) or "none",
        )
    )
