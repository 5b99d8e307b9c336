"""Cross-validate the tagger of nursing handovers, token by token, beside the data authors' CRF.

    python -m spacy project run base
    python benchmarks/handover.py models/base FOLDER

FOLDER holds one file a record: token, gold form heading, and the authors' own CRF's prediction, in
columns divided by tabs; blank lines end sentences. Each fold trains `configs/handover.cfg` as
`spacy train` does, on the records of the other folds alone, and keeps the last weights: the fold's
records take no part in training, nor in choosing when to stop. One JSON line a fold and seed goes
to the output; folds that are there are not trained again, so an interrupted run goes on.

F1 is by token, over the predictions of all folds together; macro-F1 is the mean over the headings.
"""

import hashlib
import json
import os
import random
import statistics
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import spacy
import srsly
import typer
from sklearn.metrics import f1_score
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training.initialize import init_nlp
from spacy.training.loop import train
from spacy.util import load_config
from thinc.api import Config
from wasabi import msg

from spacy_clintl.cli import own_errors_as_lines
from spacy_clintl.data.convert import convert

CONFIG = Path(__file__).parents[1] / "configs" / "handover.cfg"
NONE = "NA"
GOLD_COLUMN, BASELINE_COLUMN = 1, 2
# More sentences than any record has: a record is one document.
WHOLE = 100_000
Labels = list[str]


def read_records(folder: Path, column: int, nlp: Language, work: Path) -> list[Doc]:
    """Convert the records with the labels of a column, one document a record."""
    path = work / f"column{column}.spacy"
    convert("crf", folder, path, options={"label_column": column, "group": WHOLE})
    return list(DocBin().from_disk(path).get_docs(nlp.vocab))


def labels_of(doc: Doc) -> Labels:
    """Give the heading of each token."""
    return [token.ent_type_ or NONE for token in doc]


def split(n_records: int, n_folds: int) -> list[list[int]]:
    """Divide the records into folds; the same ones for every seed of training."""
    order = list(range(n_records))
    random.Random(0).shuffle(order)
    return [sorted(order[start::n_folds]) for start in range(n_folds)]


def train_and_predict(
    train_docs: list[Doc], test_docs: list[Doc], config: Config, work: Path
) -> list[Labels]:
    """Train the config on some records and label others, of which it gets the words alone."""
    corpus = work / "train.spacy"
    DocBin(docs=train_docs, store_user_data=True).to_disk(corpus)
    config = config.copy()
    config["paths"] |= {"train": str(corpus), "dev": str(corpus)}
    # No evaluation but the one that the loop makes before the first step, on a training record.
    config["corpora"]["dev"]["limit"] = 1
    config["training"]["eval_frequency"] = 10**9
    config["training"]["logger"]["console_output"] = False
    nlp = init_nlp(config)
    with open(os.devnull, "w") as nowhere:
        train(nlp, stdout=nowhere, stderr=nowhere)
    words = [[token.text for token in doc] for doc in test_docs]
    return [labels_of(doc) for doc in nlp.pipe(Doc(nlp.vocab, words=tokens) for tokens in words)]


def f1_by_label(gold: Labels, predicted: Labels, headings: Labels) -> dict[str, float]:
    """F1 of each heading."""
    scores = f1_score(gold, predicted, labels=headings, average=None, zero_division=0)
    return dict(zip(headings, map(float, scores), strict=True))


def summary(gold: Labels, predicted: Labels, headings: Labels) -> dict[str, float]:
    """Macro- and micro-F1 over the headings, and F1 of what is under none."""
    return {
        "macro": statistics.fmean(f1_by_label(gold, predicted, headings).values()),
        "micro": float(f1_score(gold, predicted, labels=headings, average="micro")),
        NONE: f1_by_label(gold, predicted, [NONE])[NONE],
    }


def pooled(records: Iterable[Labels]) -> Labels:
    """Put the labels of records one after the other."""
    return [label for record in records for label in record]


