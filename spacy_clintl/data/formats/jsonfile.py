"""Reading large JSON files piece by piece: the elements of their lists, one at a time."""

import gzip
import json
import math
import re
import zlib
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, TextIO

from ...errors import ClintlError, Errors

CHUNK = 1 << 16
SPACE = re.compile(r"[ \t\r\n]*")
# How far before the end of what is read an error may just mean that more must be read: the
# longest escape, literal or number that may be cut.
CUT = 16


def _int(digits: str) -> int | str:
    # A longer one does not fit into 64 bits, and so not into a .spacy file.
    return int(digits) if len(digits) <= 18 else digits


def _float(digits: str) -> float | str:
    value = float(digits)
    return value if math.isfinite(value) else digits


# Numbers that JSON and msgpack cannot hold stay the text that they are.
DECODER = json.JSONDecoder(parse_int=_int, parse_float=_float, parse_constant=str)


def json_elements(path: Path, keys: Collection[str]) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield the elements of the lists in a JSON file; memory holds one of them at a time.

    path (Path): The file, with one or several JSON values one after the other; one whose name ends
        in .gz is unpacked.
    keys (Collection[str]): The members of a top-level object whose lists are taken apart.
    YIELDS (tuple[Any, dict[str, Any]]): An element of a top-level list or of a list under one of
        the keys, and the other members of the object that stand before it. A top-level value
        without such a list is yielded itself.
    RAISES (ClintlError): The file is missing, no JSON, not UTF-8, or a damaged archive.
    """
    if not path.exists():
        raise ClintlError(Errors.CL100.format(path=path))
    opener: Any = gzip.open if path.suffix == ".gz" else open
    line = 1
    try:
        with opener(path, "rt", encoding="utf-8-sig") as file:
            stream = _Stream(file)
            try:
                while stream.peek():
                    yield from _elements(stream, keys)
            finally:
                line = stream.line
    except json.JSONDecodeError as error:
        reason = f"invalid JSON in line {line} or soon after ({error.msg})"
        raise ClintlError(Errors.CL136.format(path=path, reason=reason)) from None
    except UnicodeDecodeError as error:
        raise ClintlError(Errors.CL135.format(path=path, line=line)) from error
    except RecursionError:
        reason = f"JSON nested too deeply after line {line}"
        raise ClintlError(Errors.CL136.format(path=path, reason=reason)) from None
    except (EOFError, OSError, zlib.error) as error:
        raise ClintlError(Errors.CL136.format(path=path, reason=type(error).__name__)) from error


class _Stream:
    def __init__(self, file: TextIO) -> None:
        self.file = file
        self.text = ""
        self.position = 0
        self.line = 1
        self.ended = False

    def _fill(self) -> None:
        self.line += self.text.count("\n", 0, self.position)
        rest = self.text[self.position :]
        self.position = 0
        # As much again: the whole of a long value is scanned a few times, not many.
        more = self.file.read(max(CHUNK, len(rest)))
        self.text = rest + more
        self.ended = not more

    def peek(self) -> str:
        """Return the next character that is not white space; nothing at the end."""
        while True:
            self.position = SPACE.match(self.text, self.position).end()  # type: ignore[union-attr]
            if self.position < len(self.text) or self.ended:
                return self.text[self.position : self.position + 1]
            self._fill()

    def take(self, *expected: str) -> str:
        """Take the next character, which must be one of these."""
        found = self.peek()
        if found not in expected or not found:
            message = f"Expecting {' or '.join(map(repr, expected))}"
            raise json.JSONDecodeError(message, self.text, self.position)
        self.position += 1
        return found

    def value(self) -> Any:
        """Take a whole value."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.position)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated") or error.pos >= len(self.text) - CUT
                if self.ended or not cut:
                    raise
            else:
                # A number at the very end may go on, as 1 does in 1.5 and 1e-5.
                if end + 2 < len(self.text) or self.ended:
                    self.position = end
                    return value
            self._fill()


def _elements(stream: _Stream, keys: Collection[str]) -> Iterator[tuple[Any, dict[str, Any]]]:
    if stream.peek() == "[":
        for element in _list(stream):
            yield element, {}
        return
    if stream.peek() != "{":
        yield stream.value(), {}
        return
    stream.take("{")
    around: dict[str, Any] = {}
    apart = False
    more = stream.peek() != "}"
    if not more:
        stream.take("}")
    while more:
        if stream.peek() != '"':
            stream.take('"')
        key = stream.value()
        stream.take(":")
        if key in keys and stream.peek() == "[":
            apart = True
            for element in _list(stream):
                yield element, around
        else:
            around[key] = stream.value()
        more = stream.take(",", "}") == ","
    if not apart:
        yield around, {}


def _list(stream: _Stream) -> Iterator[Any]:
    stream.take("[")
    if stream.peek() == "]":
        stream.take("]")
        return
    while True:
        yield stream.value()
        if stream.take(",", "]") == "]":
            return
