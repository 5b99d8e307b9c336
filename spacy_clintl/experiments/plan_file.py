"""Reading a plan of experiments, with messages that name the place in the file."""

import itertools
import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import srsly

from ..errors import ClintlError, Errors
from .plan import DataSet, Plan, Settings, Variant

ALL, EACH = "all", "each"


def read_plan(path: str | Path) -> Plan:
    """Read a plan.

    Paths are relative to the working directory, as in project.yml.

    path (str | Path): The YAML file.
    RETURNS (Plan): The plan.
    RAISES (ClintlError): It cannot be read, or a setting is unknown, missing or impossible.
    """
    path = Path(path)
    if not path.is_file():
        raise ClintlError(Errors.CL100.format(path=path))
    try:
        data = srsly.read_yaml(path)
    except Exception as error:
        # The YAML parser has errors of its own for each kind of slip.
        reason = " ".join(str(error).split())
        raise ClintlError(Errors.CL500.format(path=path, reason=reason)) from error
    read = _Reader(path)
    top = read.table(data, "the plan", ("settings", "corpora", "variants", "sizes", "seeds"))
    values = read.table(top.get("settings", {}), "settings", Settings.__dataclass_fields__)
    epochs = {None: Settings.epochs, **_epochs(read, "settings", values)}
    settings = Settings(**{**values, "epochs": epochs[None]})
    read.check(_is_count(settings.evaluations), "settings", "evaluations", values, "1 or more")
    ok = settings.curve_documents == 0 or _is_count(settings.curve_documents)
    read.check(ok, "settings", "curve_documents", values, "0 or more")
    read.check(
        _is_number(settings.warmup) and 0 <= settings.warmup < 1,
        "settings",
        "warmup",
        values,
        "0 or more and below 1",
    )
    corpora = {
        name: _read_corpus(read, name, values)
        for name, values in read.named(top, "corpora").items()
    }
    for name, corpus in corpora.items():
        taken = set(corpora).union(*(c.further for n, c in corpora.items() if n != name))
        both = sorted(taken & set(corpus.further))
        free = "names that no other dev documents have"
        where = f"the corpus '{name}'"
        read.check(not both, where, "further", {"further": ", ".join(both)}, free)
    variants = {
        name: _read_variant(read, name, values, top, corpora)
        for name, values in read.named(top, "variants").items()
    }
    sizes = {size for variant in variants.values() for size in variant.sizes}
    # A size in a table that no run has is a slip, and its number would go to none.
    _check_sizes(read, "settings", values, "epochs", sizes)
    for name, own in top["corpora"].items():
        _check_sizes(read, f"the corpus '{name}'", own, "epochs", sizes)
    _check_sizes(read, "the plan", top, "seeds", sizes)
    by_size = {size: replace(settings, epochs=epochs.get(size, epochs[None])) for size in sizes}
    return Plan(path, by_size, corpora, variants)


