"""Translating a labelled corpus."""

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from itertools import islice
from pathlib import Path

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..data.docbin import count_docs, docbin_files, docbin_writer, iter_file
from ..errors import ClintlError, Errors
from .cache import Cache, translate_cached
from .markers import MarkerProjector
from .plans import PARTLY, Filters, Plan, plan_document, put_together
from .projection import DROPPED, Projected, Projector, mark_untranslated
from .protocol import Cost, Segment, Translation, Translator
from .report import SECONDS_AN_ENTITY, Report
from .segments import blank_pipeline

# How many documents are translated and written at a time.
BATCH = 64

NO_FILTERS = Filters()
Planned = tuple[Plan, list[Translation]]


def translate_corpus(
    path: str | Path,
    out: str | Path,
    translator: Translator,
    projector: Projector,
    source: str,
    target: str,
    *,
    cache: Cache | None = None,
    filters: Filters = NO_FILTERS,
    drop_failed: bool = False,
    seconds_an_entity: float = SECONDS_AN_ENTITY,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Translate a corpus: texts, entities, categories and pairs.

    Texts are cut into sentences and lines, never inside an entity. A segment in which an entity was
    lost, or which a filter rejects, stays in the text, but its tokens are not annotated for
    entities (ENT_IOB is missing), so that nothing false is learned from it. Of a segment that the
    source annotates only in part, only the entities are annotated. Groups of spans (`doc.spans`)
    are left out, and counted.

    path (str | Path): A .spacy file, or a folder of them, of which `out` is none.
    out (str | Path): The .spacy file to write; it appears whole, or not at all.
    translator (Translator): Translates.
    projector (Projector): Finds the entities again.
    source (str): The language of the corpus.
    target (str): The language wanted.
    cache (Cache | None): Keeps translations; a run that was interrupted goes on from it.
    filters (Filters): Which segments are not annotated for entities.
    drop_failed (bool): Leave documents out of which a segment could not be translated.
    seconds_an_entity (float): For the estimate of hours saved.
    progress (Callable[[int, int], None] | None): Is told how many documents of how many are done.
    RETURNS (Report): What became of everything.
    RAISES (ClintlError): The corpus cannot be read, the pair is not there, or segments could not be
        translated and `drop_failed` is not set; all others have been, then, and are in the cache.
    """
    started = time.monotonic()
    files = input_files(path, out)
    total = sum(count_docs(file) for file in files)
    reader, nlp = blank_pipeline(source), blank_pipeline(target)
    translator.check(source, target)
    report = Report(source=source, target=target, seconds_an_entity=seconds_an_entity)
    report.backend = translator.fingerprint(source, target)
    report.projector = projector.fingerprint()

    def planned() -> Iterator[Planned]:
        docs = (plan_document(doc) for doc in iter_inputs(path, files, reader.vocab, forget=True))
        while plans := list(islice(docs, BATCH)):
            texts = _texts(plans, projector)
            done = _translate(texts, translator, source, target, cache, report)
            for plan in plans:
                yield plan, [next(done) for _ in plan.pieces]
            report.documents += len(plans)
            if progress is not None:
                progress(report.documents, max(total, report.documents))

    pairs: list[tuple[str, str]] = []
    whole: Iterable[Planned] = planned()
    if projector.needs_pairs:
        whole = list(whole)
        pairs = [
            (piece.text, made.text)
            for plan, translations in whole
            for piece, made in zip(plan.pieces, translations)
            if not made.error
        ]
    projector.prepare(pairs, source, target)
    with docbin_writer(out) as add:
        for plan, translations in whole:
            if any(made.error for made in translations):
                continue
            translations, found = _project(plan, translations, projector)
            annotated = plan.record.spans is not None
            masks = [
                filters.masks(piece, made.text, ones) if annotated else ""
                for piece, made, ones in zip(plan.pieces, translations, found)
            ]
            report.masked.update(filter(None, masks))
            report.masked.update(
                PARTLY for piece, mask in zip(plan.pieces, masks) if piece.partly and not mask
            )
            doc, found = put_together(plan, translations, found, list(map(bool, masks)), nlp)
            for ones, mask in zip(found, masks):
                report.count(ones, masked=bool(mask))
            report.count(Projected(one.label, 0, 0, DROPPED, 0.0) for one in plan.astray)
            add(doc)
            report.group_spans += plan.group_spans
            report.written += 1
        if report.failed and (not drop_failed or not report.written):
            raise _failure(report, out)
    report.seconds = time.monotonic() - started
    return report


def estimate_corpus(
    path: str | Path,
    translator: Translator,
    projector: Projector,
    source: str,
    target: str,
    *,
    out: str | Path | None = None,
    cache: Cache | None = None,
) -> tuple[int, Cost]:
    """Say what translating a corpus would take; nothing is translated.

    path (str | Path): A .spacy file, or a folder of them.
    translator (Translator): Says what it costs.
    projector (Projector): Its marks are part of what is translated.
    source (str): The language of the corpus.
    target (str): The language wanted.
    out (str | Path | None): The file that would be written.
    cache (Cache | None): What it has costs nothing.
    RETURNS (tuple[int, Cost]): How many different segments would be translated, and their cost.
    RAISES (ClintlError): As `translate_corpus`.
    """
    translator.check(source, target)
    reader = blank_pipeline(source)
    fingerprint = translator.fingerprint(source, target)
    met: set[str] = set()
    cost = Cost()
    files = input_files(path, out)
    docs = (plan_document(doc) for doc in iter_inputs(path, files, reader.vocab, forget=True))
    while plans := list(islice(docs, BATCH)):
        texts = dict.fromkeys(one.text for one in _texts(plans, projector))
        known = cache.get(texts, (source, target), fingerprint) if cache else {}
        fresh = [text for text in texts if text not in known and text not in met]
        met.update(fresh)
        cost += translator.cost([Segment(text) for text in fresh])
    return len(met), cost


def input_files(path: str | Path, out: str | Path | None) -> list[Path]:
    """List the files to read, without an output of a run before that lies in their folder.

    path (str | Path): A .spacy file, or a folder of them.
    out (str | Path | None): The output: a file, or a folder if it is large.
    RETURNS (list[Path]): The files, in order.
    RAISES (ClintlError): The path does not exist, or the folder has no such file.
    """
    files = docbin_files(path)
    if out is None or Path(out).resolve() == Path(path).resolve():
        return files
    own = Path(out).resolve()
    files = [file for file in files if own not in (file.resolve(), *file.resolve().parents)]
    if not files:
        raise ClintlError(Errors.CL161.format(path=path))
    return files


def iter_inputs(
    path: str | Path, files: Sequence[Path], vocab: Vocab, *, forget: bool = False
) -> Iterator[Doc]:
    """Read documents as `iter_docbin` does, from files that are listed already.

    path (str | Path): What the files were listed from, for messages.
    files (Sequence[Path]): The files.
    vocab (Vocab): The vocabulary of the documents.
    forget (bool): See `iter_docbin`.
    YIELDS (Doc): The documents, in order.
    RAISES (ClintlError): A file cannot be read, or there is no document.
    """
    empty = True
    for file in files:
        with vocab.memory_zone() if forget else nullcontext():
            for doc in iter_file(file, vocab):
                empty = False
                yield doc
    if empty:
        raise ClintlError(Errors.CL152.format(path=path))


def _texts(plans: Sequence[Plan], projector: Projector) -> list[Segment]:
    marker = projector if isinstance(projector, MarkerProjector) else None
    return [
        Segment(marker.mark(piece.text, piece.entities) if marker else piece.text)
        for plan in plans
        for piece in plan.pieces
    ]


def _translate(
    segments: Sequence[Segment],
    translator: Translator,
    source: str,
    target: str,
    cache: Cache | None,
    report: Report,
) -> Iterator[Translation]:
    """Translate and count."""
    report.segments += len(segments)
    done = translate_cached(translator, segments, source, target, cache)
    for segment, (made, known) in zip(segments, done, strict=True):
        if made.error:
            report.failed[made.error] += 1
        elif known:
            report.known += 1
        else:
            report.translated += 1
            report.cost += translator.cost([segment])
        yield made


def _project(
    plan: Plan, translations: Sequence[Translation], projector: Projector
) -> tuple[list[Translation], list[list[Projected]]]:
    clean, found = [], []
    for piece, made in zip(plan.pieces, translations):
        if isinstance(projector, MarkerProjector):
            text, links = projector.unmark(made.text, piece.text, piece.entities)
            words = projector.original(made.untranslated, piece.text, piece.entities)
            made = replace(made, text=text, links=links, untranslated=words)
        ones = (
            projector.project(piece.text, made.text, piece.entities, made.links)
            if piece.entities
            else []
        )
        found.append(mark_untranslated(piece.entities, ones, made.untranslated))
        clean.append(made)
    return clean, found


def _failure(report: Report, out: str | Path) -> ClintlError:
    reasons = ", ".join(f"{reason} ({n})" for reason, n in report.failed.most_common())
    failed = sum(report.failed.values())
    return ClintlError(
        Errors.CL614.format(n=failed, total=report.segments, reasons=reasons, path=out)
    )
