"""The lines of an .ann file: entities and what is said of them, and from entities to lines.

What is said of an entity becomes a part of its `Span`; all other lines (relations, events,
equivalences, and what is said of those) are kept as they are.
"""

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ...errors import ClintlError, Errors
from ..records import Span

LINE = re.compile(r"((?:[A-Za-z]+|#[A-Za-z]*)[0-9]+\S*|\*)\t(\S.*)")
TEXT_BOUND = re.compile(r"(\S+) ([0-9]{1,12} [0-9]{1,12}(?:;[0-9]{1,12} [0-9]{1,12})*)\t(.*)")
ATTRIBUTE = re.compile(r"(\S+) (\S+)(?: (\S+))?")
REFERENCE = re.compile(r"(\S+) (\S+) (\S+)(?:\t(.*))?")
NOTE = re.compile(r"(\S+) (\S+)\t(.*)")
NAME = re.compile(r"T[0-9]+\S*")
ANNOTATOR_NOTES = "AnnotatorNotes"
# Attributes of a Span that stand for something else than an A line.
REFERENCES, TYPE = "references", "brat_type"


class Line(NamedTuple):
    """A line of an .ann file: what it is called and what it says.

    where (str): File and line.
    id (str): 'T1', '#3', or '*', which has no name.
    body (str): What follows.
    """

    where: str
    id: str
    body: str

    def __str__(self) -> str:
        return f"{self.id}\t{self.body}"

    @property
    def kind(self) -> str:
        """The letters of the name: T, R, E, A, M, N, # or *."""
        return "#" if self.id[0] == "#" else re.split("[0-9]", self.id)[0]

    @property
    def refers_to(self) -> list[str]:
        """The names of the lines that this one is about."""
        words = self.body.split("\t")[0].split()
        if self.kind == "N":
            # BioNLP 2013 wrote 'Reference Annotation:T1 Referent:X'.
            named = [word.partition(":")[2] for word in words if word.startswith("Annotation:")]
            return named or words[1:2]
        if self.kind in ("A", "M", "#"):
            return words[1:2]
        words = {"E": words, "R": words[1:], "*": words[1:]}.get(self.kind, [])
        return [word.rpartition(":")[2] for word in words]


def parse_line(line: str, where: str) -> Line:
    """Parse one line.

    line (str): The line, with or without its end.
    where (str): File and line.
    RETURNS (Line): Its parts.
    RAISES (ValueError): It has no name or says nothing.
    """
    match = LINE.fullmatch(line.rstrip("\r\n"))
    if match is None:
        raise ValueError("not a line of the format: a name, a tab and what it says")
    return Line(where, *match.groups())


def parse_entity(line: Line, text: str, shifts: Iterable[int] = (0,)) -> Span:
    """Parse a T line and check it against the text.

    line (Line): The line.
    text (str): The text.
    shifts (Iterable[int]): What to add to the offsets; the first that fits the text is taken.
    RETURNS (Span): The entity. Fragments that only a line end divides are one.
    RAISES (ValueError): What is wrong, in words that do not quote the text.
    """
    match = TEXT_BOUND.fullmatch(line.body)
    if match is None:
        raise ValueError("not an entity: a type, offsets, a tab and the covered text")
    label, offsets, covered = match.groups()
    given = [tuple(map(int, pair.split())) for pair in offsets.split(";")]
    reason = ""
    for shift in shifts:
        parts = [(start + shift, end + shift) for start, end in given]
        borders = [offset for part in parts for offset in part]
        if any(s >= e for s, e in parts) or borders != sorted(borders):
            reason = "the offsets are not in order, or an entity is empty"
        elif borders[0] < 0 or borders[-1] > len(text):
            reason = f"offsets {borders[0]}-{borders[-1]} do not fit {len(text)} characters"
        # White space may differ: brat writes line ends as spaces and joins fragments by one.
        elif " ".join(text[s:e] for s, e in parts).split() != covered.split():
            reason = "the covered text is not what stands at the offsets"
        else:
            fragments = _merged(parts, text)
            hull = fragments[0][0], fragments[-1][1]
            return Span(*hull, label, fragments if len(fragments) > 1 else (), id=line.id)
    raise ValueError(reason)


