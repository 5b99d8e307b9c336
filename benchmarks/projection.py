"""Label projection against people: entities carried from English onto Spanish, German, Italian.

    python benchmarks/projection.py FOLDER

FOLDER holds en.conll, es.conll, de.conll, it.conll of Europarl-NER (Agerri et al., 2018, "Building
named entity recognition taggers via parallel corpora"): the same sentences, labelled by people.
`spacy clintl align` is run on all pairs of a language, without any of the target's labels. Measured
is the exact-span, typed, micro-averaged F1 over the entities of the target: of the first sentences,
on which all settings were chosen, and of the others. "bound" is the F1 that the labels allow: that
of a projection which finds a place for every entity whose label the target has, too.

The weights of the span search are learned by `benchmarks/projection_weights.py`. Everything is
repeatable: nothing is drawn at random.
"""

import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import spacy
import typer
from spacy.tokens import Doc
from wasabi import msg

from spacy_clintl.cli import own_errors_as_lines
from spacy_clintl.data.convert import convert
from spacy_clintl.data.docbin import read_docbin
from spacy_clintl.translation.align import align_corpus
from spacy_clintl.translation.alignment import make_alignment_v1

SOURCE = "en"
LANGUAGES = ("es", "de", "it")
Gold = set[tuple[int, int, str]]


def read(folder: Path, language: str, work: Path) -> list[Doc]:
    """Read the sentences of a language, one document each."""
    path = work / f"{language}.spacy"
    if not path.exists():
        convert("iob", folder / f"{language}.conll", path, lang=language)
    return read_docbin(path, spacy.blank(language).vocab)


def entities_of(doc: Doc) -> Gold:
    """Give start, end and label of each entity, in tokens."""
    return {(ent.start, ent.end, ent.label_) for ent in doc.ents}


def f1(found: Iterable[Gold], gold: Iterable[Gold]) -> tuple[float, float, float]:
    """Give precision, recall and F1 in percent, micro-averaged."""
    hits = n_found = n_gold = 0
    for one, other in zip(found, gold, strict=True):
        hits, n_found, n_gold = hits + len(one & other), n_found + len(one), n_gold + len(other)
    precision, recall = hits / max(n_found, 1), hits / max(n_gold, 1)
    return 100 * precision, 100 * recall, 200 * hits / max(n_found + n_gold, 1)


def bound(source: Iterable[Gold], gold: Iterable[Gold]) -> float:
    """Give the F1 of a projection that finds whatever the labels of both sides share."""
    hits = n_source = n_gold = 0
    for one, other in zip(source, gold):
        ours, theirs = (Counter(label for _, _, label in side) for side in (one, other))
        hits += sum((ours & theirs).values())
        n_source, n_gold = n_source + len(one), n_gold + len(other)
    return 200 * hits / max(n_source + n_gold, 1)


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of the .conll files", exists=True)],
    first: Annotated[int, typer.Option(help="How many sentences settings are chosen on")] = 200,
    parallel: Annotated[
        list[Path] | None, typer.Option(help="More sentence pairs for the aligner, repeatable")
    ] = None,
    language: Annotated[list[str] | None, typer.Option(help="Only this one, repeatable")] = None,
    others: Annotated[bool, typer.Option(help="Measure the other sentences, too")] = True,
    show_errors: Annotated[
        bool, typer.Option("--errors", help="List what went wrong in the first sentences")
    ] = False,
) -> None:
    """Measure `spacy clintl align`."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        source = read(folder, SOURCE, work)
        for target in language or LANGUAGES:
            gold_docs = read(folder, target, work)
            out = work / f"aligned-{target}.spacy"
            started = time.perf_counter()
            paths = (work / f"{SOURCE}.spacy", work / f"{target}.spacy")
            align_corpus(*paths, out, make_alignment_v1(parallel=parallel or ()))
            seconds = time.perf_counter() - started
            found_docs = read_docbin(out, spacy.blank(target).vocab)
            parts = {"first": slice(0, first)} | ({"others": slice(first, None)} if others else {})
            for part, rows_of in parts.items():
                found, gold, given = (
                    [entities_of(doc) for doc in docs[rows_of]]
                    for docs in (found_docs, gold_docs, source)
                )
                figures = (*f1(found, gold), bound(given, gold))
                size = sum(map(len, gold))
                cells = (*(f"{figure:.1f}" for figure in figures), f"{seconds:.0f}")
                rows.append((target, part, f"{size:,}", *cells))
            if show_errors:
                for n, (one, other) in enumerate(zip(found_docs[:first], gold_docs)):
                    for ent in one.ents:
                        if (ent.start, ent.end, ent.label_) not in entities_of(other):
                            gold_texts = [(e.text, e.label_) for e in other.ents]
                            print(target, n, ent.label_, "|", ent.text, "|", gold_texts)
    header = ("language", "sentences", "entities", "P", "R", "F1", "bound", "seconds")
    msg.table(rows, header=header, aligns=("l", "l", *"rrrrrr"), divider=True)


if __name__ == "__main__":
    with own_errors_as_lines():
        typer.run(main)
