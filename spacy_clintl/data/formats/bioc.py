"""`bioc`: BioC in XML, JSON and JSON lines, also as PubTator 3 exports it.

Sources: Comeau et al., 'BioC: a minimalist approach to interoperability for biomedical text
processing', Database 2013, bat064; https://bioc.sourceforge.net/ ;
https://www.ncbi.nlm.nih.gov/research/pubtator3/api

Not read with the package bioc: it reads whole JSON files at once, and XML with lxml.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..records import ConversionCounts, Record, Span
from .bioc_files import JSON, LINES, XML, bioc_documents
from .registry import formats

# The widest gap between two passages that is filled with white space.
GAP = 1000
# How deep the values of infons may be nested.
DEPTH = 6
SPACE = re.compile(r"\s")
NO_WORD = re.compile(r"[\W_]+")


class _Bad(Exception):
    """What is wrong with a document or annotation, in words that do not quote it."""


@dataclass
class _Segment:
    """A passage's text, or a sentence's, in the document and in the record."""

    offset: int
    text: str
    passage: int
    annotations: list[Any]
    start: int = 0

    def find(self, offset: int) -> int | None:
        """Return the place in the record of an offset inside this segment or at its end."""
        inside = self.offset <= offset <= self.offset + len(self.text)
        return self.start + offset - self.offset if inside else None


@dataclass
class _Text:
    """The whole text. `loose` are the annotations that stand beside the texts, not with one."""

    segments: list[_Segment] = field(default_factory=list)
    loose: list[Any] = field(default_factory=list)
    text: str = ""

    def place(self, own: _Segment | None, offset: int, length: int) -> tuple[int, int] | None:
        """Return where a location lies in the record: in its own segment, or in others."""
        for segments in ([own] if own else [], self.segments):
            starts = [p for s in segments if (p := s.find(offset)) is not None]
            ends = {p for s in segments if (p := s.find(offset + length)) is not None}
            for start in starts:
                if start + length in ends:
                    return start, start + length
        return None


@formats("bioc")
def read_bioc(
    paths: list[Path], counts: ConversionCounts, *, label_infon: str = "type"
) -> Iterator[Record]:
    """Read documents; their passages make one text.

    Between passages stands the white space that the offsets call for. Where a gap is missing, too
    wide or negative, one line end stands there and the offsets of what follows are moved, as they
    are if the first passage does not begin at 0. An annotation with several locations is a
    discontinuous entity; its other infons are the span's attributes. Passages, infons and
    relations stand in `meta["bioc"]`. A document without annotations counts as annotated, with
    nothing found.

    paths (list[Path]): The files. Of several, those in .xml, .json, .jsonl and the like (or .gz)
        are taken.
    counts (ConversionCounts): Takes documents and annotations that were skipped.
    label_infon (str): The infon of an annotation that holds its label.
    YIELDS (Record): One a document.
    RAISES (ClintlError): A file that cannot be read.
    """
    for path in [p for p in paths if _is_known(p)] or paths:
        n, n_skipped = 0, counts.n_skipped
        for where, document, around in bioc_documents(path, counts):
            n += 1
            name = f"{path.name.split('.')[0]}-{n}"
            try:
                yield _record(document, around, where, name, label_infon, counts)
            except _Bad as error:
                counts.skip(where, str(error))
        if not n and counts.n_skipped == n_skipped:
            counts.skip(str(path), "no document")


def _is_known(path: Path) -> bool:
    return path.name.lower().removesuffix(".gz").endswith((*XML, *JSON, *LINES))


def _record(
    document: dict[str, Any],
    around: dict[str, Any],
    where: str,
    name: str,
    label_infon: str,
    counts: ConversionCounts,
) -> Record:
    try:
        json.dumps([document, around], ensure_ascii=False).encode()
    except (RecursionError, UnicodeEncodeError):
        raise _Bad("half of a surrogate pair, or values nested too deeply") from None
    passages = _list(document, "passages")
    whole = _text(passages)
    if not whole.text.strip():
        raise _Bad("the document has no text")
    spans: list[Span] = []
    rows: list[tuple[_Segment | None, Any]] = [
        (segment, a) for segment in whole.segments for a in segment.annotations
    ]
    rows += [(None, a) for a in whole.loose + _list(document, "annotations")]
    for number, (segment, annotation) in enumerate(rows, start=1):
        try:
            spans.append(_span(annotation, segment, whole, label_infon))
        except _Bad as error:
            counts.skip(f"{where}, annotation {number}", str(error))
    id_ = str(document.get("id") or document.get("_id") or name)
    return Record(
        text=whole.text,
        spans=spans,
        meta={"document": id_, "bioc": _meta(document, around, passages, whole)},
        where=where,
        id=id_,
    )


def _text(passages: list[Any]) -> _Text:
    """Put the passages, or their sentences where they have no text of their own, into one text."""
    whole = _Text()
    for number, passage in enumerate(passages):
        if not isinstance(passage, dict):
            raise _Bad("a passage is not an object")
        sentences = [s for s in _list(passage, "sentences") if isinstance(s, dict)]
        annotations = _list(passage, "annotations")
        parts = [passage]
        if not isinstance(passage.get("text"), str) or not passage["text"]:
            parts = sentences
        else:
            annotations = annotations + [a for s in sentences for a in _list(s, "annotations")]
        for part in parts:
            text = part.get("text")
            offset = _number(part.get("offset"))
            if not isinstance(text, str) or offset is None:
                raise _Bad("a passage or sentence has no text or no offset")
            own = annotations if part is passage else _list(part, "annotations")
            _append(whole, _Segment(offset, text, number, list(own)))
        if parts is sentences:
            whole.loose += annotations
    return whole


def _append(whole: _Text, segment: _Segment) -> None:
    if whole.segments:
        last = whole.segments[-1]
        gap = segment.offset - last.offset - len(last.text)
        if last.passage == segment.passage and 0 <= gap <= GAP:
            whole.text += " " * gap
        else:
            # Passages that touch would melt two words into one.
            whole.text += "\n" + " " * (gap - 1 if 0 < gap <= GAP else 0)
    segment.start = len(whole.text)
    whole.text += segment.text
    whole.segments.append(segment)


def _span(annotation: Any, segment: _Segment | None, whole: _Text, label_infon: str) -> Span:
    if not isinstance(annotation, dict):
        raise _Bad("the annotation is not an object")
    infons = annotation.get("infons")
    infons = dict(infons) if isinstance(infons, dict) else {}
    label = infons.pop(label_infon, None)
    if not isinstance(label, str | int) or not str(label).strip():
        raise _Bad(f"the annotation has no infon '{label_infon}'")
    parts = []
    for location in _list(annotation, "locations"):
        location = location if isinstance(location, dict) else {}
        offset, length = _number(location.get("offset")), _number(location.get("length"))
        if offset is None or not length:
            raise _Bad("a location has no offset or no length")
        place = whole.place(segment, offset, length)
        if place is None:
            raise _Bad(f"location {offset}-{offset + length} does not fit the document")
        parts.append(place)
    parts.sort()
    if not parts:
        raise _Bad("the annotation has no location")
    if any(a[1] > b[0] for a, b in pairwise(parts)):
        raise _Bad("the locations overlap")
    start, end = parts[0][0], parts[-1][1]
    if not _agrees(annotation.get("text"), whole.text, parts):
        raise _Bad(f"the annotation's text is not what stands at {start}-{end} of the record")
    return Span(
        start,
        end,
        str(label).strip(),
        fragments=tuple(parts) if len(parts) > 1 else (),
        id=str(annotation.get("id") or ""),
        attributes=_plain(infons),
    )


def _agrees(given: Any, text: str, parts: list[tuple[int, int]]) -> bool:
    """See whether an annotation's own text is the covered one, if it has any."""
    if not given:
        return True
    hull = SPACE.sub(" ", text[parts[0][0] : parts[-1][1]])
    if not isinstance(given, str) or SPACE.sub(" ", given) == hull:
        return isinstance(given, str)
    # Nothing says what stands between the fragments of a discontinuous one.
    covered = " ".join(text[start:end] for start, end in parts)
    return len(parts) > 1 and NO_WORD.sub("", given) == NO_WORD.sub("", covered)


