"""Carrying the labels of a corpus onto a translation that exists already."""

import itertools
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc

from ..data.docbin import docbin_writer, read_docbin
from ..data.docs import to_doc, to_record
from ..data.records import ConversionCounts, Record
from ..data.records import Span as Entity
from ..errors import ClintlError, Errors
from ..pairs import SEPARATOR
from .alignment.projector import AlignmentProjector, Task, Text
from .alignment.seed import guess_language
from .beads import pair_sentences
from .plans import LOST, mask_tokens, moved, told
from .projection import COLLIDED, DISCONTINUOUS, DROPPED, Projected
from .protocol import CharSpan
from .report import SECONDS_AN_ENTITY, Report
from .segments import blank_pipeline, sentence_starts

# So many words tell a corpus's language.
SAMPLE = 5000


@dataclass
class Sentences:
    """A document cut into sentences, never inside an entity.

    record (Record): The document.
    words (list[CharSpan]): Its tokens, without white space.
    sides (list[list[CharSpan]]): Sentences, of each side of a pair.
    """

    record: Record
    words: list[CharSpan]
    sides: list[list[CharSpan]]


def align_corpus(
    source_path: str | Path,
    target_path: str | Path,
    out: str | Path,
    projector: AlignmentProjector,
    *,
    source: str | None = None,
    target: str | None = None,
    mask: bool = True,
    seconds_an_entity: float = SECONDS_AN_ENTITY,
) -> Report:
    """Carry entities and categories of a corpus onto its translation.

    The documents are paired by their ids if both sides have the same, else in order; their
    sentences by number, or by length where there are not as many. Tokens, ids and meta of the
    translation stay as they are; entities and categories that it has are replaced, unless the
    source is not annotated for them.

    source_path (str | Path): The labelled corpus: a .spacy file, or a folder of them.
    target_path (str | Path): Its translation.
    out (str | Path): The .spacy file to write; it appears whole, or not at all.
    projector (AlignmentProjector): Trained here, on these sentence pairs.
    source, target (str | None): The languages. None: told from the words, if they are among those
        of the embedded lexicon.
    mask (bool): Where an entity was dropped, the other tokens of its sentence are not annotated for
        entities (ENT_IOB is missing), so that nothing false is learned from them.
    seconds_an_entity (float): For the estimate of hours saved.
    RETURNS (Report): What became of every entity.
    RAISES (ClintlError): A file cannot be read, or the documents do not match.
    """
    started = time.monotonic()
    source_docs, target_docs = (
        read_docbin(path, blank_pipeline(lang or "xx").vocab)
        for path, lang in ((source_path, source), (target_path, target))
    )
    pairs = pair_documents(source_docs, target_docs, source_path, target_path)
    source = source or language_of(source_docs)
    target = target or language_of(target_docs)
    report = Report(source or "", target or "", seconds_an_entity=seconds_an_entity)
    report.projector = projector.fingerprint()
    nlp = blank_pipeline(target or "xx")
    cut = [(cut_document(one), cut_document(other)) for one, other in pairs]
    ratio = length_ratio(cut)
    beads = [list(iter_beads(one, other, ratio)) for one, other in cut]
    tasks = [make_task(*both, *bead) for both, found in zip(cut, beads) for bead in found]
    projector.train([(task.source, task.target) for task in tasks], source or "", target or "")
    results = iter(projector.project_all(tasks))
    left = iter(tasks)
    with docbin_writer(out) as add:
        for (one, other), found in zip(cut, beads):
            placed = [(bead[1], next(left), next(results)) for bead in found]
            add(labelled(one.record, other.record, placed, nlp, mask, report))
            report.segments += len(found)
    report.documents = report.written = len(pairs)
    report.seconds = time.monotonic() - started
    return report


def pair_documents(
    source: Sequence[Doc], target: Sequence[Doc], source_path: str | Path, target_path: str | Path
) -> list[tuple[Doc, Doc]]:
    """Pair documents with their translations.

    source, target (Sequence[Doc]): Both corpora.
    source_path, target_path (str | Path): For messages.
    RETURNS (list[tuple[Doc, Doc]]): By id if both have the same ids, else by place; in the order of
        the translation.
    RAISES (ClintlError): There are not as many of both.
    """
    if len(source) != len(target):
        raise ClintlError(
            Errors.CL660.format(
                source=source_path, n=len(source), target=target_path, m=len(target)
            )
        )
    by_id = {str(doc.user_data.get("id") or ""): doc for doc in source}
    ids = [str(doc.user_data.get("id") or "") for doc in target]
    if len(by_id) == len(source) and set(ids) == set(by_id) and len(source) > 1:
        return [(by_id[name], doc) for name, doc in zip(ids, target)]
    return list(zip(source, target))


def language_of(docs: Sequence[Doc]) -> str | None:
    """RETURNS (str | None): The language, if it is one of those of the embedded lexicon."""
    words: list[str] = []
    for doc in docs:
        words += [token.text for token in doc]
        if len(words) >= SAMPLE:
            break
    return guess_language(words)


