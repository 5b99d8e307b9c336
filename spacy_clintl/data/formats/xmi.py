"""`xmi`: UIMA CAS in XMI, as INCEpTION, WebAnno, DKPro and cTAKES write it, and as E3C has it.

One file is one CAS; each of its views (sofas) with a text is a record. Offsets of a CAS count
UTF-16 code units. Source: OASIS, Unstructured Information Management Architecture 1.0, 2009,
section 4.1, and the UIMA Reference, chapter 'XMI CAS Serialization'.

Not read with dkpro-cassis: it needs the type system beside the CAS, drops types that lack there,
and parses with lxml.
"""

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import Element

from ...errors import ClintlError, Errors
from ..records import ConversionCounts, Record, Span
from .registry import formats
from .xmlfile import xml_elements

SUFFIXES = (".xmi", ".xml", ".xmi.gz", ".xml.gz")
XMI = "{http://www.omg.org/XMI}"
CAS = "uima.cas."
DKPRO = "de.tudarmstadt.ukp.dkpro.core.api."
# The entities of E3C, and those of DKPro and of INCEpTION's built-in layer.
TYPES = ("webanno.custom.CLINENTITY", f"{DKPRO}ner.type.NamedEntity:value")
TOKEN, SENTENCE = (f"{DKPRO}segmentation.type.{name}" for name in ("Token", "Sentence"))
DOCUMENT = f"{DKPRO}metadata.type.DocumentMetaData"
# What every CAS has, and nobody takes for an entity.
STRUCTURE = ("uima.", *(f"{DKPRO}{n}." for n in ("segmentation", "metadata", "lexmorph", "syntax")))
NUMBER = re.compile(r"[0-9]{1,10}")
PIECE = re.compile(r"\s+|\S+")


