"""IOB2 tags: gold, the rule, decoding."""

import itertools

import numpy as np
import pytest
import spacy
from spacy.attrs import ENT_IOB, ENT_TYPE
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_clintl.errors import ClintlError
from spacy_clintl.models.iob import (
    MISSING,
    Chain,
    Steps,
    decode,
    gold_tags,
    iob2_chain,
    n_tags,
    spans_of,
)

LABELS = ["DRUG", "SIGN"]


def is_valid(tags):
    before = [0, *tags[:-1]]
    return all(t % 2 or t == 0 or b in (t, t - 1) for b, t in zip(before, tags))


def valid_sequences(length, width):
    """Yield every sequence of tags that IOB2 allows."""
    for tags in itertools.product(range(width), repeat=length):
        if is_valid(tags):
            yield tags


def score_of(logits, tags, chain):
    """Add up what a chain gives to one sequence."""
    total = chain.start[tags[0]] + chain.end[tags[-1]]
    total += sum(row[tag] for row, tag in zip(logits, tags))
    return total + sum(chain.transitions[pair] for pair in itertools.pairwise(tags))


def random_chain(rng, width, scale=1.0):
    rule = iob2_chain(width)
    return Chain(
        rule.transitions + rng.normal(size=(width, width), scale=scale),
        rule.start + rng.normal(size=width, scale=scale),
        rule.end + rng.normal(size=width, scale=scale),
    )


def example_of(iob, types):
    """An example whose reference has just these ENT_IOB (3 begins, 1 is inside, 2 is outside)."""
    vocab = spacy.blank("en").vocab
    words = [f"w{i}" for i in range(len(iob))]
    reference = Doc(vocab, words=words)
    keys = [vocab.strings.add(label) if label else 0 for label in types]
    values = np.array([iob, keys], dtype="uint64").T
    return Example(Doc(vocab, words=words), reference.from_array([ENT_IOB, ENT_TYPE], values))


def test_steps_go_through_all_documents_side_by_side():
    lengths = [2, 0, 3, 1]
    steps = Steps(lengths)
    assert steps.alive == [3, 2, 1]
    # The tokens of the documents are 0 1, 2 3 4 and 5; the longest document comes first.
    assert steps.order.tolist() == [2, 0, 5, 3, 1, 4]
    assert steps.undo(steps.order).tolist() == list(range(6))
    assert steps.before(2) == slice(3, 4)
    assert Steps([0, 0]).alive == []


@pytest.mark.parametrize("learned", [False, True])
def test_decoded_tags_are_the_best_valid_ones(learned):
    rng = np.random.default_rng(0)
    logits = [rng.normal(size=(n, 5), scale=2).astype("f") for n in (4, 1, 0, 3, 4, 2)]
    chain = random_chain(rng, 5) if learned else None
    for scores, tags in zip(logits, decode(logits, chain), strict=True):
        assert tags.dtype == np.int64
        if not len(scores):
            assert not len(tags)
            continue
        judge = chain or iob2_chain(5)
        best = max(valid_sequences(len(scores), 5), key=lambda t: score_of(scores, t, judge))
        assert tuple(tags) == best


def test_no_logits_make_tags_invalid():
    rng = np.random.default_rng(1)
    for scale in (1.0, 1e6, 1e30):
        logits = [rng.normal(size=(40, 7)).astype("f") * scale for _ in range(5)]
        for scores in logits:
            scores[:, 2::2] += scale * 3  # I everywhere, B nowhere
        assert all(is_valid(tags) for tags in decode(logits, random_chain(rng, 7, scale=100.0)))
    broken = np.full((6, 5), np.nan, dtype="f")
    infinite = np.zeros((6, 5), dtype="f")
    infinite[:, 2], infinite[:, 1] = np.inf, -np.inf
    assert all(is_valid(tags) for tags in decode([broken, infinite]))
    assert decode([]) == []


def test_spans_of():
    tags = np.array([1, 2, 1, 0, 3, 4, 4, 1])
    assert spans_of(tags, LABELS) == [
        (0, 2, "DRUG"),
        (2, 3, "DRUG"),
        (4, 7, "SIGN"),
        (7, 8, "DRUG"),
    ]
    assert spans_of(np.zeros(0, dtype="int64"), LABELS) == []
    assert n_tags(2) == 5


def test_gold_knows_what_is_missing():
    example = example_of([3, 1, 0, 2, 3], ["SIGN", "SIGN", "", "", "DRUG"])
    assert gold_tags(example, LABELS).tolist() == [3, 4, MISSING, 0, 1]
    nothing = example_of([0, 0], ["", ""])
    assert gold_tags(nothing, LABELS).tolist() == [MISSING, MISSING]
    # Blocked for entities is outside.
    assert gold_tags(example_of([3, 2], ["", ""]), LABELS).tolist() == [0, 0]
    with pytest.raises(ClintlError, match="SIGN"):
        gold_tags(example, ["DRUG"])


def test_gold_is_valid():
    # At the start, after O, after another label.
    iob, types = [1, 2, 1, 1, 1], ["DRUG", "", "DRUG", "SIGN", "SIGN"]
    assert gold_tags(example_of(iob, types), LABELS).tolist() == [1, 0, 1, 3, 4]
    # After a token that is not annotated it may well go on.
    assert gold_tags(example_of([0, 1, 1], ["", "DRUG", "DRUG"]), LABELS).tolist() == [-1, 2, 2]


def test_gold_for_other_tokens():
    vocab = spacy.blank("en").vocab
    reference = Doc(vocab, words=["ibuprofen", "400", "mg", "daily"])
    reference.set_ents([Span(reference, 0, 1, "DRUG"), Span(reference, 1, 3, "SIGN")])
    spaces = [False, True, True, True, True]
    split = Doc(vocab, words=["ibu", "profen", "400", "mg", "daily"], spaces=spaces)
    assert gold_tags(Example(split, reference), LABELS).tolist() == [1, 2, 3, 4, 0]
    joined = Doc(vocab, words=["ibuprofen", "400", "mg daily"])
    tags = gold_tags(Example(joined, reference), LABELS).tolist()
    assert tags[0] == 1
    assert tags[1:] == [MISSING, MISSING]
