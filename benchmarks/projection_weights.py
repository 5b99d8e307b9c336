"""Learn the weights of the span search from the first sentences of Europarl-NER.

    python benchmarks/projection_weights.py FOLDER weights.json

The model is trained on entities of all three languages together, so that its weights say nothing
of one language: it maximises the likelihood of the span that people labelled, or of none, with a
quadratic penalty. Which of several spans is an entity's is settled by the model of the round
before, one to one, spans of the same label first. The memory of what entities become elsewhere
comes from the model of the round before, too. Without an output the weights are cross-validated.
"""

import json
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from projection import LANGUAGES, SOURCE, Gold, entities_of, f1, read
from scipy.optimize import linear_sum_assignment, minimize
from spacy.tokens import Doc
from wasabi import msg

from spacy_clintl.cli import own_errors_as_lines
from spacy_clintl.translation.alignment.projector import AlignmentProjector
from spacy_clintl.translation.alignment.statistical import StatisticalAligner
from spacy_clintl.translation.alignment.tasks import Task
from spacy_clintl.translation.pairing import cut_document, iter_beads, make_task
from spacy_clintl.translation.spans.model import WEIGHTS, SpanModel, probabilities
from spacy_clintl.translation.spans.search import Candidates, place

# Chosen on the first sentences by cross-validation.
PENALTY = 2.0
# Features are scaled by their spread, but rare ones by no less than this.
LEAST_SPREAD = 0.6
ROUNDS = 3
# A span of the same label is the entity's rather than none is, and none rather than one of another.
SAME_LABEL, OTHER_LABEL = 20.0, 5.0
# What links words belongs together, before anything was learned.
FIRST = {"backward_in": 2.0, "covered": 2.0, "cognate_source": 2.0, "forward_missed": -1.0}
FIRST |= {"forward_in": 2.0, "both_out": -1.0, "span": -2.0}


@dataclass
class Judged:
    """An entity and the spans that it could have.

    label (str): Its label.
    spans (ndarray): (spans, 2).
    table (ndarray): (spans, features).
    gold (int): The right one, counted from 1; 0: none.
    """

    label: str
    spans: np.ndarray
    table: np.ndarray
    gold: int = 0


@dataclass
class Corpus:
    """The sentences of a language.

    projector (AlignmentProjector): Trained on all of them.
    tasks (list[Task]): All sentences.
    gold (list[Gold]): The labels of the first ones.
    """

    projector: AlignmentProjector
    tasks: list[Task]
    gold: list[Gold]
    cache: dict[tuple[int, int], tuple] = field(default_factory=dict)

    def judged(self, model: SpanModel, names: list[str], used: int) -> list[list[Judged]]:
        """Give the entities of the first sentences, with the memory that a model fills."""
        self.projector.model = model
        shares = self.projector.remember(self.tasks)
        found = []
        for n, task in enumerate(self.tasks[:used]):
            with self.projector.memory.without(shares[n]):
                found.append([self._one(n, k, names) for k in range(len(task.entities))])
        return found

    def _one(self, n: int, k: int, names: list[str]) -> Judged:
        task = self.tasks[n]
        entity = task.entities[k]
        pair = self.projector.sentence_pair(task)
        words = task.source.within(entity)
        spans, values = self.projector.features(entity.label, words, pair)
        names += [name for name in values if name not in names]
        zeros = np.zeros(len(spans))
        table = np.stack([values.get(name, zeros) for name in names], axis=1)
        return Judged(entity.label, spans, table)


def make_corpus(source: Sequence[Doc], target: Sequence[Doc], used: int) -> Corpus:
    """Train the aligner on all sentences, without their labels."""
    projector = AlignmentProjector(StatisticalAligner(), model=SpanModel(FIRST))
    tasks = []
    for one, other in zip(source, target):
        both = cut_document(one), cut_document(other)
        (bead,) = iter_beads(*both)
        tasks.append(make_task(*both, *bead))
    pairs = [(task.source, task.target) for task in tasks]
    projector.train(pairs, source[0].lang_, target[0].lang_)
    return Corpus(projector, tasks, [entities_of(doc) for doc in target[:used]])


def assign(entities: Sequence[Judged], gold: Gold, weights: np.ndarray) -> None:
    """Settle which labelled span is whose."""
    spans = sorted(gold)
    value = np.full((len(entities), len(spans) + len(entities)), -1e6)
    value[:, len(spans) :] = 0.0
    numbers = np.zeros((len(entities), len(spans)), dtype=int)
    for i, one in enumerate(entities):
        log = np.log(np.maximum(probabilities(_scores(one, weights)), 1e-300))
        for j, (start, end, label) in enumerate(spans):
            hits = np.flatnonzero((one.spans[:, 0] == start) & (one.spans[:, 1] == end))
            if len(hits):
                numbers[i, j] = 1 + hits[0]
                extra = SAME_LABEL if label == one.label else OTHER_LABEL
                value[i, j] = extra + log[1 + hits[0]]
    for i, j in zip(*linear_sum_assignment(-value)):
        entities[i].gold = int(numbers[i, j]) if j < len(spans) and value[i, j] > 0 else 0


def _scores(one: Judged, weights: np.ndarray) -> np.ndarray:
    # Features that were met later than the weights were learned are at the end.
    return one.table[:, : len(weights)] @ weights[: one.table.shape[1]]


