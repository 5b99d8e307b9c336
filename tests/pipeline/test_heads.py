"""Heads of all kinds in one pipeline: trained, saved, read by each other, and given bad input."""

import numpy as np
import pytest
import spacy
from spacy.training import Example
from thinc.api import Adam, fix_random_seed

from spacy_clintl.errors import ClintlError
from spacy_clintl.models.heads.cross_attention_bilstm import cross_attention_bilstm_head_v1
from spacy_clintl.models.heads.label_attention import label_attention_head_v1
from spacy_clintl.models.heads.label_dependency import label_dependency_v1
from spacy_clintl.models.heads.pair import pair_head_v1
from spacy_clintl.models.heads.reads_tasks import reads_tasks_v1
from spacy_clintl.models.multitask_textcat import heads_of, resize_head
from spacy_clintl.pairs import join_pair
from tests.encoders import make_wordpiece_bert

NEW = {
    "CrossAttentionBiLSTMHead": cross_attention_bilstm_head_v1,
    "LabelAttentionHead": label_attention_head_v1,
    "LabelDependency": label_dependency_v1,
    "PairHead": pair_head_v1,
    "ReadsTasks": reads_tasks_v1,
}
for architecture, function in NEW.items():
    spacy.registry.architectures.register(f"spacy_clintl.{architecture}.v1", func=function)


def head(architecture, **settings):
    return {"@architectures": f"spacy_clintl.{architecture}.v1", **settings}


TASKS = {
    "urgent": {
        "head": head(
            "ReadsTasks",
            head=head("LinearHead", pooling="attention", dropout=0.0),
            tasks=["codes", "topic"],
        )
    },
    "topic": {"head": head("CrossAttentionBiLSTMHead", hidden_width=8, dropout=0.0)},
    "codes": {
        "exclusive": False,
        "head": head(
            "LabelDependency", head=head("LabelAttentionHead", hidden_width=8, dropout=0.0)
        ),
    },
    "nli": {"head": head("PairHead", hidden_width=16, dropout=0.0)},
}
ROWS = [
    ("fever and cough since monday", {"topic/lung": 1.0, "topic/heart": 0.0, "codes/R50": 1.0}),
    ("chest pain at rest", {"topic/lung": 0.0, "topic/heart": 1.0, "urgent/yes": 1.0}),
    ("cough", {"codes/R05": 1.0, "codes/R50": 0.0, "urgent/yes": 0.0, "urgent/no": 1.0}),
    ("fever", {"codes/R05": 0.0, "codes/R50": 1.0, "urgent/yes": 0.0, "urgent/no": 1.0}),
    (join_pair("no fever", "he is hot"), {"nli/yes": 0.0, "nli/no": 1.0}),
    (join_pair("no cough", "no cough"), {"nli/yes": 1.0, "nli/no": 0.0, "topic/lung": 1.0}),
]
PAIRS_ONLY = {"nli": TASKS["nli"]}


def examples_for(nlp, rows=ROWS):
    for number, (text, cats) in enumerate(rows):
        example = Example(nlp.make_doc(text), nlp.make_doc(text))
        example.reference.cats = dict(cats)
        if number % 2:
            example.reference.user_data["id"] = f"note-{number}"
        yield example


def build(tasks=None, rows=ROWS):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("multitask_textcat", config={"tasks": TASKS if tasks is None else tasks})
    examples = list(examples_for(nlp, rows))
    pipe.initialize(lambda: examples, nlp=nlp)
    return nlp


def train(nlp, rows=ROWS, steps=40):
    optimizer = Adam(0.01)
    losses = []
    for _ in range(steps):
        loss = {}
        nlp.update(list(examples_for(nlp, rows)), sgd=optimizer, losses=loss)
        losses.append(loss["multitask_textcat"])
    return losses


def predictions(nlp, **settings):
    texts = [*(text for text, _ in ROWS), "", " ", "\u2029", "a\u2029", "\u2029b", "x " * 700]
    return [doc.cats for doc in nlp.pipe(texts, **settings)]


def snapshot(nlp, task):
    return heads_of(nlp.get_pipe("multitask_textcat").model)[task].to_bytes()


