"""The files of the BioC format: documents, one at a time, from XML, JSON and JSON lines."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from ..records import ConversionCounts
from .files import numbered_lines
from .jsonfile import DECODER, json_elements
from .xmlfile import xml_elements

XML, JSON, LINES = (".xml",), (".json", ".biocjson"), (".jsonl", ".ndjson")
# What holds documents in a collection, and in the export of PubTator 3.
LISTS = ("documents", "PubTator3")


def bioc_documents(
    path: Path, counts: ConversionCounts
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Yield the documents of a BioC file.

    path (Path): The file. Its name's ending, before any .gz, says what it is; of another ending,
        its first character does.
    counts (ConversionCounts): Takes what is no document, with file and place.
    YIELDS (tuple[str, dict, dict]): Where it stands; the document in the shape of BioC JSON, not
        yet checked; the other members of its collection.
    RAISES (ClintlError): A file that cannot be read.
    """
    name = path.name.lower().removesuffix(".gz")
    if name.endswith(LINES):
        yield from _from_lines(path, counts)
    elif name.endswith(XML) or (not name.endswith(JSON) and _begins_as_xml(path)):
        yield from _from_xml(path, counts)
    else:
        n = 0
        for value, around in json_elements(path, LISTS):
            for document, header in _unwrap(value, around):
                n += 1
                where = f"{path}, document {n}"
                if document is None:
                    counts.skip(where, "neither a BioC document nor a collection")
                else:
                    yield where, document, header


def _begins_as_xml(path: Path) -> bool:
    for _, line in numbered_lines(path):
        if line.strip():
            return line.lstrip().startswith("<")
    return False


def _from_lines(
    path: Path, counts: ConversionCounts
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for number, line in numbered_lines(path, newline="\n"):
        where = f"{path}:{number}"
        if not line.strip():
            continue
        try:
            value = DECODER.decode(line)
        except json.JSONDecodeError as error:
            counts.skip(where, f"invalid JSON ({error.msg}, column {error.colno})")
            continue
        except RecursionError:
            counts.skip(where, "JSON nested too deeply")
            continue
        for document, header in _unwrap(value, {}):
            if document is None:
                counts.skip(where, "neither a BioC document nor a collection")
            else:
                yield where, document, header


def _unwrap(
    value: Any, around: dict[str, Any], depth: int = 3
) -> Iterator[tuple[dict[str, Any] | None, dict[str, Any]]]:
    """Find the documents in a value; None where there is something else."""
    if isinstance(value, list) and depth:
        for element in value:
            yield from _unwrap(element, around, depth - 1)
    elif isinstance(value, dict) and "passages" in value:
        yield value, around
    elif isinstance(value, dict) and depth and (found := [k for k in LISTS if k in value]):
        header = {key: member for key, member in value.items() if key not in LISTS}
        for key in found:
            yield from _unwrap(value[key], header, depth - 1)
    else:
        yield None, around


def _from_xml(
    path: Path, counts: ConversionCounts
) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    elements = xml_elements(path)
    root = next(elements)
    if root.tag != "collection":
        counts.skip(str(path), "not BioC: the root element is not collection")
        return
    n = 0
    around: dict[str, Any] = {}
    for element in elements:
        if element.tag == "document":
            n += 1
            where = f"{path}, document {n}"
            try:
                document = _node(element)
            except RecursionError:
                counts.skip(where, "XML nested too deeply")
                continue
            yield where, document, around
        elif element.tag == "infon":
            around.setdefault("infons", {})[element.get("key", "")] = _text(element)
        else:
            around[element.tag] = _text(element)


# Elements that a list of the JSON shape holds.
MANY = {
    **{"passage": "passages", "sentence": "sentences", "annotation": "annotations"},
    **{"relation": "relations", "location": "locations", "node": "nodes"},
}


def _node(element: Element) -> dict[str, Any]:
    """Make the JSON shape of a document or of a part of one."""
    data: dict[str, Any] = {**element.attrib, "infons": {}}
    for child in element:
        if child.tag == "infon":
            data["infons"][child.get("key", "")] = _text(child)
        elif child.tag in ("location", "node"):
            data.setdefault(MANY[child.tag], []).append(dict(child.attrib))
        elif child.tag in MANY:
            data.setdefault(MANY[child.tag], []).append(_node(child))
        else:
            text = _text(child)
            data[child.tag] = text if child.tag == "text" else text.strip()
    if element.tag == "document":
        data.setdefault("passages", [])
    return data


def _text(element: Element) -> str:
    return "".join(element.itertext())
