"""Each component by itself, on the small default model, and what it says to bad input."""

import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Adam, fix_random_seed

from spacy_clintl.data.mixed_corpus import make_mixed_corpus_v1
from spacy_clintl.errors import ClintlError
from spacy_clintl.models.heads.linear import linear_head_v1
from spacy_clintl.models.iob import MISSING, gold_tags
from spacy_clintl.pipeline.grow import make_grow_v1

CATS = [
    ("fever and cough", {"d/flu": 1.0, "d/mi": 0.0, "f/fever": 1.0}),
    ("chest pain", {"d/flu": 0.0, "d/mi": 1.0, "f/fever": 0.0}),
    ("no complaints", {"other/x": 1.0}),
]
TASKS = {"d": {"exclusive": True}, "f": {"exclusive": False}}


def cat_examples(nlp, rows=CATS):
    for text, cats in rows:
        example = Example.from_dict(nlp.make_doc(text), {})
        example.reference.cats = dict(cats)
        yield example


def textcat(tasks=None, rows=CATS, **initialize):
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("multitask_textcat", config={"tasks": TASKS if tasks is None else tasks})
    examples = list(cat_examples(nlp, rows))
    pipe.initialize(lambda: examples, nlp=nlp, **initialize)
    return nlp


def tagger(spans=((0, 1, "DRUG"),), **initialize):
    nlp = spacy.blank("en")
    pipe = nlp.add_pipe("iob_ner")
    example = Example(nlp.make_doc("aspirin for pain"), nlp.make_doc("aspirin for pain"))
    if spans is not None:
        example.reference.set_ents([Span(example.reference, *s) for s in spans])
    pipe.initialize(lambda: [example], nlp=nlp, **initialize)
    return nlp, example


def test_textcat_learns_without_a_transformer_and_is_saved(tmp_path):
    nlp = textcat()
    optimizer = Adam(0.01)
    for _ in range(30):
        nlp.update(list(cat_examples(nlp)), sgd=optimizer)
    scores = nlp.evaluate(list(cat_examples(nlp)))
    assert scores["cats_d_macro_f"] == 1.0
    assert scores["cats_f_macro_f"] == 1.0
    assert scores["cats_d_n"] == 2
    nlp.to_disk(tmp_path / "saved")
    loaded = spacy.load(tmp_path / "saved")
    assert loaded("chest pain").cats == pytest.approx(nlp("chest pain").cats, abs=1e-6)
    assert loaded.get_pipe("multitask_textcat").label_data == {"d": ["flu", "mi"], "f": ["fever"]}
    # Resuming with the labels it has is no clash.
    loaded.initialize(lambda: list(cat_examples(loaded)))


def test_tagger_learns_without_a_transformer_and_is_saved(tmp_path):
    nlp, example = tagger()
    optimizer = Adam(0.01)
    for _ in range(30):
        nlp.update([Example(nlp.make_doc(example.text), example.reference)], sgd=optimizer)
    nlp.to_disk(tmp_path / "saved")
    doc = spacy.load(tmp_path / "saved")("aspirin for pain")
    assert [(e.text, e.label_) for e in doc.ents] == [("aspirin", "DRUG")]
    assert doc.has_annotation("ENT_IOB")


def test_gold_tags():
    nlp = spacy.blank("en")
    reference = nlp.make_doc("aspirin for pain")
    example = Example(nlp.make_doc("aspirin for pain"), reference)
    assert gold_tags(example, ["DRUG"]).tolist() == [MISSING] * 3
    reference.set_ents([Span(reference, 0, 2, label="DRUG")], missing=[reference[2:3]])
    assert gold_tags(example, ["X", "DRUG"]).tolist() == [3, 4, MISSING]
    other = Example(Doc(nlp.vocab, words=["aspi", "rin", "for", "pain"]), reference)
    other = Example(
        Doc(nlp.vocab, words=["aspi", "rin", "for", "pain"], spaces=[False, True, True, False]),
        reference,
    )
    assert gold_tags(other, ["DRUG"]).tolist()[:3] == [1, 2, 2]