class _Reader:
    """Checks with messages that name the plan's file and the place in it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def fail(self, where: str, setting: str, value: Any, expected: str) -> ClintlError:
        return ClintlError(
            Errors.CL502.format(
                path=self.path, where=where, setting=setting, value=value, expected=expected
            )
        )

    def check(
        self, ok: bool, where: str, setting: str, values: Mapping[str, Any], expected: str
    ) -> None:
        if not ok:
            raise self.fail(where, setting, values.get(setting), expected)

    def table(self, values: Any, where: str, known: Any) -> dict[str, Any]:
        if not isinstance(values, Mapping):
            reason = f"{where} is no table"
            raise ClintlError(Errors.CL500.format(path=self.path, reason=reason))
        for setting in values:
            if setting not in known:
                raise ClintlError(
                    Errors.CL501.format(
                        path=self.path, where=where, setting=setting, known=", ".join(known)
                    )
                )
        return dict(values)

    def named(self, values: Mapping[str, Any], setting: str) -> dict[str, Any]:
        table = values.get(setting)
        ok = isinstance(table, Mapping) and bool(table)
        self.check(ok, "the plan", setting, values, "a table with at least one name")
        assert table is not None
        named = {str(name): value for name, value in table.items()}
        for name in named:
            self.name("the plan", setting, name)
        return named

    def name(self, where: str, setting: str, name: str) -> None:
        # Runs are named by parts with slashes between, and pipelines are kept in such folders.
        ok = bool(name.strip()) and not set(name) & set("/\\") and name not in (".", "..")
        if not ok:
            raise self.fail(where, setting, name, "a table from names without slashes")

    def text(self, values: Mapping[str, Any], where: str, setting: str) -> str:
        value = values.get(setting)
        self.check(isinstance(value, str) and bool(value), where, setting, values, "a text")
        return str(value)

    def known(self, name: Any, where: str, kind: str, names: Any) -> str:
        if name not in names:
            raise ClintlError(
                Errors.CL503.format(
                    path=self.path, where=where, kind=kind, name=name, known=", ".join(names)
                )
            )
        return str(name)


def _read_corpus(read: _Reader, name: str, values: Any) -> DataSet:
    where = f"the corpus '{name}'"
    known = ("train", "dev", "score", "component", "task", "further", "epochs")
    values = read.table(values, where, known)
    text = {key: read.text(values, where, key) for key in ("train", "dev", "score", "component")}
    task = read.text(values, where, "task") if values.get("task") is not None else None
    train, dev = Path(text["train"]), Path(text["dev"])
    further = values.get("further") or {}
    ok = isinstance(further, Mapping) and all(isinstance(path, str) for path in further.values())
    read.check(ok, where, "further", values, "a table from names to .spacy files")
    more = {str(name): Path(path) for name, path in further.items()}
    for other in more:
        read.name(where, "further", other)
    epochs = _epochs(read, where, values)
    return DataSet(name, train, dev, text["score"], text["component"], task, more, epochs)


def _read_variant(
    read: _Reader, name: str, values: Any, top: Mapping[str, Any], corpora: Mapping[str, DataSet]
) -> Variant:
    where = f"the variant '{name}'"
    known = (
        *("config", "overrides", "corpora", "components", "sizes", "seeds", "epochs"),
        *("start", "beside", "form", "also", "through", "auxiliary", "keep"),
    )
    values = read.table(values, where, known)
    config = Path(read.text(values, where, "config"))
    if not config.is_file():
        raise ClintlError(Errors.CL100.format(path=config))
    overrides = values.get("overrides") or {}
    ok = isinstance(overrides, Mapping) and all(isinstance(key, str) for key in overrides)
    read.check(ok, where, "overrides", values, "a table from dotted names to values")
    chosen = values.get("corpora", ALL)
    groups: tuple[tuple[str, ...], ...]
    if chosen == ALL:
        groups = (tuple(corpora),)
    elif chosen == EACH:
        groups = tuple((corpus,) for corpus in corpora)
    else:
        # One pipeline may be written without the outer list.
        lists = [chosen] if _is_flat(chosen) else chosen
        expected = f"'{ALL}', '{EACH}', a list of names, or a list of such lists"
        ok = isinstance(lists, list) and bool(lists) and all(map(_is_flat, lists))
        read.check(ok, where, "corpora", values, expected)
        groups = tuple(
            tuple(read.known(corpus, where, "corpus", corpora) for corpus in group)
            for group in lists
        )
        ok = all(len(set(group)) == len(group) for group in groups)
        read.check(ok, where, "corpora", values, "lists that name each corpus once")
    components = values.get("components") or {}
    read.check(isinstance(components, Mapping), where, "components", values, "a table by corpora")
    for corpus in components:
        read.known(corpus, where, "corpus", corpora)
    sizes = _numbers(read, where, values, top, "sizes", _is_size, "a list of numbers, 0 or more")
    seeds = {**_seeds(read, "the plan", top), **_seeds(read, where, values)}
    default = seeds.pop(None, (0,))
    # Without epochs the pipeline that it starts from is scored as it is.
    epochs = _epochs(read, where, values, int(values.get("start") is None))
    for setting in ("epochs", "seeds"):
        _check_sizes(read, where, values, setting, set(sizes))
    forms, also, through = (
        _by_corpus(read, where, values, setting, corpora) for setting in ("form", "also", "through")
    )
    texts = all(isinstance(one, str) for one in forms.values())
    read.check(texts, where, "form", values, "a table from corpora to .spacy files")
    lists = all(_is_flat(one) for one in also.values())
    read.check(lists, where, "also", values, "a table from corpora to lists of .spacy files")
    tables = all(isinstance(one, Mapping) for one in through.values())
    expected = "a table from corpora to settings of translation_transfer"
    read.check(tables, where, "through", values, expected)
    auxiliary = _read_auxiliary(read, where, values, groups)
    keep = values.get("keep") or []
    read.check(not keep or _is_flat(keep), where, "keep", values, "a list of components")
    start, beside = (_read_earlier(read, name, values, top, what) for what in ("start", "beside"))
    ok = beside is None or all(corpus in through for group in groups for corpus in group)
    read.check(ok, where, "beside", values, "left out where a corpus has no 'through'")
    idle = 0 in sizes and start is None and any(n not in also for g in groups for n in g)
    read.check(not idle, where, "sizes", {"sizes": list(sizes)}, "without 0: nothing to train on")
    return Variant(
        name,
        config,
        dict(overrides),
        groups,
        {str(corpus): str(component) for corpus, component in components.items()},
        sizes,
        {size: seeds.get(size, default) for size in sizes},
        {
            size: epochs[size if size in epochs else None]
            for size in sizes
            if size in epochs or None in epochs
        },
        start,
        beside,
        forms,
        {corpus: tuple(files) for corpus, files in also.items()},
        {corpus: dict(settings) for corpus, settings in through.items()},
        auxiliary,
        tuple(keep),
    )


def _read_auxiliary(
    read: _Reader, where: str, values: Mapping[str, Any], groups: tuple[tuple[str, ...], ...]
) -> tuple[str, ...]:
    """Read which corpora are there for others, of which each pipeline needs one."""
    auxiliary = values.get("auxiliary") or []
    read.check(not auxiliary or _is_flat(auxiliary), where, "auxiliary", values, "a list of names")
    named = list(dict.fromkeys(corpus for group in groups for corpus in group))
    for corpus in auxiliary:
        read.known(corpus, where, "corpus", named)
    ok = all(set(group) - set(auxiliary) for group in groups)
    expected = "a list that leaves each pipeline a corpus to be compared by"
    read.check(ok, where, "auxiliary", values, expected)
    return tuple(auxiliary)


def _is_flat(names: Any) -> bool:
    """RETURNS (bool): Whether it is a list of names, not an empty one."""
    return isinstance(names, list) and bool(names) and all(isinstance(n, str) for n in names)


def _read_earlier(
    read: _Reader, name: str, values: Mapping[str, Any], top: Mapping[str, Any], setting: str
) -> str | None:
    """Read whose pipeline a variant takes: one before it, or a folder."""
    where = f"the variant '{name}'"
    if values.get(setting) is None:
        return None
    earlier = read.text(values, where, setting)
    before = itertools.takewhile(lambda other: other != name, map(str, top["variants"]))
    if earlier not in before and not Path(earlier).is_dir():
        expected = "a variant that stands before it, or the folder of a pipeline"
        raise read.fail(where, setting, earlier, expected)
    return earlier


def _by_corpus(
    read: _Reader,
    where: str,
    values: Mapping[str, Any],
    setting: str,
    corpora: Mapping[str, DataSet],
) -> dict[str, Any]:
    """Read a table by names of corpora."""
    table = values.get(setting) or {}
    read.check(isinstance(table, Mapping), where, setting, values, "a table by corpora")
    return {read.known(name, where, "corpus", corpora): value for name, value in table.items()}


def _epochs(
    read: _Reader, where: str, values: Mapping[str, Any], least: int = 1
) -> dict[float | None, int]:
    """Read epochs: a number, or a table by size with 'default' for the others."""
    given = values.get("epochs")
    if given is None:
        return {}
    table = given if isinstance(given, Mapping) else {"default": given}
    expected = f"{least} or more, or a table of such numbers by size"
    epochs: dict[float | None, int] = {}
    for size, number in table.items():
        ok = type(number) is int and number >= least and (size == "default" or _is_size(size))
        read.check(ok, where, "epochs", values, expected)
        epochs[None if size == "default" else float(size)] = number
    return epochs


def _seeds(
    read: _Reader, where: str, values: Mapping[str, Any]
) -> dict[float | None, tuple[int, ...]]:
    """Read seeds: a list, or a table by size with 'default' for the others."""
    given = values.get("seeds")
    if given is None:
        return {}
    table = given if isinstance(given, Mapping) else {"default": given}
    seeds: dict[float | None, tuple[int, ...]] = {}
    for size, numbers in table.items():
        ok = isinstance(numbers, list) and bool(numbers) and all(map(_is_seed, numbers))
        ok = ok and (size == "default" or _is_size(size))
        expected = "a list of whole numbers from 0 to 4294967295, or a table of such lists by size"
        read.check(ok, where, "seeds", values, expected)
        seeds[None if size == "default" else float(size)] = tuple(numbers)
    return seeds


def _check_sizes(
    read: _Reader, where: str, values: Mapping[str, Any], setting: str, sizes: set[float]
) -> None:
    """Refuse a table by size with a size that there is not."""
    table = values.get(setting)
    given = set(table) - {"default"} if isinstance(table, Mapping) else set()
    known = ", ".join(f"{size:g}" for size in sorted(sizes))
    expected = f"a table by sizes that there are: 'default', {known}"
    read.check(given <= sizes, where, setting, values, expected)


def _numbers(
    read: _Reader,
    where: str,
    values: Mapping[str, Any],
    top: Mapping[str, Any],
    setting: str,
    is_valid: Callable[[Any], bool],
    expected: str,
) -> tuple[float, ...]:
    given = values.get(setting, top.get(setting, [1.0]))
    ok = isinstance(given, list) and bool(given) and all(is_valid(value) for value in given)
    if not ok:
        raise read.fail(where, setting, given, expected)
    return tuple(float(value) for value in given)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 1


def _is_seed(value: Any) -> bool:
    # What NumPy takes.
    return type(value) is int and 0 <= value < 2**32


def _is_size(value: Any) -> bool:
    return _is_number(value) and value >= 0 and (value <= 1 or value == int(value))
