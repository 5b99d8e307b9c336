from itertools import count, islice

import pytest
import spacy
from spacy.tokens import Doc, SpanGroup
from spacy.training import Example
from spacy.util import registry

from spacy_clintl.data.batching import make_batch_by_task_v1, tasks_of
from spacy_clintl.errors import ClintlError

NLP = spacy.blank("en")


def example(*cats, n_words=10, entities=False, spans=()):
    doc = Doc(NLP.vocab, words=["word"] * n_words)
    doc.cats = dict.fromkeys(cats, 1.0)
    if entities:
        doc.set_ents([], default="outside")
    for key in spans:
        doc.spans[key] = SpanGroup(doc, name=key)
    return Example(NLP.make_doc(doc.text), doc)


def test_what_a_document_is_annotated_for():
    assert tasks_of(example().reference) == frozenset()
    assert tasks_of(example("a/x", "a/y", "b/x").reference) == {"a", "b"}
    assert tasks_of(example("a/x/y", entities=True).reference) == {"a", "entities"}
    assert tasks_of(example(spans=["drugs"]).reference) == {"spans/drugs"}


def test_batches_hold_one_task_and_lose_nothing():
    examples = [
        made
        for _ in range(7)
        for made in (
            example("a/x"),
            example("b/x", n_words=25),
            example("a/y"),
            example(entities=True),
        )
    ]
    batches = list(make_batch_by_task_v1(40, 0.0)(examples))
    assert all(len({tasks_of(eg.reference) for eg in batch}) == 1 for batch in batches)
    assert all(sum(map(len, batch)) <= 40 for batch in batches)
    assert sorted(id(eg) for batch in batches for eg in batch) == sorted(map(id, examples))
    of_a = [batch for batch in batches if "a" in tasks_of(batch[0].reference)]
    assert [len(batch) for batch in of_a] == [4, 4, 4, 2]
    # In the order they came.
    assert [id(eg) for batch in of_a for eg in batch] == [
        id(eg) for eg in examples if "a" in tasks_of(eg.reference)
    ]


def test_tolerance_and_a_document_that_is_too_long():
    examples = [example("a/x", n_words=n) for n in (8, 4, 3, 50, 2)]
    sizes = [[len(eg) for eg in batch] for batch in make_batch_by_task_v1(10, 0.2)(examples)]
    assert sizes == [[8, 4], [3], [50], [2]]


def test_documents_bound_a_batch_where_words_do_not():
    examples = [example("a/x", n_words=n) for n in (2, 2, 2, 2, 2, 9, 9, 2)]
    batches = make_batch_by_task_v1(12, 0.0, documents=4)(examples)
    assert [[len(eg) for eg in batch] for batch in batches] == [[2, 2, 2, 2], [2, 9], [9, 2]]


def test_tasks_with_batches_of_their_own_size():
    examples = [
        example("a/x"),
        example(spans=["drugs"]),
        example("a/x"),
        example(spans=["drugs"]),
        example("a/x", spans=["drugs"]),
        example("a/x", spans=["drugs"]),
    ]
    batches = list(make_batch_by_task_v1(40, 0.0, sizes={"spans/drugs": 10})(examples))
    # What is annotated for both goes with the smaller ones.
    assert [tasks_of(batch[0].reference) for batch in batches if len(batch) > 1] == [{"a"}]
    assert sorted(len(batch) for batch in batches) == [1, 1, 1, 1, 2]


def test_a_size_for_a_task_that_no_document_has():
    batches = make_batch_by_task_v1(40, sizes={"spans/drug": 10})([example(spans=["drugs"])])
    with pytest.warns(UserWarning, match=r"CW171.*spans/drug\. .*spans/drugs"):
        list(batches)


def test_a_stream_is_batched_as_it_comes():
    stream = (example("a/x" if i % 2 else "b/x") for i in count())
    first = list(islice(make_batch_by_task_v1([20, 40])(stream), 3))
    assert [len(batch) for batch in first] == [2, 4, 4]


def test_it_is_registered():
    made = registry.resolve(
        {
            "batcher": {
                "@batchers": "spacy_clintl.batch_by_task.v1",
                "size": 20,
                "tolerance": 0.0,
                "sizes": {"b": 10},
            }
        }
    )["batcher"]
    assert [len(batch) for batch in made([example("a/x"), example("b/x"), example("a/x")])] == [
        2,
        1,
    ]


@pytest.mark.parametrize(
    ("size", "tolerance", "documents", "sizes"),
    [
        (0, 0.2, 8, None),
        (-5, 0.2, None, None),
        (10, -0.1, 8, None),
        (10, 0.2, 0, None),
        (10, 0.2, None, {"a": 0}),
    ],
)
def test_impossible_batches_are_refused(size, tolerance, documents, sizes):
    with pytest.raises(ClintlError, match=r"\[training.batcher\]"):
        make_batch_by_task_v1(size, tolerance, documents, sizes)
