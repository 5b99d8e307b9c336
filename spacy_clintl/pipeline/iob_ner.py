"""`iob_ner`: an IOB2 entity tagger over any token vectors.

Nothing here imports torch: spaCy imports every factory in every user's process.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice
from typing import Any

import numpy as np
from spacy.language import Language
from spacy.pipeline.trainable_pipe import TrainablePipe
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example, validate_get_examples
from spacy.util import filter_spans
from spacy.vocab import Vocab
from thinc.api import Config, Model, Optimizer
from thinc.types import Floats2d

from ..errors import ClintlError, Errors
from ..models.iob import MISSING, decode, gold_tags, n_tags, spans_of
from ..models.losses import softmax

DEFAULT_MODEL = """
[model]
@architectures = "spacy_clintl.IobTagger.v1"

[model.tok2vec]
@architectures = "spacy.HashEmbedCNN.v2"
pretrained_vectors = null
width = 96
depth = 4
embed_size = 2000
window_size = 1
maxout_pieces = 3
subword_features = true
"""


@Language.factory(
    "iob_ner",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type"],
    default_config={
        "model": Config().from_str(DEFAULT_MODEL)["model"],
        "loss_weight": 1.0,
        "scorer": {"@scorers": "spacy.ner_scorer.v1"},
    },
    default_score_weights={
        "ents_f": 1.0,
        "ents_p": 0.0,
        "ents_r": 0.0,
        "ents_per_type": None,
    },
)
def make_iob_ner(
    nlp: Language,
    name: str,
    model: Model[list[Doc], list[Floats2d]],
    loss_weight: float,
    scorer: Callable | None,
) -> "IobEntityRecognizer":
    """Create an IOB2 entity tagger.

    model (Model[List[Doc], List[Floats2d]]): Gives one logit a tag for each token.
    loss_weight (float): What the loss is multiplied by, beside those of other components.
    scorer (Optional[Callable]): Scores predictions.
    """
    return IobEntityRecognizer(nlp.vocab, model, name, loss_weight=loss_weight, scorer=scorer)


class IobEntityRecognizer(TrainablePipe):
    """Finds entities by tagging tokens; the tags are always a valid IOB2 sequence.

    Tokens without gold (documents without entity annotation, entities that do not fall on
    tokens) give no loss and no gradient.
    """

    def __init__(
        self,
        vocab: Vocab,
        model: Model[list[Doc], list[Floats2d]],
        name: str = "iob_ner",
        *,
        loss_weight: float = 1.0,
        scorer: Callable | None = get_ner_prf,
    ):
        self.vocab = vocab
        self.model = model
        self.name = name
        self.loss_weight = loss_weight
        self.scorer = scorer
        self.cfg: dict[str, Any] = {"labels": []}
        self._learning = False  # whether there are gradients that no update has used yet

    @property
    def labels(self) -> tuple[str, ...]:
        """RETURNS (tuple[str]): The entity labels."""
        return tuple(self.cfg["labels"])

    @property
    def label_data(self) -> list[str]:
        """RETURNS (list[str]): The entity labels, for `spacy init labels`."""
        return list(self.cfg["labels"])

    def predict(self, docs: Iterable[Doc]) -> list[np.ndarray]:
        """Tag documents.

        docs (Iterable[Doc]): The documents.
        RETURNS (list[ndarray]): Each document's tag numbers; int64, shape (tokens,).
        """
        if not self.labels:
            raise ClintlError(Errors.CL323.format(name=self.name))
        logits = self.model.predict(list(docs))
        return decode([self.model.ops.to_numpy(scores) for scores in logits])

    def set_annotations(self, docs: Iterable[Doc], tags: Sequence[np.ndarray]) -> None:
        """Write the entities to the documents; entities set before stay.

        docs (Iterable[Doc]): The documents.
        tags (Sequence[ndarray]): What `predict` gave.
        """
        for doc, doc_tags in zip(docs, tags):
            found = [_trimmed(doc, *span) for span in spans_of(doc_tags, self.labels)]
            entities = [span for span in found if span is not None]
            if doc.ents:
                taken = {token.i for entity in doc.ents for token in entity}
                free = [s for s in entities if taken.isdisjoint(range(s.start, s.end))]
                entities = filter_spans([*doc.ents, *free])
            doc.set_ents(entities, default="outside")

    def get_loss(
        self, examples: Iterable[Example], scores: Sequence[Floats2d]
    ) -> tuple[float, list[Floats2d] | None]:
        """Compute the mean cross-entropy of the annotated tokens, and its gradients.

        examples (Iterable[Example]): The batch.
        scores (Sequence[Floats2d]): The model's logits, one array (tokens, tags) a document.
        RETURNS (tuple[float, Optional[list[Floats2d]]]): The loss and its gradients, None where
            no token of the batch is annotated.
        """
        gold = np.concatenate([gold_tags(example, self.cfg["labels"]) for example in examples])
        annotated = np.flatnonzero(gold != MISSING)
        if not len(annotated) or not self.loss_weight:
            return 0.0, None
        xp = self.model.ops.xp
        probs = softmax(xp.concatenate(list(scores)))
        rows, columns = xp.asarray(annotated), xp.asarray(gold[annotated])
        loss = -float(xp.log(probs[rows, columns] + 1e-12).mean())
        gradient = xp.zeros_like(probs)
        gradient[rows] = probs[rows]
        gradient[rows, columns] -= 1.0
        gradient *= self.loss_weight / len(rows)
        borders = np.cumsum([len(score) for score in scores])[:-1]
        self._learning = True
        return self.loss_weight * loss, xp.split(gradient, borders.tolist())

    def finish_update(self, sgd: Optimizer) -> None:
        """Update the token vectors' model, and the output layer if it had gold since the last time.

        sgd (Optimizer): The optimizer.
        """
        self.model.get_ref("tok2vec").finish_update(sgd)
        if self._learning:
            self.model.get_ref("head").finish_update(sgd)
        self._learning = False

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
        labels: Sequence[str] | None = None,
    ) -> None:
        """Size the output layer.

        get_examples (Callable): Gives the training examples.
        nlp (Optional[Language]): The pipeline.
        labels (Optional[Sequence[str]]): The entity labels. None collects them from all
            examples, in alphabetical order.
        RAISES (ClintlError): When there are none, or others than the tagger was trained with.
        """
        validate_get_examples(get_examples, "IobEntityRecognizer.initialize")
        found: set[str] = set()
        for example in get_examples():
            found.update(entity.label_ for entity in example.reference.ents)
            if labels is not None and found:
                break
        if not found:
            raise ClintlError(Errors.CL320.format(name=self.name))
        given = sorted(found) if labels is None else list(labels)
        if not given or len(set(given)) < len(given):
            raise ClintlError(Errors.CL321.format(name=self.name, labels=given))
        if self.cfg["labels"] and self.cfg["labels"] != given:
            raise ClintlError(
                Errors.CL310.format(
                    what=f"'{self.name}'",
                    given=", ".join(given),
                    trained=", ".join(self.cfg["labels"]),
                )
            )
        self.cfg["labels"] = given
        sample = list(islice(get_examples(), 10))
        for example in sample:
            gold_tags(example, given)  # complains about unknown labels
        self.model.get_ref("output_layer").set_dim("nO", n_tags(len(given)))
        self.model.initialize(X=[example.predicted for example in sample])


def _trimmed(doc: Doc, start: int, end: int, label: str) -> Span | None:
    """Cut whitespace tokens off an entity's edges, where spaCy does not allow them."""
    while start < end and doc[start].is_space:
        start += 1
    while end > start and doc[end - 1].is_space:
        end -= 1
    return Span(doc, start, end, label=label) if start < end else None