def show(gold: list[Labels], columns: dict[str, dict[int, Labels]]) -> None:
    """Print F1 by heading, for the records that all columns have."""
    shared = sorted(set.intersection(*(set(column) for column in columns.values())))
    headings = sorted(set(pooled(gold)) - {NONE})
    truth = pooled(gold[i] for i in shared)
    predicted = {name: pooled(column[i] for i in shared) for name, column in columns.items()}
    by_label = {name: f1_by_label(truth, labels, headings) for name, labels in predicted.items()}
    rows: list[tuple[Any, ...]] = [
        (heading, truth.count(heading), *(f"{by_label[name][heading]:.3f}" for name in columns))
        for heading in sorted(headings, key=lambda heading: (-truth.count(heading), heading))
    ]
    sums = {name: summary(truth, labels, headings) for name, labels in predicted.items()}
    for what, title in (("macro", "macro-F1"), ("micro", "micro-F1"), (NONE, f"F1 of {NONE}")):
        rows.append((title, len(truth), *(f"{sums[name][what]:.3f}" for name in columns)))
    header = ("heading", "tokens", *columns)
    msg.table(rows, header=header, aligns=("l", *"r" * (1 + len(columns))), max_col=60)
    seeds = [sums[name]["macro"] for name in columns if name.startswith("seed ")]
    if len(seeds) > 1:
        spread = statistics.stdev(seeds)
        msg.text(f"macro-F1: mean {statistics.fmean(seeds):.3f}, standard deviation {spread:.3f}")
    msg.text(f"{len(shared)} of {len(gold)} records, {len(headings)} headings")


def main(
    encoder: Annotated[Path, typer.Argument(help="Folder of the encoder", exists=True)],
    data: Annotated[Path, typer.Argument(help="Folder of the records", exists=True)],
    folds: Annotated[int, typer.Option(help="Number of folds")] = 10,
    seeds: Annotated[int, typer.Option(help="Number of seeds, from 0")] = 1,
    only: Annotated[int, typer.Option(help="Train the first folds only; 0 is all")] = 0,
    change: Annotated[
        list[str] | None, typer.Option(help="Change the config: section.key=value, value in JSON")
    ] = None,
    output: Annotated[Path, typer.Option(help="JSON lines; a run goes on from there")] = Path(
        "benchmarks/results/handover.jsonl"
    ),
) -> None:
    """Ten-fold cross-validation of configs/handover.cfg by record."""
    pairs = (item.partition("=") for item in change or ())
    changes = {key: json.loads(value) for key, _, value in pairs}
    output.parent.mkdir(parents=True, exist_ok=True)
    done = list(srsly.read_jsonl(output)) if output.exists() else []
    with tempfile.TemporaryDirectory() as folder:
        work, nlp = Path(folder), spacy.blank("en")
        gold_docs = read_records(data, GOLD_COLUMN, nlp, work)
        gold = [labels_of(doc) for doc in gold_docs]
        baseline = [labels_of(doc) for doc in read_records(data, BASELINE_COLUMN, nlp, work)]
        columns = {"CRF": dict(enumerate(baseline))}
        for seed in range(seeds):
            found = columns.setdefault(f"seed {seed}", {})
            for fold, test in enumerate(split(len(gold), folds)[: only or None]):
                wanted = {"paths.encoder": str(encoder), "system.seed": seed, **changes}
                config = load_config(CONFIG, overrides=wanted, interpolate=False)
                digest = hashlib.sha256(config.to_str().encode("utf8")).hexdigest()
                key = {"encoder": str(encoder), "folds": folds, "fold": fold, "seed": seed}
                key |= {"changes": changes, "config": digest[:16]}
                line = next((line for line in done if line["run"] == key), None)
                if line is None:
                    start = time.perf_counter()
                    labels = train_and_predict(
                        [doc for i, doc in enumerate(gold_docs) if i not in test],
                        [gold_docs[i] for i in test],
                        config,
                        work,
                    )
                    seconds = round(time.perf_counter() - start, 1)
                    line = {"run": key, "seconds": seconds, "records": test, "labels": labels}
                    with output.open("a", encoding="utf8") as file:
                        file.write(json.dumps(line) + "\n")
                    msg.text(f"seed {seed}, fold {fold}: {seconds} s", spaced=False)
                found.update(zip(line["records"], line["labels"], strict=True))
        show(gold, columns)


if __name__ == "__main__":
    with own_errors_as_lines():
        typer.run(main)