@pytest.mark.parametrize(
    ("tasks", "match"),
    [
        ({}, "no tasks"),
        ({"a/b": {}}, "a/b"),
        ({"d": {"exclusve": True}}, "exclusve"),
        ({"d": {"weight": -1}}, "weight"),
        ({"d": {"threshold": 1.5}}, "threshold"),
        ({"d": {"class_weights": "ballanced"}}, "ballanced"),
        ({"d": {"class_weights": {"flu": -1.0}}}, "class_weights"),
        ({"d": {"class_weights": {}}}, "class_weights"),
        ({"d": {"class_weights": "balanced", "class_weights_beta": 1.0}}, "class_weights_beta"),
        ({"d": {}, "nowhere": {}}, "nowhere"),
        ({"f": {"exclusive": True}}, "'f' needs at least 2"),
        *(
            ({name: {}}, "cannot be the name of a task")
            for name in ("icd:9", "icd=9", "t.x", "*", "#x", " x", "a\nb")
        ),
        ({"d": {"class_weights": {"flu:1": 2.0}}}, r'\[\["flu:1", 2.0\]\]'),
        ({"d": {"class_weights": [["flu", -2.0]]}}, "class_weights"),
        ({"d": {"class_weights": [["flu"]]}}, "class_weights"),
        *(
            ({"d": {"loss": {"@misc": f"spacy_clintl.{loss}.v1"}}}, "CL319.*'exclusive = false'")
            for loss in ("AsymmetricLoss", "BinaryCrossEntropyLoss")
        ),
    ],
)
def test_impossible_tasks(tasks, match):
    with pytest.raises(ClintlError, match=match):
        textcat(tasks)


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        ({"d": ["flu", "mi"], "f": ["fever"], "z": ["q"]}, "'z'"),
        ({"d": ["flu", "mi"]}, "task 'f'"),
        ({"d": ["flu", "flu", "mi"], "f": ["fever"]}, "'flu' twice"),
        ({"d": ["flu", "cold"], "f": ["fever"]}, "d/mi"),
    ],
)
def test_impossible_labels(labels, match):
    with pytest.raises(ClintlError, match=match):
        textcat(labels=labels)


def test_labels_that_no_key_of_a_config_can_hold(tmp_path):
    rows = [("fever", {"d/E11:9": 1.0, "d/a=b": 0.0}), ("pain", {"d/E11:9": 0.0, "d/a=b": 1.0})]
    nlp = textcat({"d": {"class_weights": [["E11:9", 2.0], ["a=b", 0.5]]}}, rows)
    nlp.to_disk(tmp_path)
    pipe = spacy.load(tmp_path).get_pipe("multitask_textcat")
    assert pipe.cfg["class_weights"] == {"d": {"E11:9": 2.0, "a=b": 0.5}}
    assert pipe.tasks["d"].class_weights == {"E11:9": 2.0, "a=b": 0.5}


@pytest.mark.parametrize("value", [-1.0, 2.0, float("nan")])
def test_gold_beyond_0_and_1_is_named(value):
    rows = [*CATS, ("x y", {"f/fever": value})]
    nlp = textcat()
    (*_, example) = cat_examples(nlp, rows)
    example.reference.user_data["id"] = "note-7"
    with pytest.raises(ClintlError, match=r"note-7\) has .* 'f/fever'"):
        nlp.update([example])


def test_an_exclusive_task_without_a_true_label():
    rows = [*CATS[1:], ("fever", {"z/a": 0.0, "z/b": 0.0})]
    with pytest.raises(ClintlError, match="true category of task 'z'"):
        textcat({"z": {"exclusive": True}}, rows)


def test_two_classifiers_both_choose_the_best_model():
    nlp = spacy.blank("en")
    for task in TASKS:
        tasks = {task: TASKS[task]}
        nlp.add_pipe("multitask_textcat", name=f"of_{task}", config={"tasks": tasks})
    examples = list(cat_examples(nlp))
    nlp.initialize(lambda: examples)
    weights = nlp.config["training"]["score_weights"]
    assert weights["of_d_macro_f"] == weights["of_f_macro_f"] == 0.5
    assert weights["multitask_macro_f"] is None
    scores = nlp.evaluate(examples)
    assert scores["of_d_macro_f"] == scores["cats_d_macro_f"]
    assert scores["of_f_macro_f"] == scores["cats_f_macro_f"]


