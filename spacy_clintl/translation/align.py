"""Carrying the labels of a corpus onto a translation that exists already."""

import time
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from spacy.language import Language
from spacy.tokens import Doc, Span, SpanGroup

from ..data.docbin import docbin_writer
from ..data.docs import to_doc
from ..data.records import ConversionCounts, Record
from ..data.records import Span as Entity
from ..errors import ClintlError, Errors, Warnings
from .alignment.projector import AlignmentProjector
from .alignment.seed import guess_language
from .alignment.tasks import Task
from .corpus import input_files, iter_inputs
from .evidence import Evidence, lexicon_keys
from .pairing import cut_document, iter_beads, length_ratio, make_task
from .plans import ALONE, LOST, PARTLY, partly_annotated, told
from .projection import COLLIDED, DISCONTINUOUS, DROPPED, Projected, overlap
from .protocol import CharSpan
from .report import SECONDS_AN_ENTITY, Report
from .segments import blank_pipeline

# So many words tell a corpus's language.
SAMPLE = 5000
# Translations have many times as much in common as any two sentences of the two corpora (Europarl:
# 7 to 25 times, 1.3 to 2.6 times if all are shifted by one); of fewer sentences it cannot be said.
ALIKE, SENTENCES = 3.0, 20


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
    sentences by number, or by length and common words where there are not as many or the words
    speak against it. Tokens, ids, meta and groups of spans (`doc.spans`) of the translation stay as
    they are; entities and categories that it has are replaced, unless the source is not annotated
    for them. Groups of spans of the source are left out, and counted.

    source_path (str | Path): The labelled corpus: a .spacy file, or a folder of them, of which
        `out` is none.
    target_path (str | Path): Its translation.
    out (str | Path): The .spacy file to write; it appears whole, or not at all.
    projector (AlignmentProjector): Trained here, on these sentence pairs.
    source, target (str | None): The languages. None: told from the words, if they are among those
        of the embedded lexicon.
    mask (bool): Where an entity was dropped, the other tokens of its sentence are not annotated for
        entities (ENT_IOB is missing), so that nothing false is learned from them; nor are
        sentences of the translation that the source does not have. So are those of a sentence that
        the source annotates only in part, in any case.
    seconds_an_entity (float): For the estimate of hours saved.
    RETURNS (Report): What became of every entity.
    RAISES (ClintlError): A file cannot be read, or the documents do not match.
    """
    started = time.monotonic()
    source_docs, target_docs = (
        list(iter_inputs(path, input_files(path, out), blank_pipeline(lang or "xx").vocab))
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
    known = lexicon_keys(source or "", target or "")
    beads = [list(iter_beads(one, other, ratio, known)) for one, other in cut]
    tasks = [make_task(*both, *bead) for both, found in zip(cut, beads) for bead in found]
    _warn_if_foreign(tasks, known, source_path, target_path)
    projector.train([(task.source, task.target) for task in tasks], source or "", target or "")
    results = iter(projector.project_all(tasks))
    left = iter(tasks)
    with docbin_writer(out) as add:
        for (one, other), (doc, translation), found in zip(cut, pairs, beads):
            placed = [(bead, next(left), next(results)) for bead in found]
            made = labelled(one.record, other.record, placed, nlp, mask, report)
            copy_groups(translation, made)
            add(made)
            report.group_spans += sum(map(len, doc.spans.values()))
            report.segments += len(found)
    report.documents = report.written = len(pairs)
    report.seconds = time.monotonic() - started
    return report


def _warn_if_foreign(
    tasks: Sequence[Task],
    known: Mapping[str, set[str]],
    source_path: str | Path,
    target_path: str | Path,
) -> None:
    """Warn if sentences are no more like their translations than like any others."""
    both = [task for task in tasks if len(task.source.words) and len(task.target.words)]
    if len(both) < SENTENCES:
        return
    ours, theirs = [task.source.forms() for task in both], [task.target.forms() for task in both]
    ratio = Evidence(ours, theirs, known).alike()
    if ratio < ALIKE:
        message = Warnings.CW660.format(source=source_path, target=target_path, ratio=ratio)
        warnings.warn(message, stacklevel=3)


def pair_documents(
    source: Sequence[Doc], target: Sequence[Doc], source_path: str | Path, target_path: str | Path
) -> list[tuple[Doc, Doc]]:
    """Pair documents with their translations.

    source, target (Sequence[Doc]): Both corpora.
    source_path, target_path (str | Path): For messages.
    RETURNS (list[tuple[Doc, Doc]]): By id if both have the same ids, those of the same id in order,
        else by place; in the order of the translation.
    RAISES (ClintlError): There are not as many of both, or only some have the same ids.
    """
    if len(source) != len(target):
        raise ClintlError(
            Errors.CL660.format(
                source=source_path, n=len(source), target=target_path, m=len(target)
            )
        )
    ours, theirs = numbered_ids(source), numbered_ids(target)
    by_id = dict(zip(ours, source))
    same = by_id.keys() & set(theirs)
    if not any(name for name, _ in same):
        return list(zip(source, target))
    if len(same) < len(target):
        raise ClintlError(
            Errors.CL662.format(source=source_path, target=target_path, n=len(same), m=len(target))
        )
    return [(by_id[key], doc) for key, doc in zip(theirs, target)]


def numbered_ids(docs: Sequence[Doc]) -> list[tuple[str, int]]:
    """List the ids of documents, each with how many before have the same."""
    met: Counter[str] = Counter()
    found = []
    for doc in docs:
        name = str(doc.user_data.get("id") or "")
        found.append((name, met[name]))
        met[name] += 1
    return found


def copy_groups(source: Doc, target: Doc) -> None:
    """Copy groups of spans to a Doc of the same tokens, with their attributes."""
    for key, group in source.spans.items():
        spans = [
            Span(target, one.start, one.end, one.label_, kb_id=one.kb_id_, span_id=one.id_)
            for one in group
        ]
        target.spans[key] = SpanGroup(target, name=key, spans=spans, attrs=dict(group.attrs))


def language_of(docs: Sequence[Doc]) -> str | None:
    """RETURNS (str | None): The language, if it is one of those of the embedded lexicon."""
    words: list[str] = []
    for doc in docs:
        words += [token.text for token in doc]
        if len(words) >= SAMPLE:
            break
    return guess_language(words)


def labelled(
    source: Record,
    target: Record,
    placed: Sequence[tuple[tuple[CharSpan, CharSpan], Task, Sequence[Projected]]],
    nlp: Language,
    mask: bool,
    report: Report,
) -> Doc:
    """Make the labelled translation of a document.

    source, target (Record): The document and its translation.
    placed (Sequence[tuple[tuple[CharSpan, CharSpan], Task, Sequence[Projected]]]): Characters of
        source and target, the task, and what was found, of each bead.
    nlp (Language): The blank pipeline of the target language.
    mask (bool): See `align_corpus`.
    report (Report): Counts statuses and masked sentences.
    RETURNS (Doc): The translation; `doc.user_data["translation"]` says what became of each entity.
    """
    spans: list[Entity] = []
    missing: list[CharSpan] = []
    notes: list[dict] = []
    astray = _astray(source, placed)
    for (origin, (start, end)), task, found in placed:
        report.count(found)
        notes += [told(one, start) for one in found]
        why = None
        dropped = any(one.status == DROPPED for one in found)
        if mask and (dropped or any(overlap(origin, (one.start, one.end)) for one in astray)):
            why = LOST
        elif mask and origin[0] == origin[1]:
            why = ALONE
        elif partly_annotated(source, origin):
            why = PARTLY
        # Without a token there is nothing to mask.
        if why is not None and source.spans is not None and start < end:
            missing.append((start, end))
            report.masked.update([why])
        for entity, one in zip(task.entities, found):
            place = (start + one.start, start + one.end)
            if one.status == COLLIDED:
                missing.append(place)
            elif one.status != DROPPED:
                spans.append(replace(entity, start=place[0], end=place[1], fragments=()))
            if one.status == DISCONTINUOUS:
                missing += [(start + a, start + b) for a, b in one.fragments]
    gone = [Projected(one.label, 0, 0, DROPPED, 0.0) for one in astray]
    report.count(gone)
    notes += [told(one, 0) for one in gone]
    annotated = source.spans is not None
    record = replace(
        target,
        cats=target.cats if source.cats is None else source.cats,
        spans=spans if annotated else target.spans,
        missing=missing if annotated else target.missing,
    )
    doc = to_doc(record, nlp, ConversionCounts())
    doc.user_data["translation"] = {"entities": notes}
    return doc


def _astray(
    source: Record, placed: Sequence[tuple[tuple[CharSpan, CharSpan], Task, Sequence[Projected]]]
) -> list[Entity]:
    """RETURNS (list[Entity]): Entities in no bead, as one across both sides of a pair."""
    entities = source.spans or []
    if sum(len(task.entities) for _, task, _ in placed) == len(entities):
        return []
    places = [origin for (origin, _), _, _ in placed]
    return [
        one
        for one in entities
        if not any(start <= one.start and one.end <= end for start, end in places)
    ]