def cut_document(doc: Doc) -> Sentences:
    """Cut a document into sentences, as annotated or by final punctuation.

    doc (Doc): The document.
    RETURNS (Sentences): Its sentences; those that an entity crosses are one.
    """
    record = to_record(doc)
    words = [(token.idx, token.idx + len(token)) for token in doc if not token.is_space]
    starts = sentence_starts(doc) if len(doc) else []
    inside = [
        at
        for at in sorted({0, *starts})
        if not any(entity.start < at < entity.end for entity in record.spans or ())
    ]
    text = record.text
    borders = [n for n, char in enumerate(text) if char == SEPARATOR]
    sides = []
    for first, last in zip([0, *(n + 1 for n in borders)], [*borders, len(text)]):
        cuts = [first, *(at for at in inside if first < at < last), last]
        spans = [(a, b) for a, b in itertools.pairwise(cuts) if text[a:b].strip()]
        sides.append(spans)
    return Sentences(record, words, sides)


def length_ratio(pairs: Sequence[tuple[Sentences, Sentences]]) -> float | None:
    """Say how long translations are.

    pairs (Sequence[tuple[Sentences, Sentences]]): Documents and their translations.
    RETURNS (float | None): Target characters for one of the source, where both have as many
        sentences; None if that is nowhere so.
    """
    alike = [
        (len(one.record.text), len(other.record.text))
        for one, other in pairs
        if sum(map(len, one.sides)) == sum(map(len, other.sides))
    ]
    source, target = (sum(lengths) for lengths in zip(*alike)) if alike else (0, 0)
    return target / source if source and target else None


def iter_beads(
    source: Sentences, target: Sentences, ratio: float | None = None
) -> Iterator[tuple[CharSpan, CharSpan]]:
    """Pair the sentences of a document and its translation.

    ratio (float | None): See `pair_sentences`.
    YIELDS (tuple[CharSpan, CharSpan]): Characters of source and target; an empty span where a
        sentence has no counterpart.
    """
    if len(source.sides) == len(target.sides):
        sides = list(zip(source.sides, target.sides))
    else:
        sides = [([s for side in source.sides for s in side], [s for t in target.sides for s in t])]
    for ours, theirs in sides:
        lengths = ([end - start for start, end in side] for side in (ours, theirs))
        for first, second in pair_sentences(*lengths, ratio):
            yield _hull([ours[n] for n in first]), _hull([theirs[n] for n in second])


def _hull(spans: Sequence[CharSpan]) -> CharSpan:
    return (spans[0][0], spans[-1][1]) if spans else (0, 0)


def make_task(source: Sentences, target: Sentences, first: CharSpan, second: CharSpan) -> Task:
    """Make the task of one bead; offsets count from the sentences' starts."""
    entities = [
        moved(entity, -first[0])
        for entity in source.record.spans or ()
        if first[0] <= entity.start < first[1]
    ]
    return Task(_text(source, first), _text(target, second), entities)


def _text(whole: Sentences, span: CharSpan) -> Text:
    start, end = span
    words = [(a - start, b - start) for a, b in whole.words if start <= a < end]
    return Text(whole.record.text[start:end], words)


def labelled(
    source: Record,
    target: Record,
    placed: Sequence[tuple[CharSpan, Task, Sequence[Projected]]],
    nlp: Language,
    mask: bool,
    report: Report,
) -> Doc:
    """Make the labelled translation of a document.

    source, target (Record): The document and its translation.
    placed (Sequence[tuple[CharSpan, Task, Sequence[Projected]]]): Characters of the target, its
        task, and what was found, of each bead.
    nlp (Language): The blank pipeline of the target language.
    mask (bool): See `align_corpus`.
    report (Report): Counts statuses and masked sentences.
    RETURNS (Doc): The translation; `doc.user_data["translation"]` says what became of each entity.
    """
    spans: list[Entity] = []
    missing: list[CharSpan] = []
    notes: list[dict] = []
    for (start, end), task, found in placed:
        report.count(found)
        notes += [told(one, start) for one in found]
        if mask and any(one.status == DROPPED for one in found):
            missing.append((start, end))
            report.masked.update(Counter([LOST]))
        for entity, one in zip(task.entities, found):
            place = (start + one.start, start + one.end)
            if one.status == COLLIDED:
                missing.append(place)
            elif one.status != DROPPED:
                spans.append(replace(entity, start=place[0], end=place[1], fragments=()))
            if one.status == DISCONTINUOUS:
                missing += [(start + a, start + b) for a, b in one.fragments]
    annotated = source.spans is not None
    record = replace(
        target,
        cats=target.cats if source.cats is None else source.cats,
        spans=spans if annotated else target.spans,
    )
    doc = to_doc(record, nlp, ConversionCounts())
    if annotated and missing:
        mask_tokens(doc, missing)
    doc.user_data["translation"] = {"entities": notes}
    return doc