def fit(entities: Sequence[Judged], n_features: int) -> np.ndarray:
    """Maximise the likelihood. RETURNS (ndarray): (features,)."""
    tables = [_widened(one.table, n_features) for one in entities]
    spread = np.maximum(np.concatenate(tables).std(0), LEAST_SPREAD)
    rows = np.concatenate([np.concatenate([np.zeros((1, n_features)), t / spread]) for t in tables])
    sizes = np.array([len(table) + 1 for table in tables])
    starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    owner = np.repeat(np.arange(len(sizes)), sizes)
    right = starts + np.array([one.gold for one in entities])
    told = rows[right].sum(0)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        scores = rows @ weights
        top = np.maximum.reduceat(scores, starts)
        shares = np.exp(scores - top[owner])
        total = np.add.reduceat(shares, starts)
        likelihood = (scores[right] - top - np.log(total)).sum()
        gradient = rows.T @ (shares / total[owner]) - told + PENALTY * weights
        return PENALTY / 2 * weights @ weights - likelihood, gradient

    options = {"maxiter": 300}
    found = minimize(loss, np.zeros(n_features), jac=True, method="L-BFGS-B", options=options)
    return found.x / spread


def _widened(table: np.ndarray, width: int) -> np.ndarray:
    return np.pad(table, ((0, 0), (0, width - table.shape[1])))


def learn(
    corpora: Sequence[Corpus], used: int, learns: Callable[[int], bool]
) -> tuple[SpanModel, list[str]]:
    """Learn weights from some of the first sentences."""
    names = list(FIRST)
    model = SpanModel(FIRST)
    weights = np.array(list(FIRST.values()))
    for _ in range(ROUNDS):
        judged = [corpus.judged(model, names, used) for corpus in corpora]
        chosen = []
        for corpus, sentences in zip(corpora, judged):
            for n, entities in enumerate(sentences):
                if learns(n) and entities:
                    assign(entities, corpus.gold[n], weights)
                    chosen += entities
        weights = fit(chosen, len(names))
        model = SpanModel(dict(zip(names, weights.tolist())))
    return model, names


def cross_validate(
    corpora: Sequence[Corpus], used: int, folds: int, thresholds: list[float]
) -> None:
    """Measure F1 and likelihood where nothing was learned from."""
    found: dict[tuple[int, float], list[Gold]] = {
        (c, t): [set() for _ in range(used)] for c in range(len(corpora)) for t in thresholds
    }
    loss = 0.0
    for fold in range(folds):
        # Neighbouring sentences are of one debate: folds are blocks.
        model, names = learn(corpora, used, lambda n, fold=fold: n * folds // used != fold)
        weights = np.array([model.weights.get(name, 0.0) for name in names])
        for c, corpus in enumerate(corpora):
            for n, entities in enumerate(corpus.judged(model, names, used)):
                if n * folds // used != fold or not entities:
                    continue
                assign(entities, corpus.gold[n], weights)
                chances = [probabilities(_scores(one, weights)) for one in entities]
                loss -= sum(np.log(p[one.gold]) for p, one in zip(chances, entities))
                candidates = [Candidates(one.spans, p) for one, p in zip(entities, chances)]
                chosen = place(candidates, np.eye(len(entities), dtype=bool))
                for one, p, number in zip(entities, chances, chosen):
                    for t in thresholds:
                        if number is not None and p[number + 1] >= t:
                            start, end = one.spans[number]
                            found[c, t][n].add((int(start), int(end), one.label))
    rows = []
    for t in thresholds:
        figures = [f1(found[c, t], corpus.gold)[2] for c, corpus in enumerate(corpora)]
        cells = (*(f"{figure:.1f}" for figure in figures), f"{np.mean(figures):.2f}")
        rows.append((f"{t:.2f}", *cells))
    msg.table(rows, header=("threshold", *LANGUAGES, "mean"), divider=True)
    msg.text(f"negative log-likelihood {loss:.1f}")


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of the .conll files", exists=True)],
    output: Annotated[
        Path | None, typer.Argument(help=f"Write the weights here; the package reads {WEIGHTS}")
    ] = None,
    first: Annotated[int, typer.Option(help="Learn from this many sentences")] = 200,
    folds: Annotated[int, typer.Option(help="Folds of the cross-validation")] = 5,
) -> None:
    """Learn or cross-validate the weights of the span search."""
    with tempfile.TemporaryDirectory() as name:
        source = read(folder, SOURCE, Path(name))
        corpora = [make_corpus(source, read(folder, lang, Path(name)), first) for lang in LANGUAGES]
    if output is None:
        cross_validate(corpora, first, folds, [0.0, 0.3, 0.4, 0.5])
        return
    model, _ = learn(corpora, first, lambda n: True)
    data = {
        "learned_by": "benchmarks/projection_weights.py",
        "learned_from": f"Europarl-NER, the first {first} sentences: en to {', '.join(LANGUAGES)}",
        "weights": {name: round(weight, 4) for name, weight in sorted(model.weights.items())},
    }
    output.write_text(json.dumps(data, indent=1) + "\n", encoding="utf8")
    msg.good(f"Wrote {len(model.weights)} weights to {output}")


if __name__ == "__main__":
    with own_errors_as_lines():
        typer.run(main)
