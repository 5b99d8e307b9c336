import subprocess
import sys

import numpy
import pytest
import spacy
from sklearn import metrics
from spacy.training import Example

from spacy_clintl.errors import ClintlError
from spacy_clintl.evaluation.classification import classification_scores, score_tasks

NAN = float("nan")


def one_hot(index, k):
    return numpy.eye(k)[index]


def test_exclusive_by_hand():
    # gold a a b c, predicted a b b b: a p 1 r 1/2, b p 1/3 r 1, c nothing
    gold = one_hot([0, 0, 1, 2], 4)
    scores = one_hot([0, 1, 1, 1], 4)
    found = classification_scores(gold, scores, ["a", "b", "c", "d"], exclusive=True)
    assert found["acc"] == found["micro_f"] == 0.5
    assert found["n"] == 4
    # 'd' is in neither gold nor predictions and does not enter the averages.
    assert list(found["f_per_type"]) == ["a", "b", "c"]
    assert found["f_per_type"]["a"] == {"p": 1.0, "r": 0.5, "f": pytest.approx(2 / 3)}
    assert found["f_per_type"]["b"] == pytest.approx({"p": 1 / 3, "r": 1.0, "f": 0.5})
    assert found["f_per_type"]["c"] == {"p": 0.0, "r": 0.0, "f": 0.0}
    assert found["macro_f"] == pytest.approx((2 / 3 + 0.5) / 3)
    assert found["macro_p"] == pytest.approx((1 + 1 / 3) / 3)
    assert found["macro_r"] == pytest.approx(0.5)
    assert found["auc_per_type"] == pytest.approx({"a": 0.75, "b": 2 / 3, "c": 0.5})
    assert found["macro_auc"] == pytest.approx((0.75 + 2 / 3 + 0.5) / 3)


def test_multi_label_by_hand():
    gold = numpy.array([[1, 0], [1, 1], [0, 0]])
    scores = numpy.array([[0.9, 0.6], [0.2, 0.5], [0.1, 0.4]])
    found = classification_scores(gold, scores, ["a", "b"], exclusive=False)
    assert found["f_per_type"]["a"] == pytest.approx({"p": 1.0, "r": 0.5, "f": 2 / 3})
    assert found["f_per_type"]["b"] == pytest.approx({"p": 0.5, "r": 1.0, "f": 2 / 3})
    assert found["micro_f"] == pytest.approx(2 / 3)
    assert found["acc"] == pytest.approx(1 / 3)
    assert found["auc_per_type"] == {"a": 1.0, "b": 0.5}


@pytest.mark.parametrize("exclusive", [True, False])
def test_same_as_scikit_learn(exclusive):
    rng = numpy.random.default_rng(0)
    k, labels = 4, list("abcd")
    scores = rng.random((60, k))
    if exclusive:
        index = rng.integers(0, k, 60)
        gold, truth, predicted = one_hot(index, k), index, scores.argmax(axis=1)
    else:
        gold = (rng.random((60, k)) < 0.3).astype(float)
        truth, predicted = gold, scores >= 0.5
    found = classification_scores(gold, scores, labels, exclusive)
    p, r, f, _ = metrics.precision_recall_fscore_support(truth, predicted, average="macro")
    expected = {
        "macro_p": p,
        "macro_r": r,
        "macro_f": f,
        "micro_f": metrics.f1_score(truth, predicted, average="micro"),
        "acc": metrics.accuracy_score(truth, predicted),
        "macro_auc": metrics.roc_auc_score(gold, scores, average="macro"),
    }
    assert {key: found[key] for key in expected} == pytest.approx(expected)