@pytest.fixture(scope="module")
def trained():
    nlp = build()
    losses = train(nlp)
    assert losses[-1] < 0.1 * losses[0]
    return nlp


def test_all_heads_learn_together(trained):
    scores = trained.evaluate(list(examples_for(trained)))
    for task in TASKS:
        assert scores[f"cats_{task}_macro_f"] == 1.0
    for cats in predictions(trained):
        assert set(cats) == set(trained.get_pipe("multitask_textcat").labels)
        assert all(np.isfinite(value) for value in cats.values())


def test_predictions_survive_saving(trained, tmp_path):
    expected = predictions(trained)
    trained.to_disk(tmp_path / "saved")
    assert predictions(spacy.load(tmp_path / "saved")) == expected
    assert predictions(build().from_bytes(trained.to_bytes())) == expected
    moved = spacy.blank("en")
    moved.add_pipe("multitask_textcat", source=trained)
    assert predictions(moved) == expected
    for found, cats in zip(predictions(trained, n_process=2, batch_size=4), expected, strict=True):
        assert found == pytest.approx(cats, abs=1e-5)


def test_batch_of_one_task_leaves_the_other_heads_alone():
    nlp = build()
    train(nlp, steps=2)
    before = {task: snapshot(nlp, task) for task in TASKS}
    train(nlp, [row for row in ROWS if not any("urgent" in key for key in row[1])][:1], steps=1)
    changed = {task for task in TASKS if snapshot(nlp, task) != before[task]}
    assert changed == {"topic", "codes"}
    # The task that reads others does not teach them.
    before = {task: snapshot(nlp, task) for task in TASKS}
    train(nlp, [("so so", {"urgent/no": 1.0})], steps=1)
    assert {task for task in TASKS if snapshot(nlp, task) != before[task]} == {"urgent"}


@pytest.mark.parametrize("gradient", [False, True])
def test_reading_teaches_only_if_asked(gradient):
    reader = head("ReadsTasks", head=head("LinearHead"), tasks=["a"], gradient=gradient)
    tasks = {"b": {"head": reader}, "a": {}}
    rows = [("u", {"a/x": 1.0, "a/y": 0.0, "b/x": 1.0, "b/y": 0.0}), ("v", {"a/y": 1.0, "b/y": 1})]
    nlp = build(tasks, rows)
    train(nlp, rows, steps=3)
    model = nlp.get_pipe("multitask_textcat").model
    docs = [nlp.make_doc("u"), nlp.make_doc("v")]
    _, backprop = model.begin_update(docs)
    mine = heads_of(model)["a"].get_ref("output_layer")
    d_b = np.array([[1.0, -1.0], [0.5, 0.25]], dtype="f")
    backprop({"b": d_b, "a": np.zeros((2, 2), dtype="f")})
    slope = mine.get_grad("b").copy()
    assert slope.any() == gradient
    if gradient:  # it is that of b's logits over a's bias
        for i in range(2):
            values = []
            for step in (1e-2, -1e-2):
                mine.get_param("b")[i] += step
                values.append(float((model.predict(docs)["b"] * d_b).sum()))
                mine.get_param("b")[i] -= step
            assert slope[i] == pytest.approx((values[0] - values[1]) / 2e-2, abs=1e-3)
    mine.set_grad("b", np.zeros(2, dtype="f"))
    _, backprop = model.begin_update(docs)
    backprop({"b": d_b, "a": None})
    assert not mine.get_grad("b").any()