def test_two_classifiers_with_a_task_of_the_same_name():
    nlp = spacy.blank("en")
    nlp.add_pipe("multitask_textcat", name="one", config={"tasks": {"d": {}}})
    nlp.add_pipe("multitask_textcat", name="two", config={"tasks": {"d": {}}})
    doc = nlp.make_doc("a b")
    doc.cats = {"d/x": 1.0, "d/y": 0.0, "f/x": 1.0, "f/y": 0.0}
    examples = [Example(nlp.make_doc("a b"), doc)]
    with pytest.raises(ClintlError, match=r"CL317.*'two' and 'one' both have a task 'd'"):
        nlp.initialize(lambda: examples)
    nlp.remove_pipe("two")
    nlp.add_pipe("multitask_textcat", name="two", config={"tasks": {"f": {}}})
    nlp.initialize(lambda: examples)
    with pytest.raises(ClintlError, match=r"CL317.*task 'd'"):
        nlp.get_pipe("two").add_task("d", ["x", "y"], nlp=nlp)
    assert list(nlp.get_pipe("two").tasks) == ["f"]
    # Without the pipeline nobody can tell yet; a callback can.
    nlp.get_pipe("two").add_task("d", ["x", "y"])
    with pytest.raises(ClintlError, match=r"CL317.*task 'd'"):
        make_grow_v1({})(nlp)


@pytest.mark.parametrize("name", ["note-7", None])
def test_clashing_gold(name):
    where = name or "number 1"
    both = [("x y", {"d/flu": 1.0, "d/mi": 1.0}), *CATS]

    def examples(rows):
        found = list(cat_examples(spacy.blank("en"), rows))
        found[0].reference.user_data["id"] = name
        return found

    nlp = textcat()
    with pytest.raises(ClintlError, match=rf"CL312.*\({where}\) has 2 of them.*flu, mi"):
        nlp.update(examples(both))
    with pytest.raises(ClintlError, match=rf"CL318.*\({where}\) sum to 1\.05"):
        nlp.update(examples([("x y", {"d/flu": 0.6, "d/mi": 0.45})]))
    new = [("x y", {"d/gout": 1.0})]
    with pytest.raises(ClintlError, match=rf"CL309.*\({where}\).*d/gout"):
        nlp.update(examples(new))
    with pytest.raises(ClintlError, match="differ"):
        nlp.initialize(lambda: list(cat_examples(nlp, [*CATS, *new])))


def test_soft_labels_may_be_split_evenly():
    fix_random_seed(0)
    nlp = textcat()
    rows = [("fever", {"d/flu": 0.5, "d/mi": 0.5}), ("x y", {"d/flu": 0.3, "d/mi": 0.7})]
    examples = list(cat_examples(nlp, rows))
    optimizer = Adam(0.01)
    for _ in range(300):
        nlp.update(examples, sgd=optimizer)
    assert nlp("fever").cats["d/flu"] == pytest.approx(0.5, abs=0.05)
    assert nlp("x y").cats["d/flu"] == pytest.approx(0.3, abs=0.05)
    # No label of the first is right.
    scored = [Example(nlp.make_doc(eg.text), eg.reference) for eg in examples]
    assert nlp.evaluate(scored)["cats_d_n"] == 1
    predicted = [Example(nlp(eg.text), eg.reference) for eg in examples]
    [found] = nlp.get_pipe("multitask_textcat").calibrate(predicted)
    assert (found.task, found.documents) == ("d", 1)


def test_tagger_complains():
    with pytest.raises(ClintlError, match="No training document"):
        tagger(spans=None)
    with pytest.raises(ClintlError, match=r"CL322.*\(number 1\).*DRUG"):
        tagger(labels=["FINDING"])
    with pytest.raises(ClintlError, match="repeats"):
        tagger(labels=["DRUG", "DRUG"])
    nlp = spacy.blank("en")
    nlp.add_pipe("iob_ner")
    with pytest.raises(ClintlError, match="no labels yet"):
        nlp("aspirin")
    with pytest.raises(ClintlError, match="median"):
        linear_head_v1(pooling="median")


def test_corpus_complains(tmp_path):
    nlp = spacy.blank("en")
    (tmp_path / "bad.spacy").write_bytes(b"no")
    (tmp_path / "folder").mkdir()
    for paths, match in (
        (tmp_path / "bad.spacy", r"bad\.spacy"),
        (tmp_path / "gone.spacy", r"gone\.spacy"),
        (tmp_path / "folder", "folder"),
    ):
        with pytest.raises(ClintlError, match=match):
            list(make_mixed_corpus_v1(str(paths))(nlp))
    with pytest.raises(ClintlError, match="no paths"):
        list(make_mixed_corpus_v1([])(nlp))