def test_labels_are_scored_where_they_are_annotated():
    gold = numpy.array([[1, NAN], [0, 1], [NAN, 0], [NAN, NAN], [1, 0]])
    scores = numpy.array([[0.9, 0.9], [0.8, 0.9], [0.9, 0.1], [0.9, 0.9], [0.1, 0.2]])
    found = classification_scores(gold, scores, ["a", "b"], exclusive=False)
    assert found["n"] == 4
    assert found["f_per_type"]["a"] == {"p": 0.5, "r": 0.5, "f": 0.5}
    assert found["f_per_type"]["b"] == {"p": 1.0, "r": 1.0, "f": 1.0}
    assert found["macro_f"] == 0.75
    assert found["micro_f"] == pytest.approx(2 / 3)  # tp 2, fp 1, fn 1
    assert found["auc_per_type"] == {"a": 0.5, "b": 1.0}
    # Whole label sets are known for the second and the last document only; both are wrong.
    assert found["acc"] == 0.0
    # What is predicted where nobody annotated changes nothing.
    scores[numpy.isnan(gold)] = 0
    assert classification_scores(gold, scores, ["a", "b"], exclusive=False) == found


def test_a_label_nobody_annotated_is_left_out():
    gold = numpy.array([[1, NAN], [0, NAN]])
    found = classification_scores(gold, numpy.ones((2, 2)), ["a", "b"], exclusive=False)
    assert list(found["f_per_type"]) == ["a"]
    assert "acc" not in found
    assert found["auc_per_type"] == {"a": 0.5}


def test_no_auc_without_both_classes():
    for exclusive in (True, False):
        found = classification_scores([[1], [1]], [[0.9], [0.1]], ["a"], exclusive)
        assert "macro_auc" not in found
        assert "auc_per_type" not in found


def test_one_label_multi_label():
    found = classification_scores([[1], [0], [0]], [[0.9], [0.9], [0.1]], ["a"], False)
    assert found["acc"] == pytest.approx(2 / 3)
    assert found["macro_f"] == pytest.approx(2 / 3)


def test_thresholds_belong_to_labels():
    gold, scores = [[1, 0], [0, 1]], [[0.3, 0.6], [0.1, 0.8]]
    found = classification_scores(gold, scores, ["a", "b"], False, [0.3, 0.7])
    assert found["macro_f"] == found["acc"] == 1.0
    assert classification_scores(gold, scores, ["a", "b"], False)["macro_f"] < 1


def test_no_prediction_is_not_the_first_label():
    gold = one_hot([0, 1], 2)
    found = classification_scores(gold, numpy.full((2, 2), NAN), ["a", "b"], exclusive=True)
    assert found["acc"] == found["macro_f"] == found["micro_f"] == 0.0
    partly = numpy.array([[NAN, NAN], [NAN, -3.0]])
    found = classification_scores(gold, partly, ["a", "b"], exclusive=True)
    assert found["acc"] == 0.5
    assert found["f_per_type"]["b"]["f"] == 1.0


def test_nothing_to_score():
    for exclusive in (True, False):
        assert (
            classification_scores(numpy.zeros((0, 2)), numpy.zeros((0, 2)), "ab", exclusive) == {}
        )
        nothing = numpy.full((2, 2), NAN)
        assert classification_scores(nothing, numpy.ones((2, 2)), "ab", exclusive) == {}


def test_shapes_must_fit():
    for gold, scores in [((2, 2), (2, 3)), ((2, 3), (2, 3)), ((2,), (2,))]:
        with pytest.raises(ClintlError, match="CL521"):
            classification_scores(numpy.ones(gold), numpy.ones(scores), "ab", False)


def example(nlp, gold, predicted):
    reference, doc = nlp.make_doc("a note"), nlp.make_doc("a note")
    reference.cats, doc.cats = gold, predicted
    return Example(doc, reference)


@pytest.fixture(scope="module")
def nlp():
    return spacy.blank("en")


TASKS = {
    "field": {"exclusive": True, "labels": ["a/b", "c"]},
    "signs": {"exclusive": False, "labels": ["x", "y"], "threshold": 0.5},
}