@dataclass
class _Cas:
    """What one file holds, still with the offsets of the file, by the id of the sofa."""

    sofas: list[Mapping[str, str]] = field(default_factory=list)
    members: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    entities: dict[str, list[tuple[str, str | None, Any]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    tokens: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    sentences: dict[str, list[Any]] = field(default_factory=lambda: defaultdict(list))
    document: dict[str, Any] = field(default_factory=dict)
    metadata: dict[str, Any] = field(default_factory=dict)


@formats("xmi")
def read_xmi(
    paths: list[Path],
    counts: ConversionCounts,
    *,
    types: list[str] | None = None,
    tokens: bool = True,
) -> Iterator[Record]:
    """Read CAS files; their type system is not needed.

    An annotation's other features become the span's attributes as they stand; a reference to
    another feature structure stays its number. An annotation that is not indexed in its view has
    been deleted, as UIMA sees it, and is skipped. Zero-width annotations at the text's beginning
    describe the document and go to `meta["xmi"]`.

    paths (list[Path]): The files; those whose name does not end in .xmi or .xml (or .gz) and type
        systems are passed over.
    counts (ConversionCounts): Takes annotations that do not fit, and how many annotations there
        are of each type that is not among `types`.
    types (list[str] | None): The types whose annotations are entities, by full or short name.
        Their label is the short name, or with NAME:FEATURE the value of that feature. By default
        CLINENTITY of E3C, and DKPro's NamedEntity:value.
    tokens (bool): Take tokens and sentences of the CAS, where it has them.
    YIELDS (Record): One a view. A CAS without an annotation of these types counts as annotated.
    RAISES (ClintlError): A file that is not XML; no annotation of these types in any file, though
        there are others.
    """
    chosen = {name: feature for name, _, feature in (t.partition(":") for t in types or TYPES)}
    others: Counter[str] = Counter()
    first: dict[str, Path] = {}
    found = False
    for path in [p for p in paths if p.name.lower().endswith(SUFFIXES)] or paths:
        cas = _cas(path, chosen, counts, others, first)
        if cas is None:
            continue
        found = found or any(cas.entities.values())
        n_texts = 0
        for sofa in cas.sofas:
            if sofa.get("sofaString", "").strip():
                n_texts += 1
                yield _record(cas, sofa, path, counts, tokens)
        if not n_texts:
            counts.skip(str(path), "no view of the CAS holds a text")
    if others and not found:
        raise ClintlError(
            Errors.CL176.format(
                path=first[min(others)], types=", ".join(chosen), found=", ".join(sorted(others))
            )
        )
    for name, n in sorted(others.items()):
        counts.skip(str(first[name]), f"{n} annotations of type {name}, here and in files after it")


def type_name(tag: str) -> str:
    """Turn an XMI tag into the name of a UIMA type.

    tag (str): As ElementTree gives it, e.g. '{http:///webanno/custom.ecore}CLINENTITY'.
    RETURNS (str): E.g. 'webanno.custom.CLINENTITY'.
    """
    space, _, name = tag.rpartition("}")
    space = space.removeprefix("{http:///").removesuffix(".ecore").replace("/", ".")
    return name if space in ("", "uima.noNamespace") else f"{space}.{name}"


def _cas(
    path: Path,
    chosen: Mapping[str, str],
    counts: ConversionCounts,
    others: Counter[str],
    first: dict[str, Path],
) -> _Cas | None:
    elements = xml_elements(path)
    root = next(elements)
    if root.tag != f"{XMI}XMI":
        if not root.tag.endswith("}typeSystemDescription"):
            counts.skip(str(path), "not a UIMA CAS: the root element is not xmi:XMI")
        return None
    cas = _Cas()
    for element in elements:
        name = type_name(element.tag)
        short = name.rpartition(".")[2]
        sofa = element.get("sofa", "")
        offsets = element.get("begin", ""), element.get("end", "")
        if name == f"{CAS}Sofa":
            cas.sofas.append(dict(element.attrib))
        elif name == f"{CAS}View":
            cas.members[sofa].update(element.get("members", "").split())
        elif name in chosen or short in chosen:
            feature = chosen.get(name, chosen.get(short))
            label = _features(element).pop(feature, "") if feature else short
            features = {k: v for k, v in _features(element).items() if k != feature}
            known = label if isinstance(label, str) and label.strip() else None
            cas.entities[sofa].append((element.get(f"{XMI}id", ""), known, (*offsets, features)))
        elif name == TOKEN:
            cas.tokens[sofa].append(offsets)
        elif name == SENTENCE:
            cas.sentences[sofa].append(offsets)
        elif name == DOCUMENT:
            cas.document = _features(element)
        elif offsets == ("0", "0") and not name.startswith(STRUCTURE):
            cas.metadata[short] = _features(element)
        elif all(offsets) and not name.startswith(STRUCTURE):
            others[name] += 1
            first.setdefault(name, path)
    return cas


def _features(element: Element) -> dict[str, Any]:
    """Collect the features: attributes, and children for those with several values."""
    features: dict[str, Any] = {
        key: value
        for key, value in element.attrib.items()
        if key not in ("sofa", "begin", "end") and not key.startswith("{")
    }
    for child in element:
        values = features.setdefault(child.tag, [])
        if isinstance(values, list):
            values.append(child.text or "")
    return features


def _record(
    cas: _Cas, sofa: Mapping[str, str], path: Path, counts: ConversionCounts, with_tokens: bool
) -> Record:
    text, sofa_id = sofa["sofaString"], sofa.get(f"{XMI}id", "")
    position = _positions(text)

    def position_of(pair: tuple[str, str]) -> tuple[int | None, int | None]:
        return position(pair[0]), position(pair[1])

    members = cas.members.get(sofa_id)
    spans = []
    for number, label, (begin, end, features) in cas.entities.get(sofa_id, ()):
        where = f"{path}, xmi:id {number if NUMBER.fullmatch(number) else 'missing'}"
        a, b = position_of((begin, end))
        if members is not None and number not in members:
            counts.skip(where, "the annotation is not indexed in its view")
        elif a is None or b is None or a >= b:
            counts.skip(where, f"begin and end do not fit a text of {len(text)} characters")
        elif label is None:
            counts.skip(where, "the annotation lacks the feature that holds the label")
        else:
            spans.append(Span(a, b, label, id=number, attributes=features))
    words, spaces, firsts = None, None, None
    if with_tokens and cas.tokens.get(sofa_id):
        given, begins = cas.tokens[sofa_id], cas.sentences.get(sofa_id, [])
        pairs: list[Any] = sorted(p for p in map(position_of, given) if None not in p)
        places = [a for a, _ in map(position_of, begins) if a is not None]
        if len(pairs) < len(given) or any(a[1] > b[0] for a, b in pairwise(pairs)):
            counts.skip(str(path), "tokens overlap or do not fit the text: it is tokenized anew")
        else:
            words, spaces, starts = fill_gaps(text, pairs)
            if places:
                firsts = sorted({0, *(bisect_left(starts, a) for a in places)} - {len(words)})
        if len(places) < len(begins):
            counts.skip(str(path), "sentences do not fit the text")
    several = sum(bool(other.get("sofaString", "").strip()) for other in cas.sofas) > 1
    stem = path.name.split(".")[0]
    return Record(
        text=text,
        spans=spans,
        tokens=words,
        spaces=spaces,
        sentences=firsts,
        meta=_meta(cas, stem),
        where=f"{path}, view {sofa_id}" if several else str(path),
        id=f"{stem}-{sofa.get('sofaID', '')}" if several else stem,
    )


def _meta(cas: _Cas, stem: str) -> dict[str, Any]:
    meta: dict[str, Any] = {"document": cas.document.get("documentTitle") or stem}
    language = cas.document.get("language") or "x-unspecified"
    if language != "x-unspecified":
        meta["lang"] = language
    kept = {key: cas.document[key] for key in ("documentId",) if cas.document.get(key)}
    if kept or cas.metadata:
        meta["xmi"] = {**kept, **cas.metadata}
    return meta


def _positions(text: str) -> Callable[[str], int | None]:
    """Make a function from an offset in UTF-16 code units, as written, to one in characters."""
    if not text or ord(max(text)) < 0x10000:
        places: Any = range(len(text) + 1)
    else:
        places = []
        for i, character in enumerate(text):
            # Between the two units of a pair lies no character border.
            places += [i, None] if ord(character) >= 0x10000 else [i]
        places.append(len(text))

    def position(offset: str) -> int | None:
        if not NUMBER.fullmatch(offset) or int(offset) >= len(places):
            return None
        return places[int(offset)]

    return position


def fill_gaps(text: str, pairs: list[Any]) -> tuple[list[str], list[bool], list[int]]:
    """Make tokens that cover the whole text: what lies between the given ones becomes tokens, too.

    text (str): The text.
    pairs (list[tuple[int, int]]): Start and end of each given token, in order, without overlaps.
    RETURNS (tuple[list[str], list[bool], list[int]]): Tokens, whether a space follows each, and
        where each begins. As in spaCy, one space goes with the token before it, and further white
        space makes a token.
    """
    words: list[str] = []
    spaces: list[bool] = []
    starts: list[int] = []
    last = 0
    for start, end in [*pairs, (len(text), len(text))]:
        pieces = [match.span() for match in PIECE.finditer(text, last, start)]
        for a, b in [*pieces, (start, end)]:
            if words and not spaces[-1] and text[a:b].startswith(" "):
                spaces[-1] = True
                a += 1
            if a < b:
                words.append(text[a:b])
                spaces.append(False)
                starts.append(a)
        last = max(last, end)
    return words, spaces, starts
