"""Running a pipeline over annotated Docs and scoring it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ClintlError, Errors

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc
    from spacy.training import Example


def load_pipeline(name: str | Path) -> "Language":
    """Load a pipeline.

    name (str | Path): A pipeline's folder or an installed package's name.
    RETURNS (Language): The pipeline.
    RAISES (ClintlError): There is none, or it cannot be loaded.
    """
    import spacy

    try:
        return spacy.load(name)
    except (ImportError, KeyError, OSError, ValueError) as error:
        reason = str(error) or type(error).__name__
        raise ClintlError(Errors.CL520.format(path=name, reason=reason)) from error


def make_examples(nlp: "Language", docs: Sequence["Doc"]) -> list["Example"]:
    """Pair gold Docs with fresh ones, as spaCy's corpus reader does.

    A Doc whose source gave tokens but no spaces keeps its tokens; others are tokenized anew.

    nlp (Language): The pipeline whose tokenizer is used.
    docs (Sequence[Doc]): The gold Docs, made with the pipeline's vocabulary.
    RETURNS (list[Example]): One a Doc.
    """
    from spacy.tokens import Doc
    from spacy.training import Example

    examples = []
    for doc in docs:
        if doc.has_unknown_spaces:
            words = [token.text for token in doc]
            spaces = [bool(token.whitespace_) for token in doc]
            predicted = Doc(nlp.vocab, words=words, spaces=spaces)
        else:
            predicted = nlp.make_doc(doc.text)
        examples.append(Example(predicted, doc))
    return examples


def evaluate(
    nlp: "Language", docs: Sequence["Doc"], *, batch_size: int | None = None
) -> dict[str, Any]:
    """Score a pipeline on annotated Docs.

    nlp (Language): The pipeline.
    docs (Sequence[Doc]): The gold Docs, made with the pipeline's vocabulary.
    batch_size (int | None): Documents in a batch, by default the pipeline's own.
    RETURNS (dict[str, Any]): What `nlp.evaluate` gives, with `speed` in words a second, and the
        number of `documents`.
    """
    scores = nlp.evaluate(make_examples(nlp, docs), batch_size=batch_size)
    return {**scores, "documents": len(docs)}


def predict(
    nlp: "Language", examples: Sequence["Example"], *, batch_size: int | None = None
) -> list["Example"]:
    """Run a pipeline over the predicted Docs of examples, without scoring them.

    nlp (Language): The pipeline.
    examples (Sequence[Example]): What `make_examples` gave.
    batch_size (int | None): Documents in a batch, by default the pipeline's own.
    RETURNS (list[Example]): The examples, with predictions.
    """
    docs = nlp.pipe((example.predicted for example in examples), batch_size=batch_size)
    for example, doc in zip(examples, docs, strict=True):
        example.predicted = doc
    return list(examples)
