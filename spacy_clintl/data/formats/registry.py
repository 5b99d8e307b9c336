"""The registries of readers and writers, and the options that each of them takes."""

import inspect
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import catalogue

from ...errors import ClintlError, Errors, Warnings
from ..records import Record

# (paths: list[Path], counts: ConversionCounts, *, options) -> Iterator[Record]. A reader's options
# are its keyword-only arguments; it gets all files at once, for labels are those of all files.
Reader = Callable[..., Iterator[Record]]

# (records: Iterator[Record], target: Path, *, options) -> None. Writes one file or one folder.
Writer = Callable[..., None]

formats = catalogue.create("spacy_clintl", "formats", entry_points=True)
writers = catalogue.create("spacy_clintl", "writers", entry_points=True)


def get_reader(name: str) -> Reader:
    """Return the reader registered for a format.

    name (str): The format's name, also one registered by another package.
    RAISES (ClintlError): There is none of this name; the message lists those there are.
    """
    readers = formats.get_all()
    if name not in readers:
        raise ClintlError(Errors.CL130.format(name=name, names=", ".join(sorted(readers))))
    return readers[name]


def get_writer(name: str) -> Writer:
    """Return the writer registered for a format.

    name (str): The format's name.
    RAISES (ClintlError): There is none of this name; the message lists those there are.
    """
    known = writers.get_all()
    if name not in known:
        raise ClintlError(Errors.CL153.format(name=name, names=", ".join(sorted(known))))
    return known[name]


def warn_if_partial(records: Iterable[Record]) -> Iterator[Record]:
    """Pass records on to a writer whose format cannot say that part of a text is not annotated.

    records (Iterable[Record]): The records. Those with `missing` are counted, and a warning behind
        the last one names the number.
    YIELDS (Record): The same.
    """
    n = 0
    for record in records:
        n += bool(record.missing)
        yield record
    if n:
        warnings.warn(Warnings.CW161.format(n=n), stacklevel=3)


def check_options(name: str, function: Reader | Writer, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check the options for a reader or writer and turn text into what its annotations ask for.

    name (str): The format's name, for messages.
    function (Reader | Writer): The format's reader or writer.
    given (Mapping[str, Any]): Options by name; values of None count as not given.
    RETURNS (dict[str, Any]): Keyword arguments for the function.
    RAISES (ClintlError): An option that the function does not have, one that it must have, or a
        value that does not fit.
    """
    parameters = inspect.signature(function).parameters.values()
    known = {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}
    hints = get_type_hints(function)
    options = {}
    for option, value in given.items():
        if value is None:
            continue
        if option not in known:
            names = ", ".join(_flag(o) for o in known) or "none"
            raise ClintlError(Errors.CL131.format(name=name, option=_flag(option), names=names))
        try:
            options[option] = _cast(value, hints.get(option, str))
        except ValueError:
            error = Errors.CL133.format(name=name, option=_flag(option), value=value)
            raise ClintlError(error) from None
    for option, parameter in known.items():
        if parameter.default is parameter.empty and option not in options:
            raise ClintlError(Errors.CL132.format(name=name, option=_flag(option)))
    return options


def option_flags(function: Reader | Writer) -> list[tuple[str, Any]]:
    """List the options of a reader or writer.

    function (Reader | Writer): A format's reader or writer.
    RETURNS (list[tuple[str, Any]]): Flags such as '--label-column', and their defaults.
    """
    parameters = inspect.signature(function).parameters.values()
    return [(_flag(p.name), p.default) for p in parameters if p.kind is p.KEYWORD_ONLY]


def _flag(option: str) -> str:
    return "--" + option.replace("_", "-")


def _cast(value: Any, hint: Any) -> Any:
    if not isinstance(value, str):
        return value
    types = [kind for kind in get_args(hint) if kind is not type(None)]
    if get_origin(hint) is list:
        return [part.strip() for part in value.split(",") if part.strip()]
    if types:
        return _cast(value, types[0])
    if hint is bool:
        if value.lower() not in ("true", "false"):
            raise ValueError(value)
        return value.lower() == "true"
    return hint(value) if hint in (int, float, Path) else value
