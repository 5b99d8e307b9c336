"""`brat`: standoff annotation, a .txt and an .ann file for each document.

Source: https://brat.nlplab.org/standoff.html. Read are entities (also in fragments), attributes,
normalizations and notes; relations, events and equivalences are kept as lines in
`meta["brat"]["lines"]`, so that the writer gives back what the reader took.
"""

import os
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import ClintlError, Errors
from ...util import whole_folder
from ..records import ConversionCounts, Record, Span
from .brat_ann import (
    LINE,
    TYPE,
    Line,
    Said,
    entity_lines,
    name_lines,
    parse_entity,
    parse_line,
    standing,
)
from .files import numbered_lines
from .registry import formats, warn_if_partial, writers

# As in brat: the .ann file or, if there is none, those of the BioNLP shared tasks together.
PARTS = (".a1", ".a2", ".co", ".rel")
SUFFIXES = (".txt", ".ann", *PARTS)


@formats("brat")
def read_brat(
    paths: list[Path], counts: ConversionCounts, *, label_from_note: str | None = None
) -> Iterator[Record]:
    """Read one record a document.

    A missing .ann file says 'not annotated', an empty one 'no entity'. `Span.attributes` holds A
    and M lines ({"Negation": True, "Certainty": "low"}) and, under "references", N lines
    ([{"id": "MeSH:D009369", "text": …}]); `Span.notes` holds # lines. A line that does not fit the
    text or the format is skipped and counted, and so is every line that refers to it.

    paths (list[Path]): The files; others than .txt, .ann, .a1, .a2, .co and .rel are passed over. A
        partner that is not among them is looked for beside them.
    counts (ConversionCounts): Takes the lines and files that were skipped, with the reason.
    label_from_note (str | None): A regular expression that finds the label in a note on the
        entity: its first group, or all of its match. The type in the T line is then kept as
        attribute "brat_type"; an entity without such a note is skipped and counted.
    YIELDS (Record): Text and entities. `id` and `meta["document"]` are the file's name without
        suffix, with the folders below the one that all files have in common.
    RAISES (ClintlError): There is no file of the format, one cannot be read, or the expression is
        none.
    """
    pattern = _pattern(label_from_note)
    documents: dict[Path, Path] = {}
    for path in paths:
        if path.suffix in SUFFIXES:
            documents.setdefault(path.with_name(path.name[: -len(path.suffix)]), path)
    if not documents:
        reason = f"there is no file in {', '.join(SUFFIXES)}"
        raise ClintlError(Errors.CL134.format(path=paths[0].parent, n=0, reason=reason))
    top = os.path.commonpath([stem.parent for stem in documents])
    for stem, path in documents.items():
        txt, ann, *parts = (stem.with_name(stem.name + suffix) for suffix in SUFFIXES)
        parts = [part for part in parts if part.exists()]
        if not txt.exists():
            counts.skip(f"{path}", "there is no .txt file beside it")
            continue
        text, shifts = _text(txt)
        if not text.strip():
            counts.skip(f"{txt}", "no text")
            continue
        if ann.exists():
            for part in parts:
                counts.skip(f"{part}", "not read, since there is an .ann file")
            parts = [ann]
        name = stem.relative_to(top).as_posix()
        meta: dict[str, Any] = {"document": name}
        spans = None
        if parts:
            spans, kept = _annotation(parts, text, shifts, counts, pattern)
            meta |= {"brat": kept} if kept else {}
        yield Record(text, spans=spans, meta=meta, where=f"{txt}", id=name)


def _pattern(label_from_note: str | None) -> re.Pattern[str] | None:
    try:
        return re.compile(label_from_note) if label_from_note else None
    except re.error as error:
        option = "--label-from-note"
        message = Errors.CL133.format(name="brat", option=option, value=label_from_note)
        raise ClintlError(message) from error


def _text(path: Path) -> tuple[str, tuple[int, ...]]:
    """Read a text to the character; also what to add to offsets."""
    text = "".join(line for _, line in numbered_lines(path, newline=""))
    with path.open("rb") as file:
        # A byte order mark is no part of the text, but brat counts it.
        marked = file.read(3) == b"\xef\xbb\xbf"
    return text, (-1, 0) if marked else (0,)