def _meta(
    document: dict[str, Any], around: dict[str, Any], passages: list[Any], whole: _Text
) -> dict[str, Any]:
    segments: dict[int, list[_Segment]] = {}
    for segment in whole.segments:
        segments.setdefault(segment.passage, []).append(segment)
    places = []
    for number, own in segments.items():
        place = {"start": own[0].start, "end": own[-1].start + len(own[-1].text)}
        infons = _plain(passages[number].get("infons"))
        places.append({**place, "infons": infons} if infons else place)
    relations = [
        _plain(relation) for part in (document, *passages) for relation in _list(part, "relations")
    ]
    meta = {
        **{key: _plain(around.get(key)) for key in ("source", "date", "key")},
        "collection": _plain(around.get("infons")),
        "infons": _plain(document.get("infons")),
        "passages": places,
        "relations": relations,
    }
    return {key: value for key, value in meta.items() if value}


def _list(data: dict[str, Any], key: str) -> list[Any]:
    value = data.get(key) or []
    if not isinstance(value, list):
        raise _Bad(f"'{key}' is not a list")
    return value


def _number(value: Any) -> int | None:
    """Read an offset or length: a whole number, in XML written as text."""
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,12}", value):
        return int(value)
    return value if type(value) is int and value >= 0 else None


def _plain(value: Any, depth: int = DEPTH) -> Any:
    if isinstance(value, dict | list) and not depth:
        raise _Bad("values are nested too deeply")
    if isinstance(value, dict):
        return {key: _plain(item, depth - 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, depth - 1) for item in value]
    return value
