"""`prodigy`: annotation tasks of Prodigy, one JSON object a line (`prodigy db-out`).

https://prodi.gy/docs/api-interfaces. Read are `text`; `tokens`, whose white space is kept; `spans`
as entities; `options` and `accept` (choice) or `label` and `answer` (binary) as categories. What
else a task holds stands in `meta["prodigy"]`, and the writer puts it back. A text that was
annotated in several tasks gives several records: nothing is merged.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import ClintlError, Errors
from ..records import ConversionCounts, Record, Span
from .files import numbered_lines
from .json_lines import json_files, read_objects, read_records_of
from .registry import formats

# Interfaces where a person marks entities, and those where entities are shown at most.
MARKING = ("ner_manual", "spans_manual")
SHOWING = ("choice", "classification", "html", "text", "text_input")
TOKEN = frozenset(("text", "start", "end", "id", "ws"))


@dataclass(frozen=True)
class _Task:
    name: str
    exclusive: bool
    labels: list[str]


@formats("prodigy")
def read_prodigy(
    paths: list[Path],
    counts: ConversionCounts,
    *,
    task: str = "label",
    exclusive: bool = True,
    labels: list[str] | None = None,
    labels_from: Path | None = None,
) -> Iterator[Record]:
    """Read accepted tasks. A task without an answer counts as accepted, as for `prodigy db-in`.

    Ignored and rejected tasks are skipped, but a rejected binary label says that the label does
    not hold. An accepted binary label says nothing of the other labels, unless they exclude each
    other. Spans that the interface only showed (choice and classification) are no annotation;
    without `_view_id` these are those beside a label or options where there are no tokens. Tokens
    outside of accepted spans count as outside of entities.

    paths (list[Path]): JSONL files, plain or gzipped; in a folder, others are passed over.
    counts (ConversionCounts): Takes the tasks that were skipped, with file, line and reason.
    task (str): The name of the categories' task.
    exclusive (bool): Whether a text has exactly one label.
    labels (list[str] | None): The label inventory, instead of that of all files (read twice).
    labels_from (Path | None): A file of tasks whose labels make the inventory, or a .txt file with
        one label a line.
    YIELDS (Record): One a task, with its tokens where they and white space make up the text.
    RAISES (ClintlError): A label outside the inventory, or a file without a usable task.
    """
    if not task or "/" in task:
        raise ClintlError(Errors.CL146.format(task=task))
    if labels is not None and labels_from is not None:
        raise ClintlError(Errors.CL149)
    files = json_files(paths, counts)
    if labels_from is not None:
        labels = _inventory(Path(labels_from))
    inventory = _survey(files) if labels is None else list(dict.fromkeys(labels))
    kind = _Task(task, exclusive, inventory)
    for path in files:
        yield from read_records_of(path, counts, lambda data, where: _record(data, kind, where))


def _inventory(path: Path) -> list[str]:
    if path.suffix == ".txt":
        lines = (line.strip() for _, line in numbered_lines(path))
        labels = [line for line in lines if line]
    else:
        labels = _survey([path])
    if not labels:
        raise ClintlError(Errors.CL148.format(path=path))
    return labels


def _survey(paths: list[Path]) -> list[str]:
    found: set[str] = set()
    for path in paths:
        for _, data in read_objects(path, ConversionCounts()):
            try:
                offered, accepted = _choice(data)
            except ValueError:
                continue
            found.update(offered or accepted or _binary(data) or ())
    return sorted(found)


def _record(data: dict[str, Any], task: _Task, where: str) -> Record:
    text, meta, name = data.pop("text", None), data.pop("meta", None) or {}, data.get("id")
    if not isinstance(text, str) or not text.strip():
        raise ValueError("no text")
    if not isinstance(meta, dict):
        raise ValueError("'meta' is not an object")
    cats = _cats(data, task, where)
    spans = None
    # A rejected binary label leaves open what the spans beside it are worth.
    if data.get("answer") != "reject" and _is_marked(data):
        given = data.pop("spans", None)
        if given is not None:
            spans = _spans(given, text)
        elif _is_manual(data) or not _has_choice(data):
            spans = []
    tokens = _tokens(data, text)
    if type(name) in (str, int) and name != "":
        del data["id"]
    else:
        name = ""
    if "prodigy" in meta:
        data["meta"] = {"prodigy": meta["prodigy"]}
    return Record(
        text=text,
        cats=cats,
        spans=spans,
        tokens=None if tokens is None else [token for token, _ in tokens],
        spaces=None if tokens is None else [space for _, space in tokens],
        meta={**meta, "prodigy": data} if data else meta,
        where=where,
        id=str(name),
    )


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _has_choice(data: dict[str, Any]) -> bool:
    return any(data.get(key) is not None for key in ("options", "accept", "label"))


def _is_marked(data: dict[str, Any]) -> bool:
    """Whether a person marked entities, also if none was found."""
    view = data.get("_view_id")
    if view in SHOWING:
        return False
    if _is_manual(data) or data.get("tokens"):
        return True
    return data.get("spans") is not None and (view is not None or not _has_choice(data))


def _cats(data: dict[str, Any], task: _Task, where: str) -> dict[str, float] | None:
    answer = data.get("answer", "accept")
    if answer not in ("accept", "reject"):
        known = "it is 'ignore'" if answer == "ignore" else "it is none of Prodigy's"
        raise ValueError(f"no answer to learn from: {known}")
    offered, accepted = _choice(data)
    binary = _binary(data) if offered is None and accepted is None else None
    if answer == "reject" and binary is None:
        raise ValueError("no answer to learn from: it is 'reject'")
    chosen = accepted if binary is None else binary
    if chosen is None:
        return None
    for name in chosen:
        if name not in task.labels:
            raise ClintlError(Errors.CL150.format(where=where, label=name))
    if binary is not None and (answer == "reject" or not task.exclusive):
        return {f"{task.name}/{name}": float(answer == "accept") for name in binary}
    if task.exclusive and len(chosen) > 1:
        raise ValueError(f"{len(chosen)} labels in an exclusive task; set --multi-label")
    if task.exclusive and not chosen:
        return None
    return {f"{task.name}/{name}": float(name in chosen) for name in task.labels}


def _binary(data: dict[str, Any]) -> list[str] | None:
    label = data.get("label")
    return [label] if isinstance(label, str) and label and not _is_manual(data) else None


def _is_manual(data: dict[str, Any]) -> bool:
    return data.get("_view_id") in MARKING


def _choice(data: dict[str, Any]) -> tuple[list[str] | None, list[str] | None]:
    """Return the names of the options and of those that were chosen, None where not given."""
    offered = accepted = None
    if _is_manual(data):
        return offered, accepted
    options, accept = data.get("options"), data.get("accept")
    if options is not None:
        if not isinstance(options, list) or not all(isinstance(item, dict) for item in options):
            raise ValueError("'options' is not a list of objects")
        offered = _names([item.get("id") for item in options], "options")
    if accept is not None:
        accepted = _names(accept if isinstance(accept, list) else [accept], "accept")
        if offered is not None and not set(accepted) <= set(offered):
            raise ValueError("'accept' names what is not among the options")
    return offered, accepted


def _names(values: list[Any], key: str) -> list[str]:
    if not all(type(value) is int or _is_name(value) for value in values):
        raise ValueError(f"a name in '{key}' is no text")
    return list(dict.fromkeys(map(str, values)))


def _spans(spans: Any, text: str) -> list[Span]:
    if not isinstance(spans, list) or not all(isinstance(span, dict) for span in spans):
        raise ValueError("'spans' is not a list of objects")
    found = []
    for span in spans:
        start, end, label = (span.pop(key, None) for key in ("start", "end", "label"))
        _check_offsets(start, end, len(text), "a span")
        if not _is_name(label):
            raise ValueError("a span has no label")
        if isinstance(span.get("text"), str) and span.pop("text") != text[start:end]:
            raise ValueError(f"the span {start}-{end} repeats another text than stands there")
        name = span.pop("id") if isinstance(span.get("id"), str) else ""
        # Where a span begins and ends among the tokens is made anew by the writer.
        rest = {key: span[key] for key in span if key not in ("token_start", "token_end")}
        found.append(Span(start, end, label, id=name, attributes=rest))
    return found


def _tokens(data: dict[str, Any], text: str) -> list[tuple[str, bool]] | None:
    """Take out the tokens, each with whether a space follows; None where they do not make up the
    text. Those that say more than the result stay in `data`."""
    tokens = data.get("tokens")
    if tokens is None:
        return None
    if not isinstance(tokens, list) or not all(isinstance(token, dict) for token in tokens):
        raise ValueError("'tokens' is not a list of objects")
    found: list[tuple[str, bool]] = []
    fits, plain, here = bool(tokens), True, 0
    for i, token in enumerate(tokens):
        start, end = token.get("start"), token.get("end")
        _check_offsets(start, end, len(text), "a token", empty=True)
        # Word pieces ('##ing', lower case, special tokens) need not be the text's own words.
        if token.get("text") != text[start:end] and "tokenizer_id" not in token:
            raise ValueError(f"the token {start}-{end} repeats another text than stands there")
        plain = plain and token.keys() <= TOKEN and token.get("id", i) == i
        fits = fits and start == here < end
        space = text[end : end + 1] == " "
        found.append((text[start:end], space))
        here = end + space
    if not fits or here != len(text):
        return None
    if plain:
        del data["tokens"]
    return found


def _check_offsets(start: Any, end: Any, n: int, what: str, empty: bool = False) -> None:
    # bool is an int to Python, and no offset to us.
    if type(start) is not int or type(end) is not int:
        raise ValueError(f"{what} has no whole numbers as offsets")
    if not (0 <= start <= end <= n and (empty or start < end)):
        raise ValueError(f"{what} at {start}-{end} does not fit a text of {n} characters")
