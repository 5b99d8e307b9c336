"""IOB2 tags: their inventory, gold tags of examples, and decoding that is never invalid."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from spacy.attrs import ENT_IOB, ENT_TYPE, ORTH
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import filter_spans

from ..errors import ClintlError, Errors
from ..util import place_of

MISSING = -1
OUTSIDE = 0
# What logits that are not finite are read as, so that even they are decoded to valid tags.
EXTREME = 1e30
# The greatest number of pairs of tags whose scores are held at once.
PAIRS = 1 << 20


def n_tags(n_labels: int) -> int:
    """Count the tags: O, then B and I of each label in turn."""
    return 1 + 2 * n_labels


def gold_tags(
    example: Example,
    labels: Sequence[str],
    spans_key: str | None = None,
    number: int | None = None,
) -> np.ndarray:
    """Read the gold tags for the tokens of the predicted document.

    Known tags are valid IOB2: an I that follows neither B nor I of its label, nor a token that is
    not annotated, begins an entity, as it does in `doc.ents`.

    example (Example): The reference carries the entities.
    labels (Sequence[str]): The entity labels in the order of the tags.
    spans_key (Optional[str]): The group of `doc.spans` that holds the entities; of those that
        overlap, the longest counts. A document without the group is not annotated. None is
        `doc.ents`.
    number (Optional[int]): The example's place among others, for messages.
    RETURNS (ndarray): Tag numbers, MISSING where not annotated or not alignable; int64, (tokens,).
    RAISES (ClintlError): For a gold label that is not among `labels`.
    """
    where = place_of(example, number)
    if spans_key is not None:
        if spans_key not in example.reference.spans:
            return np.full(len(example.predicted), MISSING, dtype="int64")
        example = Example(example.predicted, _with_entities_of(example.reference, spans_key))
    reference, predicted = example.reference, example.predicted
    if not reference.has_annotation("ENT_IOB"):
        return np.full(len(predicted), MISSING, dtype="int64")
    if (
        len(reference) == len(predicted)
        and (reference.to_array(ORTH) == predicted.to_array(ORTH)).all()
    ):
        # The tokens are the same: no need for the costly alignment.
        return _valid(_tags_of(reference, labels, where))
    tags = []
    for tag in example.get_aligned_ner():
        if tag is None or tag == "-":
            tags.append(MISSING)
        elif tag == "O":
            tags.append(OUTSIDE)
        else:
            kind, label = tag.split("-", 1)
            tags.append(_first_tag(label, labels, where) + (kind not in ("B", "U")))
    return _valid(np.asarray(tags, dtype="int64"))


def _with_entities_of(doc: Doc, spans_key: str) -> Doc:
    """Return the tokens of a document with the spans of a group as entities."""
    # Not `Doc.copy`, which fails where a group holds a span without tokens.
    tokens = Doc(
        doc.vocab,
        words=[token.text for token in doc],
        spaces=[bool(token.whitespace_) for token in doc],
    )
    spans = [span for span in doc.spans[spans_key] if len(span)]
    entities = [Span(tokens, s.start, s.end, label=s.label) for s in filter_spans(spans)]
    tokens.set_ents(entities, default="outside")  # type: ignore[arg-type]
    return tokens


def _tags_of(doc: Doc, labels: Sequence[str], where: str) -> np.ndarray:
    annotation = doc.to_array([ENT_IOB, ENT_TYPE])
    iob, types = annotation[:, 0], annotation[:, 1]
    tags = np.where(iob == 0, MISSING, OUTSIDE)
    for key in np.unique(types):
        if key:
            # ENT_IOB is 3 at the beginning of an entity and 1 inside it.
            of_type = (types == key) & (iob != 2) & (iob != 0)
            first = _first_tag(doc.vocab.strings[int(key)], labels, where)
            tags[of_type] = first + (iob[of_type] == 1)
    return tags.astype("int64")


def _first_tag(label: str, labels: Sequence[str], where: str) -> int:
    try:
        return 1 + 2 * labels.index(label)
    except ValueError:
        known = ", ".join(labels)
        raise ClintlError(Errors.CL322.format(label=label, known=known, where=where)) from None


def _valid(tags: np.ndarray) -> np.ndarray:
    before = np.concatenate([[OUTSIDE], tags[:-1]])
    inside = (tags > 0) & (tags % 2 == 0)
    stray = inside & (before != MISSING) & (before != tags) & (before != tags - 1)
    return tags - stray


@dataclass(frozen=True)
class Chain:
    """The scores of a linear chain over tags.

    transitions (ndarray): From the tag of the row to that of the column; float64, (tags, tags).
    start (ndarray): Of the first tag of a document; float64, (tags,).
    end (ndarray): Of its last tag; float64, (tags,).
    """

    transitions: np.ndarray
    start: np.ndarray
    end: np.ndarray


def iob2_chain(width: int) -> Chain:
    """Make the chain that knows nothing but the rule of IOB2: I follows B or I of its own label.

    width (int): The number of tags.
    RETURNS (Chain): Minus infinity for what the rule forbids, else 0.
    """
    inside = np.arange(2, width, 2)
    transitions, start = np.zeros((width, width)), np.zeros(width)
    start[inside] = -np.inf
    transitions[:, inside] = -np.inf
    transitions[inside - 1, inside] = 0.0
    transitions[inside, inside] = 0.0
    return Chain(transitions, start, np.zeros(width))


class Steps:
    """Tokens of many documents in the order in which a chain goes through them all at once.

    First come the first tokens of all documents, then the second ones, and so on. The longest
    document comes first, so that those which go on at a step are the first rows of the step before.

    lengths (Sequence[int]): The number of tokens of each document.
    order (ndarray): For each row the token's number in the documents one after the other; int64,
        (tokens,).
    first (list[int]): The first row of each step, and the number of rows.
    alive (list[int]): The number of documents at each step.
    """

    def __init__(self, lengths: Sequence[int]):
        sizes = np.asarray(lengths, dtype="int64")
        ranks = np.empty(len(sizes), dtype="int64")
        ranks[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes))
        step = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
        self.order = np.lexsort((np.repeat(ranks, sizes), step))
        alive = np.bincount(step) if len(step) else np.zeros(0, dtype="int64")
        self.alive: list[int] = alive.tolist()
        self.first: list[int] = [0, *np.cumsum(alive).tolist()]

    def rows(self, step: int) -> slice:
        """Name the rows of a step."""
        return slice(self.first[step], self.first[step + 1])

    def before(self, step: int) -> slice:
        """Name those rows of the step before that go on at this step."""
        return slice(self.first[step - 1], self.first[step - 1] + self.alive[step])

    def undo(self, rows: np.ndarray) -> np.ndarray:
        """Put rows back into the order of the documents."""
        result = np.empty_like(rows)
        result[self.order] = rows
        return result


def few(n: int, width: int) -> list[slice]:
    """Divide documents, or tokens, into parts for which tables of all pairs of tags are bounded.

    n (int): How many there are.
    width (int): The number of tags.
    RETURNS (list[slice]): The parts, in order; one at least in each, however many tags there are.
    """
    size = max(1, PAIRS // width**2)
    return [slice(start, start + size) for start in range(0, n, size)]


def decode(logits: Sequence[np.ndarray], chain: Chain | None = None) -> list[np.ndarray]:
    """Find the most probable tags among the valid sequences of each document (Viterbi 1967).

    logits (Sequence[ndarray]): Each document's logits; shape (tokens, tags).
    chain (Optional[Chain]): The scores of a CRF. None is `iob2_chain`.
    RETURNS (list[ndarray]): Each document's tag numbers; int64, shape (tokens,).
    """
    lengths = [len(scores) for scores in logits]
    steps = Steps(lengths)
    if not steps.alive:
        return [np.zeros(0, dtype="int64") for _ in logits]
    scores = finite(np.concatenate(logits))[steps.order]
    width = scores.shape[1]
    chain = iob2_chain(width) if chain is None else chain
    into = np.ascontiguousarray(chain.transitions.T)
    sources = np.zeros(scores.shape, dtype="int16")
    current = np.zeros(steps.alive[0], dtype="int64")
    best = chain.start + scores[steps.rows(0)]
    for step in range(1, len(steps.alive)):
        n, rows = steps.alive[step], steps.rows(step)
        if n < len(best):
            current[n : len(best)] = (best[n:] + chain.end).argmax(axis=1)
        last, best = best, scores[rows].copy()
        for part in few(n, width):
            arrivals = last[:n][part, None, :] + into
            sources[rows][part] = arrivals.argmax(axis=2)
            best[part] += arrivals.max(axis=2)
    current[: len(best)] = (best + chain.end).argmax(axis=1)
    tags = np.empty(len(scores), dtype="int64")
    numbers = np.arange(len(current))
    for step in range(len(steps.alive) - 1, -1, -1):
        n, rows = steps.alive[step], steps.rows(step)
        tags[rows] = current[:n]
        current[:n] = sources[rows][numbers[:n], current[:n]]
    return np.split(steps.undo(tags), np.cumsum(lengths)[:-1])


def finite(logits: np.ndarray) -> np.ndarray:
    """Convert logits to float64; those that are not finite become 0 or very large."""
    return np.nan_to_num(
        logits.astype("float64"), copy=False, nan=0.0, posinf=EXTREME, neginf=-EXTREME
    )


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
