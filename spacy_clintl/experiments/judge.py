"""Scoring one corpus of a run with the component that learned it."""

import time
from collections.abc import Mapping
from typing import Any

import spacy
from spacy.language import Language
from spacy.tokens import Doc

from ..errors import ClintlError, Errors
from ..evaluation.run import load_pipeline, make_examples, predict
from .heads import COMMON_SCORES, UNSEEN, Head, unseen_recall

TRANSFER = "translation_transfer"


class Judge:
    """Scores one corpus, the components of the others being off.

    nlp (Language): The pipeline that is trained.
    head (Head): The corpus's component.
    heads (Mapping[str, Head]): All heads of the pipeline, by corpora.
    through (Mapping[str, Any] | None): Settings of a `translation_transfer` through which the
        pipeline is applied; `source` is the language of the corpus.
    beside (str | None): The folder of a pipeline of this language, whose entities come first.
    seen (frozenset[tuple[str, str]]): Entities that the drawn training documents have.
    """

    def __init__(
        self,
        nlp: Language,
        head: Head,
        heads: Mapping[str, Head],
        through: Mapping[str, Any] | None = None,
        beside: str | None = None,
        seen: frozenset[tuple[str, str]] = frozenset(),
    ):
        self.nlp, self.head, self.seen = nlp, head, seen
        self.others = sorted({other.component for other in heads.values()} - {head.component})
        self.outer = nlp
        if through is not None:
            self.outer = _around(nlp, through, beside)

    def names(self, docs: list[Doc]) -> list[str]:
        """Say which scores documents will have; that is decided by their gold alone.

        docs (list[Doc]): As for `score`.
        RETURNS (list[str]): The names of scores that are numbers, or None for want of entities.
        """
        scores = self.head.score(self.nlp, make_examples(self.outer, docs))
        if self.head.task is None and self.seen:
            scores |= dict.fromkeys(UNSEEN)
        names = [name for name, value in scores.items() if not isinstance(value, dict)]
        return [*names, *COMMON_SCORES]

    def score(self, docs: list[Doc], outcomes: dict[str, Any] | None = None) -> dict[str, Any]:
        """Score documents.

        docs (list[Doc]): The gold Docs, as the corpus has them, of the vocabulary of `outer`.
        outcomes (dict[str, Any] | None): Gets what became of each document, see `Head.outcomes`.
        RETURNS (dict[str, Any]): All scores, `documents`, and `words_per_second`.
        """
        examples = make_examples(self.outer, docs)
        start = time.perf_counter()
        with self.nlp.select_pipes(disable=self.others):
            examples = predict(self.outer, examples)
        seconds = time.perf_counter() - start
        for example in examples:
            self.head.restore(example.predicted)
        if outcomes is not None:
            outcomes.update(self.head.outcomes(self.nlp, examples))
        scores = self.head.score(self.nlp, examples)
        if self.head.task is None and self.seen:
            scores |= unseen_recall(examples, self.seen)
        words = sum(len(doc) for doc in docs)
        return {**scores, "documents": len(docs), "words_per_second": words / seconds}


def _around(nlp: Language, through: Mapping[str, Any], beside: str | None) -> Language:
    """Make the pipeline that translates, applies another and carries its entities back."""
    settings = {"target": nlp.lang, **through}
    language = settings.get("source")
    if not isinstance(language, str):
        raise ClintlError(Errors.CL528.format(setting="source", value=language))
    outer = spacy.blank(language) if beside is None else load_pipeline(beside)
    outer.add_pipe(TRANSFER, config=settings).wrap(nlp)  # type: ignore[attr-defined]
    return outer
