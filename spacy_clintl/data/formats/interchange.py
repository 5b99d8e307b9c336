"""`records`: the project's own interchange, one JSON object a line.

{"id": …, "text": …, "lang": …, "cats": {"task/label": 1.0}, "spans": [{"start", "end", "label"}],
"meta": {…}}. Only `text` must be there. A missing or null `cats` or `spans` says that nobody
annotated the text for it; an empty one says that nothing was found.
"""

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...errors import ClintlError, Errors
from ..records import ConversionCounts, Record, Span
from .files import numbered_lines
from .registry import formats


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
        n_skipped = len(counts.skipped)
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
            skipped = counts.skipped[n_skipped:]
            reason = f"first: {': '.join(skipped[0])}" if skipped else "the file is empty"
            raise ClintlError(Errors.CL134.format(path=path, n=len(skipped), reason=reason))


def parse_record(line: str, where: str = "") -> Record:
    """Parse one line of the interchange.

    line (str): A JSON object.
    where (str): File and line, kept in the record.
    RETURNS (Record): The record.
    RAISES (ValueError): What is wrong with the line, in words that do not quote it.
    """
    try:
        data = json.loads(line)
    except json.JSONDecodeError as error:
        raise ValueError(f"invalid JSON ({error.msg}, column {error.colno})") from None
    if not isinstance(data, dict):
        raise ValueError("not a JSON object")
    text = data.get("text")
    if not isinstance(text, str) or not text.strip():
        raise ValueError("no text")
    meta = data.get("meta") or {}
    if not isinstance(meta, dict):
        raise ValueError("'meta' is not an object")
    if data.get("lang"):
        meta = {"lang": data["lang"], **meta}
    return Record(
        text=text,
        cats=_cats(data.get("cats")),
        spans=_spans(data.get("spans"), len(text)),
        meta=meta,
        where=where,
        id=str(data.get("id") or ""),
    )


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
    spans = []
    for item in data:
        try:
            start, end, label = item["start"], item["end"], item["label"]
        except (KeyError, TypeError):
            raise ValueError("an entity has no start, end or label") from None
        # bool is an int to Python, and no offset to us.
        if type(start) is not int or type(end) is not int:
            raise ValueError("an entity's offsets are not whole numbers")
        if not 0 <= start < end <= n:
            raise ValueError(f"entity offsets {start}-{end} do not fit a text of {n} characters")
        if not isinstance(label, str) or not label:
            raise ValueError("an entity's label is not a text")
        spans.append(Span(start, end, label))
    return spans
