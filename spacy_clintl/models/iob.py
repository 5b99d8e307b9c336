"""IOB2 tags: their inventory, gold tags of examples, and decoding that is never invalid."""

from collections.abc import Sequence

import numpy as np
from spacy.attrs import ENT_IOB, ENT_TYPE, ORTH
from spacy.tokens import Doc
from spacy.training import Example

from ..errors import ClintlError, Errors

MISSING = -1
OUTSIDE = 0


def n_tags(n_labels: int) -> int:
    """Count the tags: O, then B and I of each label in turn."""
    return 1 + 2 * n_labels


def gold_tags(example: Example, labels: Sequence[str]) -> np.ndarray:
    """Read the gold tags for the tokens of the predicted document.

    example (Example): The reference carries the entities.
    labels (Sequence[str]): The entity labels in the order of the tags.
    RETURNS (ndarray): Tag numbers, MISSING where not annotated or not alignable; int64, (tokens,).
    RAISES (ClintlError): For a gold label that is not among `labels`.
    """
    reference, predicted = example.reference, example.predicted
    if not reference.has_annotation("ENT_IOB"):
        return np.full(len(predicted), MISSING, dtype="int64")
    if (
        len(reference) == len(predicted)
        and (reference.to_array(ORTH) == predicted.to_array(ORTH)).all()
    ):
        # The tokens are the same: no need for the costly alignment.
        return _tags_of(reference, labels)
    tags = []
    for tag in example.get_aligned_ner():
        if tag is None or tag == "-":
            tags.append(MISSING)
        elif tag == "O":
            tags.append(OUTSIDE)
        else:
            kind, label = tag.split("-", 1)
            tags.append(_first_tag(label, labels) + (kind not in ("B", "U")))
    return np.asarray(tags, dtype="int64")


def _tags_of(doc: Doc, labels: Sequence[str]) -> np.ndarray:
    annotation = doc.to_array([ENT_IOB, ENT_TYPE])
    iob, types = annotation[:, 0], annotation[:, 1]
    tags = np.where(iob == 0, MISSING, OUTSIDE)
    for key in np.unique(types):
        if key:
            # ENT_IOB is 3 at the beginning of an entity and 1 inside it.
            of_type = (types == key) & (iob != 2) & (iob != 0)
            first = _first_tag(doc.vocab.strings[int(key)], labels)
            tags[of_type] = first + (iob[of_type] == 1)
    return tags.astype("int64")


def _first_tag(label: str, labels: Sequence[str]) -> int:
    try:
        return 1 + 2 * labels.index(label)
    except ValueError:
        raise ClintlError(Errors.CL322.format(label=label, known=", ".join(labels))) from None


def decode(logits: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Find the most probable tags among the valid sequences of each document.

    Viterbi's algorithm with one rule, that of IOB2: I follows B or I of its own label only.

    logits (Sequence[ndarray]): Each document's logits; shape (tokens, tags).
    RETURNS (list[ndarray]): Each document's tag numbers; int64, shape (tokens,).
    """
    order = sorted(range(len(logits)), key=lambda i: -len(logits[i]))
    lengths = np.array([len(logits[i]) for i in order])
    results = [np.zeros(len(scores), dtype="int64") for scores in logits]
    if not len(lengths) or not lengths[0]:
        return results
    width = logits[order[0]].shape[1]
    begin, inside = np.arange(1, width, 2), np.arange(2, width, 2)
    # Documents end at different steps: the first `alive` of them, the longest, go on.
    back: list[np.ndarray] = [np.zeros((len(order), width), dtype="int16")]
    best = np.zeros((len(order), width), dtype="float32")
    log_probs = [_log_softmax(logits[i]) for i in order]
    for step in range(lengths[0]):
        alive = int((lengths > step).sum())
        emitted = np.stack([log_probs[row][step] for row in range(alive)])
        if step == 0:
            best[:alive] = emitted
            best[:alive, inside] = -np.inf
            continue
        score = best[:alive]
        source = np.repeat(score.argmax(axis=1)[:, None], width, axis=1)
        source[:, inside] = np.where(score[:, begin] >= score[:, inside], begin, inside)
        back.append(source.astype("int16"))
        best[:alive] = np.take_along_axis(score, source, axis=1) + emitted
    tags = best.argmax(axis=1)
    for row, i in enumerate(order):
        tag = tags[row]
        for step in range(lengths[row] - 1, -1, -1):
            results[i][step] = tag
            tag = back[step][row, tag]
    return results


def _log_softmax(scores: np.ndarray) -> np.ndarray:
    shifted = scores - scores.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def spans_of(tags: np.ndarray, labels: Sequence[str]) -> list[tuple[int, int, str]]:
    """List the entities of a valid tag sequence.

    tags (ndarray): Tag numbers; shape (tokens,).
    labels (Sequence[str]): The entity labels in the order of the tags.
    RETURNS (list[tuple[int, int, str]]): First token, last token + 1 and label of each.
    """
    starts = np.flatnonzero((tags % 2 == 1) & (tags != MISSING))
    ends = []
    for start in starts:
        end = start + 1
        while end < len(tags) and tags[end] == tags[start] + 1:
            end += 1
        ends.append(end)
    return [(int(s), int(e), labels[(tags[s] - 1) // 2]) for s, e in zip(starts, ends)]
