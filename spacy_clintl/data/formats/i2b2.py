"""`i2b2`: the 2010 i2b2/VA challenge, concepts (.con) and assertions (.ast) beside a text (.txt).

Source: Uzuner et al. 2011, 2010 i2b2/VA challenge on concepts, assertions, and relations in
clinical text, JAMIA 18:552, and the data set's 'Annotation File Formatting'. The text has one
sentence a line and its tokens divided by spaces. Lines count from 1, tokens from 0, both ends are
inside: c="severe pain" 3:1 3:2||t="problem"||a="present".
"""

import os
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path

from ...errors import ClintlError, Errors
from ..records import ConversionCounts, Record, Span
from .files import numbered_lines
from .registry import formats

N = "[0-9]{1,9}"
CONCEPT = rf'c="(.*)" ({N}):({N}) ({N}):({N})\|\|t="([^"]+)"'
LINE = {".con": re.compile(CONCEPT), ".ast": re.compile(CONCEPT + r'\|\|a="([^"]+)"')}
# Tokens are divided by spaces: one may hold a no-break space.
TOKEN = re.compile(r"[^ \t\r\n]+")
ASSERTIONS = (
    *("present", "absent", "possible", "conditional", "hypothetical"),
    "associated_with_someone_else",
)
USES = ("attribute", "label", "cats")


@dataclass(frozen=True)
class _Concept:
    """A concept: its first token and the one after its last, counted over the document."""

    start: int
    end: int
    label: str


@dataclass
class _Document:
    sentences: list[tuple[int, list[str]]]
    concepts: dict[_Concept, None] | None = None
    assertions: dict[_Concept, str] | None = None


@formats("i2b2")
def read_i2b2(
    paths: list[Path], counts: ConversionCounts, *, group: int = 0, assertions: str = "attribute"
) -> Iterator[Record]:
    """Read texts with their own tokens and sentences.

    Texts and annotation find each other by name (record-1.txt, record-1.con), in one folder or in
    folders side by side (txt, concept, ast); of several texts of one name the nearest counts. A
    text without a .con file is not annotated for entities; an empty .con file says 'no entity'. A
    line that does not fit its text, or an assertion of something that is no concept, is skipped
    and counted. Relations (.rel) are not read.

    paths (list[Path]): The files.
    counts (ConversionCounts): Takes the lines and files that were skipped, with the reason.
    group (int): How many sentences make one text; 0 takes whole documents.
    assertions (str): Where assertions go. 'attribute': into `Span.attributes["assertion"]`;
        'label': into the entity's label too, as `problem-absent`; 'cats': into categories too,
        `assertion/absent` and so on, 1 where at least one problem of the text is so asserted.
    YIELDS (Record): Tokens and entities. `meta["document"]` is the text's file name without suffix.
    RAISES (ClintlError): There is no text, a file cannot be read, an option does not fit.
    """
    if group < 0:
        raise ClintlError(Errors.CL133.format(name="i2b2", option="--group", value=group))
    if assertions not in USES:
        raise ClintlError(Errors.CL133.format(name="i2b2", option="--assertions", value=assertions))
    texts = [path for path in paths if path.suffix == ".txt"]
    if not texts:
        reason = "there is no .txt file; if it lies in a folder below, add --pattern '**/*'"
        raise ClintlError(Errors.CL134.format(path=paths[0].parent, n=0, reason=reason))
    partners = _partners(texts, paths, counts)
    names = _names(texts)
    for path in texts:
        document = _Document(list(_sentences(path)))
        if not document.sentences:
            counts.skip(f"{path}", "no text")
            continue
        con, ast = (partners[path].get(suffix) for suffix in LINE)
        if con is not None:
            document.concepts = {}
            for concept, _, where in _concepts(con, document, counts):
                if concept in document.concepts:
                    counts.skip(where, "the file has the concept twice")
                document.concepts[concept] = None
        if ast is not None:
            document.assertions = _assertions(ast, document, counts)
        yield from _records(document, path, names[path], group, assertions, counts)


def _partners(
    texts: list[Path], paths: list[Path], counts: ConversionCounts
) -> dict[Path, dict[str, Path]]:
    """Find each text's annotation: by name and, of several texts of one name, in the nearest."""
    by_name = defaultdict(list)
    for text in texts:
        by_name[text.stem].append(text)
    partners: dict[Path, dict[str, Path]] = {text: {} for text in texts}
    # Where a single file or only texts were asked for, annotation lies beside them.
    beside = {text.with_suffix(suffix) for text in texts for suffix in LINE} - set(paths)
    for path in [*paths, *sorted(filter(Path.exists, beside))]:
        if path.suffix == ".rel":
            counts.skip(f"{path}", "relations are not read")
        if path.suffix not in LINE:
            continue
        near = [(_shared(path, text), text) for text in by_name.get(path.stem, ())]
        best = [text for shared, text in near if shared == max(near)[0]]
        if not best:
            counts.skip(f"{path}", "there is no .txt file of this name")
        elif len(best) > 1:
            counts.skip(f"{path}", f"{len(best)} .txt files of this name are equally near")
        elif path.suffix in partners[best[0]]:
            counts.skip(f"{path}", f"a second {path.suffix} file for the same text")
        else:
            partners[best[0]][path.suffix] = path
    return partners


