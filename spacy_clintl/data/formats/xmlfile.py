"""Reading XML piece by piece with defusedxml: no entity is resolved, nothing outside is fetched."""

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element, ParseError
from xml.parsers.expat import ErrorString

from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import iterparse

from ...errors import ClintlError, Errors


def xml_elements(path: Path) -> Iterator[Element]:
    """Yield the root of an XML file, then each of its children as soon as it is complete.

    Memory holds one child at a time: a child is forgotten when the next one is asked for.

    path (Path): The file; one whose name ends in .gz is unpacked.
    YIELDS (Element): First the root, with its attributes and without its children; then the
        children.
    RAISES (ClintlError): The file is missing, is not well-formed, declares entities, or is a
        damaged archive.
    """
    if not path.exists():
        raise ClintlError(Errors.CL100.format(path=path))
    opener: Any = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rb") as file:
            yield from _children(file)
    except DefusedXmlException as error:
        raise ClintlError(Errors.CL175.format(path=path)) from error
    except ParseError as error:
        # Not the error's own text: it may quote the file.
        line, column = error.position
        reason = f"{ErrorString(error.code) or 'broken XML'} in line {line}, column {column + 1}"
        raise ClintlError(Errors.CL136.format(path=path, reason=reason)) from error
    except (EOFError, OSError, zlib.error) as error:
        raise ClintlError(Errors.CL136.format(path=path, reason=type(error).__name__)) from error
    except (LookupError, ValueError) as error:
        # What the parser says of encodings that Python lacks or that it cannot read.
        reason = "its encoding is not known, or not what it says"
        raise ClintlError(Errors.CL136.format(path=path, reason=reason)) from error


def _children(file: Any) -> Iterator[Element]:
    depth = 0
    root = None
    for event, element in iterparse(file, events=("start", "end")):
        depth += 1 if event == "start" else -1
        if root is None:
            root = element
            yield root
        elif event == "end" and depth == 1:
            yield element
            root.clear()
