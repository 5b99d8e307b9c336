"""`records`: the project's own interchange, one JSON object a line.

{"id": …, "text": …, "lang": …, "cats": {"task/label": 1.0}, "spans": [{"start", "end", "label"}],
"meta": {…}}. Only `text` must be there; a span may also have `fragments` ([[start, end], …] of a
discontinuous entity), `id`, `attributes`, `notes`, `kb_id` and `ent_id`, and a text its own
`tokens`, `spaces` and `sentences` (the first token of each). `missing` ([[start, end], …]) is where
a text with `spans` is not annotated for entities. A missing or null `cats` or `spans` says that
nobody annotated the text for it; an empty one says that nothing was found.
"""

import gzip
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ...errors import ClintlError, Errors
from ...util import whole_file
from ..records import ConversionCounts, Record, Span
from .files import numbered_lines
from .json_lines import load_object
from .registry import formats, writers


@formats("records")
def read_records(paths: list[Path], counts: ConversionCounts) -> Iterator[Record]:
    """Read records from JSONL files, plain or gzipped.

    paths (list[Path]): The files.
    counts (ConversionCounts): Takes the lines that were skipped, with file, line and reason.
    YIELDS (Record): The good ones.
    RAISES (ClintlError): A file is empty, or not one of its lines is good.
    """
    for path in paths:
        good = 0
        n_skipped = counts.n_skipped
        for number, line in numbered_lines(path):
            if not line.strip():
                continue
            where = f"{path}:{number}"
            try:
                record = parse_record(line, where)
            except ValueError as error:
                counts.skip(where, str(error))
                continue
            good += 1
            yield record
        if not good:
            skipped = counts.n_skipped - n_skipped
            reason = f"last: {': '.join(counts.skipped[-1])}" if skipped else "the file is empty"
            raise ClintlError(Errors.CL134.format(path=path, n=skipped, reason=reason))


def parse_record(line: str, where: str = "") -> Record:
    """Parse one line of the interchange.

    line (str): A JSON object.
    where (str): File and line, kept in the record.
    RETURNS (Record): The record.
    RAISES (ValueError): What is wrong with the line, in words that do not quote it.
    """
    data = load_object(line)
    text = data.get("text")
    if not isinstance(text, str) or not text.strip():
        raise ValueError("no text")
    meta = data.get("meta") or {}
    if not isinstance(meta, dict):
        raise ValueError("'meta' is not an object")
    if data.get("lang"):
        meta = {"lang": data["lang"], **meta}
    tokens, spaces, sentences = _tokens(data, text)
    return Record(
        text=text,
        cats=_cats(data.get("cats")),
        spans=_spans(data.get("spans"), len(text)),
        tokens=tokens,
        spaces=spaces,
        sentences=sentences,
        meta=meta,
        where=where,
        id=str(data.get("id") or ""),
        missing=_missing(data.get("missing"), len(text)),
    )


@writers("records")
def write_records(records: Iterable[Record], target: Path) -> None:
    """Write records as JSON lines, with all that they hold.

    records (Iterable[Record]): The records.
    target (Path): The file; one whose name ends in .gz is packed.
    """
    opener = gzip.open if target.suffix == ".gz" else open
    with whole_file(target) as temporary, opener(temporary, "wt", encoding="utf-8") as file:
        for record in records:
            data: dict[str, Any] = {"id": record.id} if record.id else {}
            data["text"] = record.text
            for key in ("cats", "tokens", "spaces", "sentences"):
                if getattr(record, key) is not None:
                    data[key] = getattr(record, key)
            if record.spans is not None:
                data["spans"] = [span.to_dict() for span in record.spans]
            if record.missing:
                data["missing"] = [list(span) for span in record.missing]
            if record.meta:
                data["meta"] = record.meta
            file.write(json.dumps(data, ensure_ascii=False) + "\n")


def _tokens(
    data: dict[str, Any], text: str
) -> tuple[list[str] | None, list[bool] | None, list[int] | None]:
    tokens, spaces, sentences = (data.get(key) for key in ("tokens", "spaces", "sentences"))
    if tokens is None:
        return None, None, None
    if not isinstance(tokens, list) or not all(isinstance(token, str) for token in tokens):
        raise ValueError("'tokens' is not a list of texts")
    given = [True] * len(tokens) if spaces is None else spaces
    if not isinstance(given, list) or len(given) != len(tokens):
        raise ValueError("'spaces' is not a list as long as 'tokens'")
    joined = "".join(token + " " * bool(space) for token, space in zip(tokens, given))
    if joined != text + " " * (spaces is None):
        raise ValueError("'tokens' do not make up 'text'")
    if sentences is not None and (
        not isinstance(sentences, list)
        or not all(type(i) is int and 0 <= i < len(tokens) for i in sentences)
    ):
        raise ValueError("'sentences' is not a list of token numbers")
    return tokens, None if spaces is None else [bool(space) for space in given], sentences


def _cats(data: Any) -> dict[str, float] | None:
    if data is None:
        return None
    if not isinstance(data, dict):
        raise ValueError("'cats' is not an object")
    for key, value in data.items():
        task, _, label = key.partition("/")
        if not task or not label:
            raise ValueError("a key in 'cats' is not of the form task/label")
        if not isinstance(value, int | float) or not math.isfinite(value):
            raise ValueError(f"the value of category '{key}' is not a number")
    return {key: float(value) for key, value in data.items()}


def _spans(data: Any, n: int) -> list[Span] | None:
    if data is None:
        return None
    if not isinstance(data, list):
        raise ValueError("'spans' is not a list")
    return [_span(item, n) for item in data]


def _missing(data: Any, n: int) -> list[tuple[int, int]]:
    try:
        found = sorted((start, end) for start, end in data or ())
    except (TypeError, ValueError):
        raise ValueError("'missing' is not a list of offsets") from None
    for start, end in found:
        if type(start) is not int or type(end) is not int or not 0 <= start < end <= n:
            raise ValueError(f"'missing' does not fit a text of {n} characters")
    return found


def _span(item: Any, n: int) -> Span:
    try:
        label = item["label"]
        hull = item["start"], item["end"]
        fragments = tuple((start, end) for start, end in item.get("fragments") or ())
        attributes, notes = item.get("attributes") or {}, item.get("notes") or []
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError("an entity has no start, end or label, or broken fragments") from None
    for start, end in (hull, *fragments):
        # bool is an int to Python, and no offset to us.
        if type(start) is not int or type(end) is not int:
            raise ValueError("an entity's offsets are not whole numbers")
        if not 0 <= start < end <= n:
            raise ValueError(f"entity offsets {start}-{end} do not fit a text of {n} characters")
    if fragments and (fragments[0][0], fragments[-1][1]) != hull:
        raise ValueError("an entity's fragments do not begin and end as the entity does")
    if not isinstance(label, str) or not label:
        raise ValueError("an entity's label is not a text")
    if not isinstance(attributes, dict) or not isinstance(notes, list):
        raise ValueError("an entity's attributes or notes are of the wrong kind")
    return Span(
        *hull,
        label,
        fragments=fragments,
        id=str(item.get("id") or ""),
        attributes=attributes,
        notes=tuple(map(str, notes)),
        kb_id=str(item.get("kb_id") or ""),
        ent_id=str(item.get("ent_id") or ""),
    )