def _merged(parts: list[tuple[int, int]], text: str) -> tuple[tuple[int, int], ...]:
    """Join fragments that only a line end divides: brat cuts entities there."""
    merged = [parts[0]]
    for start, end in parts[1:]:
        gap = text[merged[-1][1] : start]
        if not gap.strip() and ("\n" in gap or "\r" in gap):
            merged[-1] = merged[-1][0], end
        else:
            merged.append((start, end))
    return tuple(merged)


class Said:
    """What lines say of one entity, and the names of these lines in the order of `said_of`."""

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}
        self.notes: list[str] = []
        self._names: dict[str, list[str]] = {"A": [], "N": [], "#": []}

    @property
    def names(self) -> list[str]:
        return self._names["A"] + self._names["N"] + self._names["#"]

    def take(self, line: Line) -> bool:
        """Take in a line; False if a Span has no place for it."""
        kind, name = line.kind, line.id
        if kind in ("A", "M") and (match := ATTRIBUTE.fullmatch(line.body)):
            key, _, value = match.groups()
            if key in self.attributes or key in (REFERENCES, TYPE):
                return False
            self.attributes[key] = True if value is None else value
            kind = "A"
        elif kind == "N" and (match := REFERENCE.fullmatch(line.body)):
            kind_of, target, identifier, text = match.groups()
            if [target] != line.refers_to:
                return False
            given = {"type": kind_of, "id": identifier, "text": text}
            reference = {key: value for key, value in given.items() if value is not None}
            if kind_of == "Reference":
                del reference["type"]
            self.attributes.setdefault(REFERENCES, []).append(reference)
        elif kind == "#" and (match := NOTE.fullmatch(line.body)):
            kind_of, _, text = match.groups()
            self.notes.append(text)
            name += "" if kind_of == ANNOTATOR_NOTES else f" {kind_of}"
        else:
            return False
        self._names[kind].append(name)
        return True


def standing(lines: list[Line], names: Iterable[str]) -> tuple[list[Line], list[Line]]:
    """Divide lines into those that hold together and those about something that is not there.

    lines (list[Line]): The lines.
    names (Iterable[str]): What is there besides them.
    RETURNS (tuple[list[Line], list[Line]]): The good and the others, both in order.
    """
    there = {*names, *(line.id for line in lines)}
    users: dict[str, list[int]] = defaultdict(list)
    lost: set[int] = set()
    for i, line in enumerate(lines):
        for name in line.refers_to:
            users[name].append(i)
    waiting = [name for name in users if name not in there]
    while waiting:
        for i in users[waiting.pop()]:
            if i not in lost:
                lost.add(i)
                waiting.append(lines[i].id)
    return (
        [line for i, line in enumerate(lines) if i not in lost],
        [line for i, line in enumerate(lines) if i in lost],
    )


def said_of(span: Span) -> list[tuple[str, str, str]]:
    """List what a span says beside its place: kind of line (A, N, #), its type, the rest.

    What an A or N line cannot hold becomes a note, `name: JSON`.
    """
    said: list[tuple[str, str, str]] = []
    references: list[tuple[str, str, str]] = []
    notes: list[tuple[str, str, str]] = []
    for key, value in span.attributes.items():
        word = str(value) if isinstance(value, str | int | float) else ""
        if key == TYPE:
            continue
        if key == REFERENCES and (found := _references(value)) is not None:
            references = found
        elif (
            key != REFERENCES
            and re.fullmatch(r"\S+", key)
            and (value is True or re.fullmatch(r"\S+", word))
        ):
            said.append(("A", key, "" if value is True else f" {word}"))
        else:
            notes.append(("#", ANNOTATOR_NOTES, f"\t{key}: {json.dumps(value)}"))
    given = [("#", ANNOTATOR_NOTES, "\t" + _one_line(note)) for note in span.notes]
    return [*said, *references, *given, *notes]


