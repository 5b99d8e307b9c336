"""Translating public corpora: quality of the text, what becomes of entities, speed.

    python benchmarks/translation.py FOLDER [--sample 100 --sample-file sample.tsv]

FOLDER holds, as they are published: `tico19/en-es.tsv` and `en-fr.tsv` (TICO-19; two columns,
English first), `e3c/es.train.iob`, `fr.train.iob` and `en.train.iob` (E3C), `europarl_ner/en.conll`
and `es.conll` (Europarl-NER); what is missing is left out. Printed are chrF and BLEU by sacrebleu
(`pip install 'spacy-clintl[benchmarks]'`), and for the labelled corpora, through
`translate_corpus`, entities by status. Segments a second are those that were translated, without a
cache, one process; for labelled corpora with reading, projection and writing.

The sample is of pairs of spans, source and target, drawn with a fixed seed, to be read by eye.
"""

import random
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from spacy.tokens import Doc
from wasabi import msg

from spacy_clintl.cli import own_errors_as_lines
from spacy_clintl.data.convert import convert
from spacy_clintl.data.docbin import read_docbin
from spacy_clintl.translation.choice import make_projector, make_translator
from spacy_clintl.translation.corpus import translate_corpus
from spacy_clintl.translation.plans import plan_document
from spacy_clintl.translation.projection import STATUSES
from spacy_clintl.translation.protocol import Segment
from spacy_clintl.translation.report import Report
from spacy_clintl.translation.segments import blank_pipeline

# File, the column of the source text, languages.
PARALLEL = (
    ("tico19/en-es.tsv", 0, "en", "es"),
    ("tico19/en-es.tsv", 1, "es", "en"),
    ("tico19/en-fr.tsv", 1, "fr", "en"),
)
LABELLED = (
    ("e3c/es.train.iob", "es", "en"),
    ("e3c/fr.train.iob", "fr", "en"),
    ("e3c/en.train.iob", "en", "es"),
    ("europarl_ner/es.conll", "es", "en"),
    ("europarl_ner/en.conll", "en", "es"),
)
SEED = 0
# Characters of context in the sample.
CONTEXT = 60
Row = tuple[str, ...]


def quality(path: Path, column: int, source: str, target: str, translator: str) -> Row:
    """Translate sentences, and compare them with what people wrote."""
    import sacrebleu

    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = [line.split("\t")[:2] for line in lines if line.count("\t")]
    with closing(make_translator(translator, source, target)) as made:
        segments = [Segment(pair[column]) for pair in pairs]
        # What starts once is not measured.
        list(made.translate(segments[:1], source, target))
        started = time.perf_counter()
        done = list(made.translate(segments, source, target))
        seconds = time.perf_counter() - started
    texts, people = [one.text for one in done], [[pair[1 - column] for pair in pairs]]
    chrf, bleu = sacrebleu.corpus_chrf(texts, people), sacrebleu.corpus_bleu(texts, people)
    failed = sum(bool(one.error) for one in done)
    rate = len(pairs) / seconds
    figures = (f"{chrf.score:.1f}", f"{bleu.score:.1f}", f"{failed:,}", f"{rate:.0f}")
    return (path.stem, f"{source} to {target}", f"{len(pairs):,}", *figures)


def carried(
    path: Path, source: str, target: str, translator: str, work: Path
) -> tuple[Report, list[Row]]:
    """Translate a labelled corpus. Returns the report, and pairs of spans."""
    given, out = work / f"{path.name}.{source}.spacy", work / f"{path.name}.{target}.spacy"
    convert("iob", path, given, lang=source)
    with closing(make_translator(translator, source, target)) as made:
        projector = make_projector(None, made)
        report = translate_corpus(given, out, made, projector, source, target, drop_failed=True)
    if report.written < report.documents:
        return report, []
    docs = zip(
        read_docbin(given, blank_pipeline(source).vocab),
        read_docbin(out, blank_pipeline(target).vocab),
        strict=True,
    )
    name = f"{path.parent.name} {source}-{target}"
    return report, [(name, *row) for one, other in docs for row in spans_of(one, other)]


def spans_of(source: Doc, target: Doc) -> Iterator[Row]:
    """Give label, status, both spans and both contexts of each entity."""
    entities = [
        (piece.span[0] + one.start, piece.span[0] + one.end)
        for piece in plan_document(source).pieces
        for one in piece.entities
    ]
    for (start, end), told in zip(entities, target.user_data["translation"]["entities"]):
        place = (told.get("start", 0), told.get("end", 0))
        texts = (source.text[start:end], target.text[slice(*place)])
        contexts = (in_context(source.text, start, end), in_context(target.text, *place))
        yield (told["label"], told["status"], f"{told['confidence']:.2f}", *texts, *contexts)


def in_context(text: str, start: int, end: int) -> str:
    """Mark a span in the text around it."""
    before, behind = text[max(start - CONTEXT, 0) : start], text[end : end + CONTEXT]
    return " ".join(f"{before}[{text[start:end]}]{behind}".split())


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of the corpora", exists=True)],
    translator: Annotated[str, typer.Option(help="A name, or a .cfg file")] = "apertium",
    sample: Annotated[int, typer.Option(help="Pairs of spans to write")] = 100,
    sample_file: Annotated[Path | None, typer.Option(help="Where to write them (.tsv)")] = None,
) -> None:
    """Measure a translator."""
    names = list(dict.fromkeys(name for name, *_ in (*PARALLEL, *LABELLED)))
    if not any((folder / name).is_file() for name in names):
        msg.fail(f"{folder} has none of {', '.join(names)}.", exits=1)
    rows = [
        quality(folder / name, column, source, target, translator)
        for name, column, source, target in PARALLEL
        if (folder / name).is_file()
    ]
    header = ("corpus", "languages", "sentences", "chrF", "BLEU", "failed", "a second")
    msg.table(rows, header=header, divider=True, aligns=("l", "l", *"rrrrr"))
    rows, found = [], []
    with tempfile.TemporaryDirectory() as work:
        for name, source, target in LABELLED:
            path = folder / name
            if not path.is_file():
                continue
            report, spans = carried(path, source, target, translator, Path(work))
            counts = report.to_dict()["entities"]["all"]
            figures = [f"{counts[status]:,}" for status in ("entities", *STATUSES)]
            rate = f"{report.translated / report.seconds:.0f}"
            row = (path.parent.name, f"{source} to {target}", f"{report.segments:,}", *figures)
            rows.append((*row, f"{sum(report.failed.values()):,}", rate))
            found += spans
    header = ("corpus", "languages", "segments", "entities", *STATUSES, "failed", "a second")
    msg.table(rows, header=header, divider=True, aligns=("l", "l", *"r" * (len(header) - 2)))
    if sample_file is not None:
        drawn = random.Random(SEED).sample(found, min(sample, len(found)))
        fields = ("corpus", "label", "status", "confidence", "source", "target")
        lines = [(*fields, "source in context", "target in context"), *drawn]
        text = "".join("\t".join(" ".join(cell.split()) for cell in row) + "\n" for row in lines)
        sample_file.write_text(text, encoding="utf-8")
        msg.good(f"Wrote {len(drawn)} of {len(found):,} pairs of spans to {sample_file}")


if __name__ == "__main__":
    with own_errors_as_lines():
        typer.run(main)
