"""Where a component reads its gold and writes its predictions, and scores alike for all of them."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from spacy.language import Language
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, SpanGroup
from spacy.training import Example
from spacy.util import filter_spans

from ..data.docs import has_entities
from ..evaluation.classification import POSITIVE, score_tasks, thresholds_of
from ..pipeline.score_weights import TASK_SCORES

# spaCy's own components, and whether the categories of each exclude each other.
STOCK_CATEGORIES = {"textcat": True, "textcat_multilabel": False}
STOCK = {*STOCK_CATEGORIES, "ner"}


# The scores that can be headlines: of each document, and of entities.
COMMON_SCORES = ("documents", "words_per_second")
UNSEEN = ("ents_r_unseen", "ents_n_unseen")
ENTITY_SCORES = ("ents_f", "ents_p", "ents_r", *UNSEEN)


def score_names(task: str | None) -> tuple[str, ...]:
    """RETURNS (tuple[str, ...]): The scores of a corpus of a task, or of entities."""
    if task is None:
        return ENTITY_SCORES + COMMON_SCORES
    # Those of single labels are tables.
    names = [name for name in TASK_SCORES if not name.endswith("per_type")]
    return (*(f"cats_{task}_{name}" for name in names), *COMMON_SCORES)


@dataclass(frozen=True)
class Head:
    """The component that learns a corpus.

    Corpora have categories as 'task/label' and entities in `doc.ents`. spaCy's text categorizers
    know one task a pipeline, with plain labels, and score documents without gold as negative ones;
    taggers of several schemata each have a span group. So annotation goes where the component
    reads it, comes back from there, and is scored in one way for all variants.

    component (str): Its name in the pipeline.
    factory (str): Its factory.
    task (str | None): The classification task; None is entities.
    spans_key (str | None): The span group that an entity tagger reads and writes.
    """

    component: str
    factory: str
    task: str | None = None
    spans_key: str | None = None

    def is_annotated(self, doc: Doc) -> bool:
        """RETURNS (bool): Whether a Doc of the corpus has gold for this component."""
        if self.task is None:
            return has_entities(doc)
        return any(key.startswith(f"{self.task}/") for key in doc.cats)

    def prepare(self, doc: Doc) -> Doc:
        """Put a Doc's gold where the component reads it.

        doc (Doc): A Doc of the corpus; it is changed.
        RETURNS (Doc): The Doc.
        """
        if self.factory in STOCK_CATEGORIES:
            prefix = f"{self.task}/"
            doc.cats = {
                key.removeprefix(prefix): value
                for key, value in doc.cats.items()
                if key.startswith(prefix)
            }
        elif self.spans_key is not None and has_entities(doc):
            doc.spans[self.spans_key] = SpanGroup(doc, name=self.spans_key, spans=list(doc.ents))
            # Another tagger of the pipeline may read doc.ents, where this says nothing.
            doc.set_ents([], default="missing")
        return doc

    def restore(self, doc: Doc) -> None:
        """Put the predictions of a Doc where gold stands in the corpus."""
        if self.factory in STOCK_CATEGORIES:
            doc.cats = {f"{self.task}/{label}": value for label, value in doc.cats.items()}
        elif self.spans_key is not None:
            spans = filter_spans(list(doc.spans.get(self.spans_key, [])))
            doc.set_ents(spans, default="outside")  # type: ignore[arg-type]

    def score(self, nlp: Language, examples: Sequence[Example]) -> dict[str, Any]:
        """Score restored predictions against the gold of the corpus.

        nlp (Language): The pipeline, for labels and thresholds.
        examples (Sequence[Example]): The examples.
        RETURNS (dict[str, Any]): `cats_{task}_…` or `ents_…`.
        """
        if self.task is None:
            return get_ner_prf(examples)
        return score_tasks(examples, {self.task: self._settings(nlp)})

    def outcomes(self, nlp: Language, examples: Sequence[Example]) -> dict[str, Any]:
        """Keep what became of each document, so that runs can be compared document by document.

        nlp (Language): The pipeline, for labels and thresholds.
        examples (Sequence[Example]): The examples, with restored predictions.
        RETURNS (dict[str, Any]): For entities `labels` and `counts`, for each document and label
            the true positive, false positive and false negative spans. For categories `exclusive`,
            `labels` with those of gold alone, `threshold`, one a label, and `gold` and `scores`,
            for each document and label; None is not annotated, or not predicted.
        """
        if self.task is None:
            found = [_count_entities(eg) for eg in examples]
            names = sorted({label for counts in found for label in counts})
            counts = [[list(counts.get(label, (0, 0, 0))) for label in names] for counts in found]
            return {"labels": names, "counts": counts}
        settings = self._settings(nlp)
        labels = list(settings["labels"])
        thresholds = thresholds_of(self.task, labels, settings.get("threshold", 0.5))
        # Gold labels that training did not show are missed, not left out; see `score_tasks`.
        prefix = f"{self.task}/"
        gold = {
            key.removeprefix(prefix)
            for eg in examples
            for key, value in eg.reference.cats.items()
            if key.startswith(prefix) and value >= POSITIVE
        }
        unknown = sorted(gold - set(labels))
        keys = [f"{prefix}{label}" for label in [*labels, *unknown]]
        return {
            "exclusive": bool(settings["exclusive"]),
            "labels": [*labels, *unknown],
            "threshold": [*thresholds, *(POSITIVE for _ in unknown)],
            "gold": [[eg.reference.cats.get(key) for key in keys] for eg in examples],
            "scores": [[_rounded(eg.predicted.cats.get(key)) for key in keys] for eg in examples],
        }

    def _settings(self, nlp: Language) -> dict[str, Any]:
        """The task's labels in order, whether they exclude each other, and their thresholds."""
        pipe: Any = nlp.get_pipe(self.component)
        if self.factory in STOCK_CATEGORIES:
            exclusive, labels = STOCK_CATEGORIES[self.factory], list(pipe.labels)
            return {
                "exclusive": exclusive,
                "labels": labels,
                "threshold": pipe.cfg.get("threshold") or 0.5,
            }
        return pipe.scoring_of(self.task)