def _one_line(text: str) -> str:
    return re.sub(r"\r?\n", " ", text)


def _references(value: Any) -> list[tuple[str, str, str]] | None:
    found = []
    for item in value if isinstance(value, list) else [None]:
        if not isinstance(item, dict) or not {"id"} <= set(item) <= {"id", "type", "text"}:
            return None
        kind, identifier = str(item.get("type", "Reference")), str(item["id"])
        if not re.fullmatch(r"\S+", kind) or not re.fullmatch(r"\S+", identifier):
            return None
        text = "" if item.get("text") is None else "\t" + _one_line(str(item["text"]))
        found.append(("N", kind, f" {identifier}{text}"))
    return found


def name_lines(
    spans: list[Span], lines: list[Line], given: Mapping[str, list[str]]
) -> list[tuple[str, list[str]]]:
    """Name each entity and the lines about it.

    spans (list[Span]): The entities. They keep their ids where these are names in the format.
    lines (list[Line]): All other lines.
    given (Mapping[str, list[str]]): Names of the lines about an entity, by its id.
    RETURNS (list[tuple[str, list[str]]]): For each entity its name and those of `said_of`.
    """
    used = {name for line in lines for name in (line.id, *line.refers_to)}
    used |= {name.split()[0] for names in given.values() for name in names}
    own = [span.id if NAME.fullmatch(span.id) else "" for span in spans]
    used.update(own)
    last: dict[str, int] = defaultdict(int)
    seen: set[str] = set()

    def new(kind: str) -> str:
        last[kind] += 1
        while f"{kind}{last[kind]}" in used:
            last[kind] += 1
        return f"{kind}{last[kind]}"

    named = []
    for span, name in zip(spans, own):
        kinds = [kind for kind, _, _ in said_of(span)]
        names = given.get(name, []) if name else []
        if [n[0].replace("M", "A") for n in names] != kinds:
            names = [new(kind) for kind in kinds]
        if not name or name in seen:
            name = new("T")
        seen.add(name)
        named.append((name, names))
    return named


def entity_lines(span: Span, text: str, name: str, names: list[str]) -> Iterable[str]:
    """Yield the T line of an entity and the lines about it.

    span (Span): The entity.
    text (str): The text.
    name (str): Its name.
    names (list[str]): The names of the lines about it; a type may follow that of a note.
    YIELDS (str): The lines, without their ends.
    RAISES (ClintlError): The label is empty or holds white space.
    """
    label = str(span.attributes.get(TYPE) or span.label)
    if not re.fullmatch(r"\S+", label):
        raise ClintlError(Errors.CL170.format(label=label))
    parts = [
        part
        for start, end in span.fragments or ((span.start, span.end),)
        for part in _by_line(text, start, end)
    ]
    offsets = ";".join(f"{start} {end}" for start, end in parts)
    covered = re.sub(r"[\r\n]", " ", " ".join(text[start:end] for start, end in parts))
    yield f"{name}\t{label} {offsets}\t{covered}"
    for (_, kind, rest), about in zip(said_of(span), names):
        about, _, own_kind = about.partition(" ")
        yield f"{about}\t{own_kind or kind} {name}{rest}"


def _by_line(text: str, start: int, end: int) -> list[tuple[int, int]]:
    """Cut an entity at line ends, as brat does, unless it begins or ends with one."""
    content = text[start:end]
    if not content or content[0] in "\r\n" or content[-1] in "\r\n":
        return [(start, end)]
    lines = re.finditer(r"[^\r\n]+", content)
    parts = [(start + m.start(), start + m.end()) for m in lines if m[0].strip()]
    # White space at either end would be lost with its line.
    if not parts or (parts[0][0], parts[-1][1]) != (start, end):
        return [(start, end)]
    return parts
