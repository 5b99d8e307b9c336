"""Frozen sentence embeddings with scikit-learn's classifiers, on the subsets of an experiment.

    python benchmarks/frozen_embeddings.py configs/experiments/heads.yml metrics/heads.jsonl

For each classification corpus, size and seed of the plan: the mean of a text's word piece vectors
from the base encoder, which learns nothing, then a logistic regression and a multi-layer
perceptron, the strength of whose regularization is found by cross-validation within the training
documents. Runs are appended to the experiment's file, so that `spacy clintl compare` shows them
beside it.
"""

import gzip
import hashlib
import json
import time
import warnings
from pathlib import Path
from typing import Annotated, Any

import numpy
import spacy
import typer
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.multiclass import OneVsRestClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from spacy.tokens import Doc
from tqdm import tqdm
from wasabi import msg

from spacy_clintl.cli import own_errors_as_lines
from spacy_clintl.data.docbin import read_docbin
from spacy_clintl.evaluation.classification import classification_scores
from spacy_clintl.experiments.config import digest
from spacy_clintl.experiments.plan import DataSet, cells_of
from spacy_clintl.experiments.plan_file import read_plan
from spacy_clintl.experiments.runs import append_run, outcomes_path, read_runs
from spacy_clintl.experiments.subsets import draw

# With a few hundred documents of a few hundred numbers each, nothing matters as much as this.
PENALTIES = [10.0**n for n in range(-1, 4)]
CLASSIFIERS = {
    "embeddings + logistic regression": lambda seed: GridSearchCV(
        LogisticRegression(max_iter=2000),
        {"C": [1 / penalty for penalty in PENALTIES]},
        cv=KFold(5, shuffle=True, random_state=seed),
    ),
    "embeddings + MLP": lambda seed: GridSearchCV(
        MLPClassifier((256,), max_iter=300, random_state=seed),
        {"alpha": PENALTIES},
        cv=KFold(5, shuffle=True, random_state=seed),
    ),
}


def embed(base: str, docs: list[Doc]) -> numpy.ndarray:
    """Give each document the mean vector of its word pieces; shape (documents, width)."""
    nlp = spacy.blank("en")
    model = {"@architectures": "spacy_clintl.AdaptedTransformer.v1", "name": base}
    nlp.add_pipe("transformer", config={"model": model})
    nlp.initialize()
    rows = []
    for doc in tqdm(nlp.pipe(docs, batch_size=64), total=len(docs), unit="documents"):
        vectors = doc._.trf_data.model_output.last_hidden_state  # (windows, pieces, width)
        mean = vectors[doc._.trf_data.wordpieces.attention_mask > 0].mean(axis=0)
        # Length 1, as the sentence encoders are used for which such vectors were trained.
        rows.append(mean / numpy.linalg.norm(mean))
    return numpy.array(rows)


def gold_table(docs: list[Doc], task: str, labels: list[str]) -> numpy.ndarray:
    """Read the gold of a task; shape (documents, labels)."""
    rows = [[doc.cats.get(f"{task}/{label}", 0.0) for label in labels] for doc in docs]
    return numpy.array(rows)


def fit_and_score(
    classifier: Any, x: numpy.ndarray, gold: numpy.ndarray, new: numpy.ndarray, exclusive: bool
) -> numpy.ndarray:
    """Train on vectors and gold of shape (documents, labels); give scores of the same columns."""
    scores = numpy.zeros((len(new), gold.shape[1]))
    if exclusive:
        model = make_pipeline(StandardScaler(), classifier).fit(x, gold.argmax(axis=1))
        scores[:, model.classes_] = model.predict_proba(new)
        return scores
    # A label that is always or never there cannot be learned.
    both = [i for i, column in enumerate(gold.T) if 0 < column.mean() < 1]
    model = make_pipeline(StandardScaler(), OneVsRestClassifier(classifier)).fit(x, gold[:, both])
    scores[:, both] = model.predict_proba(new)
    return scores


def main(
    plan: Annotated[Path, typer.Argument(help="Plan of an experiment", exists=True)],
    runs: Annotated[Path, typer.Argument(help="Its file of runs")],
) -> None:
    """Score frozen embeddings on the subsets of an experiment."""
    # Of the search's weakest penalties, which are tried and not chosen.
    warnings.filterwarnings("ignore", category=ConvergenceWarning)
    cells: dict[tuple[str, float, int], tuple[DataSet, str]] = {}
    for cell in cells_of(read_plan(plan)):
        for corpus in cell.corpora:
            if corpus.task is not None:
                base = str(cell.variant.overrides["paths.encoder"])
                cells[corpus.name, cell.size, cell.seed] = (corpus, base)
    vectors: dict[tuple[str, str], tuple[list[Doc], numpy.ndarray]] = {}
    known = {run["id"] for run in read_runs(runs, repair=True)}
    vocab = spacy.blank("en").vocab
    for (name, size, seed), (corpus, base) in cells.items():
        for variant, make in CLASSIFIERS.items():
            classifier = make(seed)
            # Its settings are part of what was run.
            parts = [variant, repr(classifier), name, size, seed]
            parts += map(digest, (str(corpus.train), str(corpus.dev), base))
            run_id = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:16]
            if run_id in known:
                continue
            for path in (corpus.train, corpus.dev):
                if (base, str(path)) not in vectors:
                    docs = read_docbin(path, vocab)
                    vectors[base, str(path)] = docs, embed(base, [doc.copy() for doc in docs])
            docs, x = vectors[base, str(corpus.train)]
            dev, new = vectors[base, str(corpus.dev)]
            start = time.perf_counter()
            task = str(corpus.task)
            keys = sorted({key for doc in docs for key in doc.cats if key.startswith(f"{task}/")})
            labels = [key.removeprefix(f"{task}/") for key in keys]
            places = {id(doc): i for i, doc in enumerate(docs)}
            chosen = [places[id(doc)] for doc in draw(docs, size, seed)]
            gold, truth = gold_table(docs, task, labels)[chosen], gold_table(dev, task, labels)
            exclusive = bool((gold_table(docs, task, labels).sum(axis=1) == 1).all())
            scores = fit_and_score(classifier, x[chosen], gold, new, exclusive)
            found = {
                f"cats_{task}_{key}": value
                for key, value in classification_scores(truth, scores, labels, exclusive).items()
            }
            outcomes = {"exclusive": exclusive, "labels": labels, "threshold": 0.5}
            outcomes |= {"gold": truth.tolist(), "scores": scores.round(5).tolist()}
            file = outcomes_path(runs, run_id)
            file.parent.mkdir(parents=True, exist_ok=True)
            with gzip.open(file, "wt", encoding="utf-8") as out:
                json.dump({name: outcomes}, out)
            run = {"id": run_id, "variant": variant, "corpora": [name], "size": size, "seed": seed}
            run |= {"documents": {name: len(chosen)}, "headline": {name: corpus.score}}
            run |= {"score": {name: found.get(corpus.score)}, "scores": {name: found}}
            run |= {"total_seconds": time.perf_counter() - start}
            append_run(runs, run)
            msg.text(f"{variant}/{name}/{size:g}/seed-{seed}: {100 * found[corpus.score]:.1f}")
    msg.good(f"All runs are in {runs}")


if __name__ == "__main__":
    with own_errors_as_lines():
        typer.run(main)