def entity_keys(doc: Doc) -> list[tuple[str, str]]:
    """RETURNS (list[tuple[str, str]]): Label and folded text of each entity of a Doc."""
    return [(ent.label_, " ".join(ent.text.casefold().split())) for ent in doc.ents]


def unseen_recall(examples: Sequence[Example], seen: frozenset[tuple[str, str]]) -> dict[str, Any]:
    """Say how many of the entities are found that the training documents did not show.

    examples (Sequence[Example]): The examples, with restored predictions.
    seen (frozenset[tuple[str, str]]): What `entity_keys` gave of the training documents.
    RETURNS (dict[str, Any]): `ents_r_unseen`, None where all were shown, and `ents_n_unseen`.
    """
    found = total = 0
    for example in examples:
        gold = example.reference
        predicted = {
            (ent.label_, int(tokens[0]), int(tokens[-1]) + 1)
            for ent in example.predicted.ents
            if len(tokens := example.alignment.x2y[ent.start : ent.end])
        }
        for ent, key in zip(gold.ents, entity_keys(gold), strict=True):
            if key not in seen:
                total += 1
                found += (ent.label_, ent.start, ent.end) in predicted
    return {"ents_r_unseen": found / total if total else None, "ents_n_unseen": total}


def _count_entities(example: Example) -> dict[str, list[int]]:
    """Count true positives, false positives and false negatives as spaCy's `get_ner_prf` does."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    gold = example.reference
    if not gold.has_annotation("ENT_IOB"):
        return counts
    missed = {(ent.label_, ent.start, ent.end) for ent in gold.ents}
    for ent in example.predicted.ents:
        tokens = example.alignment.x2y[ent.start : ent.end]
        if len(tokens) == 0:
            continue
        start, end = int(tokens[0]), int(tokens[-1]) + 1
        if all(token.ent_iob != 0 for token in gold[start:end]):
            right = (ent.label_, start, end) in missed
            missed.discard((ent.label_, start, end))
            counts[ent.label_][0 if right else 1] += 1
    for label, _, _ in missed:
        counts[label][2] += 1
    return counts


def _rounded(score: float | None) -> float | None:
    # As exact as single precision, so that no two scores become equal.
    return None if score is None else float(f"{score:.9g}")