def test_each_task_counts_its_own_documents(nlp):
    wrong = {"field/a/b": 0.1, "field/c": 0.9, "signs/x": 1.0, "signs/y": 1.0}
    examples = [
        example(nlp, {"field/a/b": 1.0, "field/c": 0.0}, {**wrong, "field/a/b": 0.95}),
        example(nlp, {"signs/x": 1.0}, wrong),
        example(nlp, {"signs/x": 0.0, "signs/y": 0.0}, {**wrong, "signs/x": 0.0, "signs/y": 0.0}),
        example(nlp, {"field/a/b": 0.0}, wrong),
        example(nlp, {}, wrong),
    ]
    scores = score_tasks(examples, TASKS)
    assert scores["cats_field_n"] == 1
    assert scores["cats_field_acc"] == scores["cats_field_macro_f"] == 1.0
    assert list(scores["cats_field_f_per_type"]) == ["a/b"]
    assert scores["cats_signs_n"] == 2
    assert scores["cats_signs_f_per_type"]["x"]["f"] == 1.0
    assert scores["cats_signs_macro_auc"] == 1.0
    names = ["macro_f", "macro_p", "macro_r", "micro_f", "acc", "n", "f_per_type"]
    assert {f"cats_signs_{name}" for name in (*names, "macro_auc", "auc_per_type")} <= set(scores)


def test_a_task_without_gold_has_no_key(nlp):
    examples = [example(nlp, {"signs/x": 1.0}, {"field/c": 1.0}), example(nlp, {}, {})]
    assert not [key for key in score_tasks(examples, TASKS) if "field" in key]
    assert score_tasks([], TASKS) == {}
    # Another task whose name begins the same is another task.
    assert score_tasks([example(nlp, {"fields/c": 1.0}, {})], TASKS) == {}


def test_gold_labels_that_the_task_does_not_know_are_missed(nlp):
    examples = [
        example(nlp, {"field/new": 1.0}, {"field/c": 0.9, "field/a/b": 0.1}),
        example(nlp, {"field/c": 1.0}, {"field/c": 0.9, "field/a/b": 0.1}),
        example(nlp, {"signs/x": 1.0, "signs/new": 1.0}, {"signs/x": 0.9, "signs/y": 0.1}),
    ]
    scores = score_tasks(examples, TASKS)
    assert scores["cats_field_acc"] == 0.5
    assert scores["cats_field_f_per_type"]["new"]["r"] == 0.0
    assert scores["cats_signs_macro_r"] == 0.5
    assert scores["cats_signs_f_per_type"]["new"]["r"] == 0.0


def test_documents_without_prediction_count_as_missed(nlp):
    examples = [example(nlp, {"field/a/b": 1.0, "signs/x": 1.0}, {})]
    scores = score_tasks(examples, TASKS)
    assert scores["cats_field_acc"] == scores["cats_signs_macro_f"] == 0.0


@pytest.mark.parametrize("threshold", [0.2, [0.2, 0.9], {"x": 0.2}, numpy.array([0.2, 0.5])])
def test_thresholds_of_a_task(nlp, threshold):
    tasks = {"signs": {**TASKS["signs"], "threshold": threshold}}
    examples = [example(nlp, {"signs/x": 1.0, "signs/y": 0.0}, {"signs/x": 0.3, "signs/y": 0.1})]
    assert score_tasks(examples, tasks)["cats_signs_acc"] == 1.0


@pytest.mark.parametrize("threshold", [[0.5], {"z": 0.5}])
def test_thresholds_that_do_not_fit(nlp, threshold):
    with pytest.raises(ClintlError, match=r"CL522.*signs"):
        score_tasks([], {"signs": {**TASKS["signs"], "threshold": threshold}})


def test_importing_does_not_load_scikit_learn():
    code = (
        "import sys, spacy_clintl.evaluation.classification, spacy_clintl.evaluation.report;"
        "print([m for m in ('sklearn', 'transformers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
