"""Entities as one tag a token (IOB1, IOB2, IOBES, BILOU) or one plain label a token, and back."""

import re
from bisect import bisect_left, bisect_right

from .records import Record

TAG = re.compile(r"[BIESLU]-\S.*|O")


def encode_tags(record: Record, scheme: str = "iob2") -> list[str]:
    """Turn a record's entities into one tag a token; a token is inside if it touches the entity.

    record (Record): With tokens and spans.
    scheme (str): 'iob2' or 'iobes'.
    RETURNS (list[str]): One tag a token. Of overlapping entities the longest, then first, is kept.
    """
    tokens = record.tokens or []
    spaces = record.spaces or [True] * len(tokens)
    starts, ends, offset = [], [], 0
    for token, space in zip(tokens, spaces):
        starts.append(offset)
        ends.append(offset + len(token))
        offset += len(token) + bool(space)
    tags = ["O"] * len(tokens)
    for span in sorted(record.spans or (), key=lambda span: (span.start - span.end, span.start)):
        first, last = bisect_right(ends, span.start), bisect_left(starts, span.end) - 1
        if first > last or any(tag != "O" for tag in tags[first : last + 1]):
            continue
        tags[first : last + 1] = [f"I-{span.label}"] * (last + 1 - first)
        tags[first] = f"B-{span.label}"
        if scheme == "iobes":
            tags[last] = f"E-{span.label}" if last > first else f"S-{span.label}"
    return tags


def decode_tags(tags: list[str]) -> tuple[list[tuple[int, int, str]], int]:
    """Turn IOB1, IOB2, IOBES or BILOU tags into entities.

    tags (list[str]): One tag a token.
    RETURNS (tuple[list[tuple[int, int, str]], int]): Entities as (first token, token after the
        last, label), and how many of them did not begin with B, S or U and were mended.
    """
    entities: list[tuple[int, int, str]] = []
    repaired = 0
    start: int | None = None
    label = ""
    for i, tag in enumerate([*tags, "O"]):
        prefix, _, name = tag.partition("-")
        goes_on = start is not None and prefix in "IEL" and name == label
        if start is not None and not goes_on:
            entities.append((start, i, label))
            start = None
        if prefix != "O" and not goes_on:
            start, label = i, name
            repaired += prefix in "IEL"
        if start is not None and prefix in "ESLU":
            entities.append((start, i + 1, label))
            start = None
    return entities, repaired


def decode_runs(labels: list[str]) -> tuple[list[tuple[int, int, str]], int]:
    """Turn labels without prefixes into entities: a run of one label is one entity.

    Two neighbouring entities of one label cannot be told apart this way; they become one.

    labels (list[str]): One label a token, 'O' outside.
    RETURNS (tuple[list[tuple[int, int, str]], int]): As `decode_tags`; nothing is ever mended.
    """
    entities = []
    start = 0
    for i in range(1, len(labels) + 1):
        if i == len(labels) or labels[i] != labels[start]:
            if labels[start] != "O":
                entities.append((start, i, labels[start]))
            start = i
    return entities, 0