def _annotation(
    paths: list[Path],
    text: str,
    shifts: tuple[int, ...],
    counts: ConversionCounts,
    pattern: re.Pattern[str] | None,
) -> tuple[list[Span], dict[str, Any]]:
    """Read annotation files: the entities, and what else the writer needs."""
    spans: dict[str, tuple[Span, str]] = {}
    lines = []
    for path in paths:
        for number, content in numbered_lines(path, newline="\n"):
            where = f"{path}:{number}"
            if not content.strip():
                continue
            try:
                line = parse_line(content, where)
                if line.kind != "T":
                    lines.append(line)
                elif line.id in spans:
                    raise ValueError(f"there are two lines {line.id}")
                else:
                    spans[line.id] = parse_entity(line, text, shifts), where
            except ValueError as error:
                counts.skip(where, str(error))
    lines = _standing(lines, spans, counts)
    said = {name: Said() for name in spans}
    others = []
    for line in lines:
        target = line.refers_to[0] if line.refers_to else ""
        if target not in said or not said[target].take(line):
            others.append(line)
    found = []
    for name, (span, where) in spans.items():
        attributes: dict[str, Any] = dict(said[name].attributes)
        if pattern is not None:
            match = next(filter(None, map(pattern.search, said[name].notes)), None)
            label = (match[1] if pattern.groups else match[0]) if match else None
            if not label:
                counts.skip(where, "no note gives this entity a label")
                continue
            attributes[TYPE], span = span.label, replace(span, label=label)
        found.append(replace(span, attributes=attributes, notes=tuple(said[name].notes)))
    names = {span.id: said[span.id].names for span in found if said[span.id].names}
    about = {name.split()[0] for given in names.values() for name in given}
    others = _standing(others, {*(span.id for span in found), *about}, counts)
    kept: dict[str, Any] = {"lines": [str(line) for line in others]} if others else {}
    if dict(name_lines(found, others, {})) != {span.id: names.get(span.id, []) for span in found}:
        kept["names"] = names
    return found, kept


def _standing(lines: list[Line], names: Iterable[str], counts: ConversionCounts) -> list[Line]:
    good, lost = standing(lines, names)
    for line in lost:
        counts.skip(line.where, "it refers to a line that is missing or was skipped")
    return good


@writers("brat")
def write_brat(records: Iterable[Record], target: Path) -> None:
    """Write a .txt and an .ann file for each record; only a .txt file where it is not annotated.

    Files are named by the record's id; what cannot stand in a file name becomes '_'. Attributes
    that are no word become a note `name: JSON`. Tokens, sentences and categories have no place in
    the format. Relations and events of entities that are no longer there are left out.

    records (Iterable[Record]): The records.
    target (Path): The folder; it appears whole or not at all.
    RAISES (ClintlError): A label that is empty or holds white space.
    """
    with whole_folder(target) as folder:
        for number, record in enumerate(warn_if_partial(records), start=1):
            stem = _stem(folder, record.id or f"document-{number}")
            stem.parent.mkdir(parents=True, exist_ok=True)
            _write(stem.with_name(stem.name + ".txt"), record.text)
            if record.spans is not None:
                content = "".join(f"{line}\n" for line in _lines(record, record.spans))
                _write(stem.with_name(stem.name + ".ann"), content)


def _lines(record: Record, spans: list[Span]) -> Iterator[str]:
    kept = record.meta.get("brat") or {}
    given = kept.get("names") or {}
    raw = [Line("", *m.groups()) for m in map(LINE.fullmatch, kept.get("lines") or ()) if m]
    named = name_lines(spans, raw, given)
    for span, (name, names) in zip(spans, named):
        yield from entity_lines(span, record.text, name, names)
    there = {part for name, names in named for part in (name, *(n.split()[0] for n in names))}
    yield from map(str, standing(raw, there)[0])


def _stem(folder: Path, name: str) -> Path:
    """Find a path below the folder where no file lies yet."""
    parts = [re.sub(r'[\x00-\x1f<>:"\\|?*]|^\.', "_", part)[:80] for part in name.split("/")]
    path = folder.joinpath(*filter(None, parts or ["_"]))
    if path == folder:
        path = folder / "_"
    stem, n = path, 1
    while stem.with_name(stem.name + ".txt").exists():
        n += 1
        stem = path.with_name(f"{path.name}-{n}")
    return stem


def _write(path: Path, content: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(content)