def _shared(path: Path, other: Path) -> int:
    return len(Path(os.path.commonpath([path.parent, other.parent])).parts)


def _names(texts: list[Path]) -> dict[Path, str]:
    """Name texts by their files, with folders where the names alone are not different."""
    if len({text.stem for text in texts}) == len(texts):
        return {text: text.stem for text in texts}
    top = os.path.commonpath([text.parent for text in texts])
    return {text: text.with_suffix("").relative_to(top).as_posix() for text in texts}


def _sentences(path: Path) -> Iterator[tuple[int, list[str]]]:
    """Yield line numbers and tokens, without empty lines."""
    for number, line in numbered_lines(path, newline="\n"):
        if tokens := TOKEN.findall(line):
            yield number, tokens


def _concepts(
    path: Path, document: _Document, counts: ConversionCounts
) -> Iterator[tuple[_Concept, str, str]]:
    """Yield concepts whose text stands where the line says: concept, assertion or '', where."""
    tokens = [token for _, sentence in document.sentences for token in sentence]
    firsts = accumulate((len(sentence) for _, sentence in document.sentences), initial=0)
    lines = {n: (first, len(s)) for (n, s), first in zip(document.sentences, firsts)}
    for number, line in numbered_lines(path, newline="\n"):
        where = f"{path}:{number}"
        if not line.strip():
            continue
        match = LINE[path.suffix].fullmatch(line.strip())
        if match is None:
            counts.skip(where, 'not a line of the format: c="…" line:token line:token||t="…"…')
            continue
        covered, *numbers, label = match.groups()[:6]
        first_line, first, last_line, last = map(int, numbers)
        (start, n), (end, m) = lines.get(first_line, (0, 0)), lines.get(last_line, (0, 0))
        if first >= n or last >= m or not start + first <= end + last:
            counts.skip(where, "there are no such tokens")
            continue
        concept = _Concept(start + first, end + last + 1, label)
        found = tokens[concept.start : concept.end]
        if [t.casefold() for t in found] != TOKEN.findall(covered.casefold()):
            counts.skip(where, "the concept's text is not what stands at its tokens")
            continue
        yield concept, "".join(match.groups()[6:]), where


def _assertions(
    path: Path, document: _Document, counts: ConversionCounts
) -> dict[_Concept, str] | None:
    if document.concepts is None:
        counts.skip(f"{path}", "there is no .con file for it")
        return None
    found: dict[_Concept, str] = {}
    for concept, assertion, where in _concepts(path, document, counts):
        if assertion not in ASSERTIONS:
            counts.skip(where, f"the assertion is none of {', '.join(ASSERTIONS)}")
        elif concept not in document.concepts:
            counts.skip(where, "there is no such concept in the .con file")
        elif found.setdefault(concept, assertion) != assertion:
            counts.skip(where, "the concept has another assertion already")
    return found


def _records(
    document: _Document,
    path: Path,
    name: str,
    group: int,
    use: str,
    counts: ConversionCounts,
) -> Iterator[Record]:
    """Cut a document into texts of `group` sentences."""
    sentences = document.sentences
    group = group or len(sentences)
    waiting = sorted(document.concepts or (), key=lambda c: (c.start, c.end, c.label), reverse=True)
    before = 0
    for i in range(0, len(sentences), group):
        part = [tokens for _, tokens in sentences[i : i + group]]
        tokens = [token for sentence in part for token in sentence]
        after = before + len(tokens)
        starts = list(accumulate((len(token) + 1 for token in tokens), initial=0))
        spans, asserted = [], set()
        where = f"{path}:{sentences[i][0]}"
        while waiting and waiting[-1].start < after:
            concept = waiting.pop()
            if concept.end > after:
                counts.skip(where, "a concept goes beyond the sentences of one text")
                continue
            start, end = starts[concept.start - before], starts[concept.end - before] - 1
            span = Span(start, end, concept.label)
            if assertion := (document.assertions or {}).get(concept):
                asserted.add(assertion)
                label = f"{span.label}-{assertion}" if use == "label" else span.label
                span = replace(span, label=label, attributes={"assertion": assertion})
            spans.append(span)
        before = after
        cats = None
        if use == "cats" and document.assertions is not None:
            cats = {f"assertion/{a}": float(a in asserted) for a in ASSERTIONS}
        yield Record(
            " ".join(tokens),
            cats=cats,
            spans=None if document.concepts is None else spans,
            tokens=tokens,
            sentences=list(accumulate((len(s) for s in part[:-1]), initial=0)),
            meta={"document": name},
            where=where,
            id=name if group >= len(sentences) else f"{name}-{i // group + 1}",
        )