def test_tasks_that_cannot_be_read():
    def reads(*tasks):
        return {"head": head("ReadsTasks", head=head("LinearHead"), tasks=list(tasks))}

    rows = [("u", {f"{task}/{label}": 1.0}) for task in "abc" for label in "xy"]
    with pytest.raises(ClintlError, match=r"'a' reads the task 'z'.*a, b, c"):
        build({"a": reads("z"), "b": {}, "c": {}}, rows)
    with pytest.raises(ClintlError, match=r"circle: \w ← \w ← \w ← \w"):
        build({"a": reads("b"), "b": reads("c"), "c": reads("a")}, rows)
    with pytest.raises(ClintlError, match="circle: a ← a"):
        build({"a": reads("a"), "b": {}, "c": {}}, rows)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("nothing else", "it is no pair"),
        ("a\u2029b\u2029c", "it is no pair"),
        ("\u2029b", "one of its sides is empty"),
        ("a\u2029 \n", "one of its sides is empty"),
    ],
)
def test_pair_task_wants_pairs(text, what):
    nlp = build(PAIRS_ONLY, ROWS[4:])
    gold = {"nli/yes": 1.0}
    with pytest.raises(ClintlError, match=rf"Task 'nli'.*number 1 of its batch.*{what}"):
        train(nlp, [(text, gold)], steps=1)
    with pytest.raises(ClintlError, match=rf"Task 'nli'.*note-1 .*{what}") as error:
        train(nlp, [ROWS[4], (text, gold)], steps=1)
    assert text not in str(error.value)
    # Nothing is wrong with it as a document of other tasks, or as one to predict.
    train(nlp, [ROWS[4], (text, {"other/x": 1.0})], steps=1)
    assert sum(nlp(text).cats.values()) == pytest.approx(1.0, abs=1e-5)


def test_sides_matter_and_documents_do_not_mix(trained):
    texts = [text for text, _ in ROWS]
    for doc, text in zip(trained.pipe(texts), texts):
        assert trained(text).cats == pytest.approx(doc.cats, abs=1e-5)
    sides = ("no cough", "he is hot")
    docs = [trained.make_doc(join_pair(*each)) for each in (sides, sides[::-1])]
    there, back = trained.get_pipe("multitask_textcat").model.predict(docs)["nli"]
    assert (np.abs(there - back) > 1e-3).any()


def test_more_labels_for_a_task_that_is_read(trained):
    nlp = build().from_bytes(trained.to_bytes())
    model = nlp.get_pipe("multitask_textcat").model
    docs = [nlp.make_doc(text) for text, _ in ROWS]
    expected = model.predict(docs)
    resize_head(model, "codes", 4)
    resize_head(model, "urgent", 3)
    found = model.predict(docs)
    assert {task: logits.shape[1] for task, logits in found.items()} == {
        "urgent": 3,
        "topic": 2,
        "codes": 4,
        "nli": 2,
    }
    for task, logits in expected.items():
        np.testing.assert_allclose(found[task][:, : logits.shape[1]], logits, atol=1e-5)


def test_pairs_on_a_shared_encoder(tmp_path):
    listener = {
        "@architectures": "spacy-transformers.TransformerListener.v1",
        "pooling": {"@layers": "reduce_mean.v1"},
    }
    fix_random_seed(0)
    nlp = spacy.blank("en")
    encoder = {
        "@architectures": "spacy_clintl.AdaptedTransformer.v1",
        "name": str(make_wordpiece_bert(tmp_path / "base")),
        "window": 16,
        "overlap": 2,
        "precision": "fp32",
        "dropout": 0.0,
        "rate": 0.3,
    }
    nlp.add_pipe("transformer", config={"model": encoder})
    model = {"@architectures": "spacy_clintl.MultiTaskTextCat.v1", "tok2vec": listener}
    tasks = {"nli": TASKS["nli"], "topic": {}}
    nlp.add_pipe("multitask_textcat", config={"tasks": tasks, "model": model})
    long = "fever and cough since monday and pain in the chest at rest and no relief from aspirin"
    rows = [
        *ROWS[4:],
        (join_pair(long, "pain"), {"nli/yes": 1.0, "nli/no": 0.0}),
        (join_pair(long, "no pain"), {"nli/yes": 0.0, "nli/no": 1.0}),
        ("chest pain", {"topic/heart": 1.0}),
    ]
    examples = list(examples_for(nlp, rows))
    nlp.initialize(lambda: examples)
    losses = train(nlp, rows, steps=40)
    assert losses[-1] < 0.1 * losses[0]
    scores = nlp.evaluate(list(examples_for(nlp, rows)))
    assert scores["cats_nli_macro_f"] == scores["cats_topic_macro_f"] == 1.0
    nlp.to_disk(tmp_path / "saved")
    assert predictions(spacy.load(tmp_path / "saved")) == predictions(nlp)
