"""Writing annotation tasks for Prodigy, to look at or correct annotation there."""

import json
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

from ...errors import ClintlError, Errors
from ...util import whole_file
from ..records import Record
from .registry import warn_if_partial, writers


@writers("prodigy")
def write_prodigy(records: Iterable[Record], target: Path, *, task: str | None = None) -> None:
    """Write one task a record: `tokens` and `spans`, and the categories of one task as choice.

    What the reader kept of a Prodigy task in `meta["prodigy"]` is put back; a task that was one
    binary label becomes that again. `_view_id` is set where it was not. Of a discontinuous entity
    Prodigy shows the whole stretch; its fragments stand beside it in the span.

    records (Iterable[Record]): The records.
    target (Path): The JSONL file.
    task (str | None): The task of the categories to write; it may be left out if there is one.
    RAISES (ClintlError): A record has categories of several tasks, and none was chosen.
    """
    with whole_file(target) as temporary, temporary.open("w", encoding="utf-8") as file:
        for record in warn_if_partial(records):
            file.write(json.dumps(_task(record, task), ensure_ascii=False) + "\n")


def _task(record: Record, task: str | None) -> dict[str, Any]:
    meta = dict(record.meta)
    kept = meta.pop("prodigy", None)
    kept = dict(kept) if isinstance(kept, dict) else {}
    if isinstance(hidden := kept.pop("meta", None), dict):
        meta |= hidden
    data: dict[str, Any] = {"id": record.id} if record.id else {}
    data["text"] = record.text
    tokens = kept.pop("tokens", None) or _tokens(record)
    if tokens:
        data["tokens"] = tokens
    if record.spans is not None:
        kept.pop("spans", None)
        data["spans"] = _spans(record, tokens)
    choice = _choice(record, task, kept)
    annotated = record.spans is not None or bool(choice)
    data |= {**kept, **choice}
    if meta:
        data["meta"] = meta
    data.setdefault("_view_id", _view(record, data))
    if annotated:
        data.setdefault("answer", "accept")
    return data


def _tokens(record: Record) -> list[dict[str, Any]]:
    found = []
    start = 0
    spaces = record.spaces or [True] * len(record.tokens or ())
    for i, (token, space) in enumerate(zip(record.tokens or (), spaces)):
        end = start + len(token)
        space = bool(space) and end < len(record.text)
        found.append({"text": token, "start": start, "end": end, "id": i, "ws": space})
        start = end + space
    return found


def _spans(record: Record, tokens: list[dict[str, Any]]) -> list[dict[str, Any]]:
    starts = {token.get("start"): token.get("id", i) for i, token in enumerate(tokens)}
    ends = {token.get("end"): token.get("id", i) for i, token in enumerate(tokens)}
    found = []
    for span in record.spans or ():
        data = span.to_dict()
        data = {**data.pop("attributes", {}), **data}
        if span.start in starts and span.end in ends:
            data |= {"token_start": starts[span.start], "token_end": ends[span.end]}
        found.append(data)
    return found


def _choice(record: Record, task: str | None, kept: dict[str, Any]) -> dict[str, Any]:
    """Return what a choice or a binary label says of the record's categories."""
    names = sorted({key.partition("/")[0] for key in record.cats or ()})
    if task is None:
        if len(names) > 1:
            raise ClintlError(Errors.CL183.format(where=record.where, tasks=", ".join(names)))
        task = names[0] if names else ""
    prefix = f"{task}/"
    cats = {
        key.removeprefix(prefix): value >= 0.5
        for key, value in (record.cats or {}).items()
        if key.startswith(prefix)
    }
    if not cats:
        return {}
    label = kept.get("label")
    if label in cats and "options" not in kept and "accept" not in kept:
        return {"answer": "accept" if cats[label] else "reject"}
    options = list(kept.get("options") or ())
    ids = {str(option.get("id")): option.get("id") for option in options}
    if "options" in kept or "accept" not in kept:
        options += [{"id": name, "text": name} for name in cats if name not in ids]
    before = kept.get("accept")
    before = before if isinstance(before, list) else [before]
    if {str(name) for name in before} == {name for name, holds in cats.items() if holds}:
        return {"options": options} if options else {}
    accept = [ids.get(name, name) for name, holds in cats.items() if holds]
    return {"options": options, "accept": accept} if options else {"accept": accept}


def _view(record: Record, data: dict[str, Any]) -> str:
    choice = "options" in data or "accept" in data
    if record.spans is None:
        return "choice" if choice else "classification" if "label" in data else "text"
    if choice or "label" in data:
        return "blocks"
    ends = sorted((span.start, span.end) for span in record.spans)
    overlap = any(end > start for (_, end), (start, _) in pairwise(ends))
    return "spans_manual" if overlap else "ner_manual"
