"""`tokens`: JSON lines with lists of tokens and entity tags, as on the Hugging Face hub.

{"id": …, "tokens": ["No", "fever"], "ner_tags": ["O", "B-SIGN"]}. Tags are IOB1, IOB2, IOBES or
BILOU, as text or as numbers into a list of names (a ClassLabel,
https://huggingface.co/docs/datasets/about_dataset_features). The spaces between the tokens are not
known: texts get one between tokens.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...errors import ClintlError, Errors
from ..records import ConversionCounts, Record
from ..tags import TAG
from .columns import Sentence, record_of
from .files import numbered_lines
from .json_lines import json_files, read_records_of
from .registry import formats


@formats("tokens")
def read_tokens(
    paths: list[Path],
    counts: ConversionCounts,
    *,
    tokens: str = "tokens",
    tags: str = "ner_tags",
    labels: list[str] | None = None,
    labels_from: Path | None = None,
) -> Iterator[Record]:
    """Read one text a line. A null instead of tags says 'not annotated'.

    paths (list[Path]): JSONL files, plain or gzipped; in a folder, others are passed over.
    counts (ConversionCounts): Takes the lines that were skipped, with file, line and reason.
    tokens (str): The key of the tokens.
    tags (str): The key of the tags.
    labels (list[str] | None): What the numbers stand for, in order: O, B-SIGN, I-SIGN and so on.
    labels_from (Path | None): A file with this list: text with one name a line, a JSON list, or
        the dataset_info.json of a data set.
    YIELDS (Record): Tokens and entities. `meta["document"]` is what the line has under 'document',
        'document_id' or 'doc_id', all other keys stand in `meta["tokens"]`; `repaired` counts
        entities that did not begin with a B or S tag.
    RAISES (ClintlError): Numbers without names, names that are no tags, a file without good lines.
    """
    if labels is not None and labels_from is not None:
        raise ClintlError(Errors.CL149)
    names = _names(Path(labels_from), tags) if labels_from is not None else labels
    for i, name in enumerate(names or ()):
        if not TAG.fullmatch(name):
            raise ClintlError(Errors.CL181.format(number=i, path=labels_from or "--labels"))

    def record_of(data: dict[str, Any], where: str) -> Record:
        return _record(data, where, tokens, tags, names)

    for path in json_files(paths, counts):
        yield from read_records_of(path, counts, record_of)


def _record(
    data: dict[str, Any], where: str, tokens_key: str, tags_key: str, names: list[str] | None
) -> Record:
    for key, option in ((tokens_key, "tokens"), (tags_key, "tags")):
        if key not in data:
            raise ValueError(f"no '{key}'; --option {option}=… names another key")
    tokens, tags = data.pop(tokens_key), data.pop(tags_key)
    if not isinstance(tokens, list) or not tokens:
        raise ValueError(f"'{tokens_key}' is not a list of tokens")
    if not all(isinstance(token, str) and token for token in tokens):
        raise ValueError("a token is empty or no text")
    sentence = Sentence(where, tokens=tokens)
    if tags is not None:
        sentence.tags = _tags(tags, where, len(tokens), names)
    record = record_of([sentence], _pop(data, "id"))
    document = _pop(data, "document", "document_id", "doc_id")
    meta: dict[str, Any] = {"document": document} if document else {}
    if data:
        meta["tokens"] = data
    # A line may hold one sentence or many: it does not say.
    spans = None if tags is None else record.spans
    return replace(record, meta=meta, spans=spans, sentences=None)


def _tags(tags: Any, where: str, n: int, names: list[str] | None) -> list[str]:
    if not isinstance(tags, list) or len(tags) != n:
        raise ValueError(f"the tags are not a list of {n}, as many as tokens")
    found = []
    for i, tag in enumerate(tags):
        if type(tag) is int:
            if names is None:
                raise ClintlError(Errors.CL180.format(where=where))
            if not 0 <= tag < len(names):
                raise ValueError(f"tag {tag} is not among the {len(names)} labels")
            tag = names[tag]
        if not isinstance(tag, str) or not TAG.fullmatch(tag):
            raise ValueError(f"tag number {i + 1} is no entity tag such as O or B-LABEL")
        found.append(tag)
    return found


def _pop(data: dict[str, Any], *keys: str) -> str:
    """Take out the first of these keys that holds a name."""
    for key in keys:
        if type(data.get(key)) in (str, int) and data[key] != "":
            return str(data.pop(key))
    return ""


def _names(path: Path, tags_key: str) -> list[str]:
    content = "".join(line for _, line in numbered_lines(path))
    if path.suffix != ".json":
        return [line.strip() for line in content.splitlines() if line.strip()]
    try:
        data = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise ClintlError(Errors.CL136.format(path=path, reason="it is not JSON")) from error
    names = data if isinstance(data, list) else _find(_find(data, tags_key), "names")
    if isinstance(names, dict):
        # Data sets in YAML and their cards number the names: {"0": "O", …}.
        names = list(names.values())
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ClintlError(Errors.CL148.format(path=path))
    return names


def _find(data: Any, key: str) -> Any:
    """Return the first value under a key, at any depth."""
    waiting = [data]
    while waiting:
        item = waiting.pop(0)
        if isinstance(item, Mapping):
            if key in item:
                return item[key]
            waiting += item.values()
        elif isinstance(item, list):
            waiting += item
    return None
