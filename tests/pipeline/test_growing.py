"""Labels and tasks that join a component: what was there stays to the last bit."""

import copy

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import SGD, Adam

from spacy_clintl.errors import ClintlError
from spacy_clintl.models.multitask_textcat import heads_of
from tests.pipeline.growth import (
    DOSES,
    HEADS,
    NEW,
    NOTES,
    OLD,
    TEXTS,
    cat_examples,
    cats_of,
    ent_examples,
    ents_of,
    head,
    only,
    tagger,
    textcat,
    train,
)

CRF = pytest.mark.parametrize("crf", [False, True], ids=["softmax", "crf"])
# The ways by which pipelines come that are then trained, too.
TRAINED = ("itself", "sourced and saved")
KEYS = {"d/flu", "d/mi", "f/fever", "f/pain"}


def trained_textcat(kind="mean", steps=5, cats=OLD, **tasks):
    nlp = textcat(kind, **tasks)
    examples = cat_examples(nlp, cats)
    nlp.initialize(lambda: examples)
    train(nlp, examples, steps)
    return nlp


def trained_tagger(crf, steps=20):
    nlp = tagger(crf)
    examples = ent_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, examples, steps)
    return nlp


def ways(nlp, build, tmp_path):
    """Return a pipeline as it comes by all the ways it can go."""
    nlp.to_disk(tmp_path / "saved")
    sourced = spacy.blank("en")
    for name in nlp.pipe_names:
        sourced.add_pipe(name, source=spacy.load(tmp_path / "saved"))
    sourced.to_disk(tmp_path / "sourced")
    return {
        "itself": nlp,
        "disk": spacy.load(tmp_path / "saved"),
        "bytes": build().from_bytes(nlp.to_bytes()),
        "sourced": sourced,
        "sourced and saved": spacy.load(tmp_path / "sourced"),
    }


@pytest.mark.parametrize("kind", HEADS)
def test_new_labels_change_nothing_until_they_have_gold(kind, tmp_path):
    nlp = trained_textcat(kind)
    expected = cats_of(nlp)
    pipe = nlp.get_pipe("multitask_textcat")
    assert pipe.add_label("copd", task="d") == 1
    assert pipe.add_label("f/cough") == 1
    assert pipe.add_label("copd", task="d") == pipe.add_label("d/flu") == 0
    assert set(pipe.labels) == KEYS | set(NEW)
    for way, grown in ways(nlp, lambda: textcat(kind), tmp_path).items():
        assert cats_of(grown) == expected, way
        assert set(grown.get_pipe("multitask_textcat").labels) == KEYS | set(NEW), way
        if way not in TRAINED:
            continue
        # Gold for the old labels only, or by which the new one is false, does not wake them.
        more = [dict(OLD[0]), {**OLD[1], "d/copd": 0.0}]
        train(grown, cat_examples(grown, more))
        assert set(cats_of(grown)[0]) == KEYS, way
        cats = [{**OLD[0], "f/cough": 0.0}, OLD[1], {"d/copd": 1.0, "f/cough": 1.0}]
        examples = cat_examples(grown, cats)
        train(grown, examples)
        assert set(cats_of(grown)[0]) == KEYS | set(NEW), way
        optimizer = Adam(0.02)
        losses = [train(grown, examples, optimizer=optimizer) for _ in range(60)]
        scores = grown.evaluate([Example(grown.make_doc(e.text), e.reference) for e in examples])
        assert scores["cats_d_acc"] == scores["cats_f_acc"] == 1.0, (way, losses[-1])


def test_predictions_by_several_processes():
    nlp = trained_textcat()
    pipe = nlp.get_pipe("multitask_textcat")
    pipe.add_label("d/copd")
    pipe.add_task("triage", ["home", "ward"])
    assert cats_of(nlp, n_process=2, batch_size=4) == cats_of(nlp, batch_size=4)
    train(nlp, cat_examples(nlp, [*OLD, {"d/copd": 1.0, "triage/ward": 1.0}]))
    for one, two in zip(cats_of(nlp, n_process=2, batch_size=4), cats_of(nlp), strict=True):
        assert one == pytest.approx(two, abs=1e-5)


def test_batches_without_the_new_label_train_as_if_it_was_not_there():
    plain, grown = trained_textcat(), trained_textcat()
    grown.get_pipe("multitask_textcat").add_label("d/copd")
    grown.get_pipe("multitask_textcat").add_task("triage", ["home", "ward"])
    for nlp in (plain, grown):
        train(nlp, cat_examples(nlp, OLD), 3)
    assert cats_of(plain) == cats_of(grown)


def test_calibration_survives():
    nlp = trained_textcat()
    pipe = nlp.get_pipe("multitask_textcat")
    examples = cat_examples(nlp, OLD)
    with pipe.uncalibrated():
        predicted = [Example(nlp(eg.text), eg.reference) for eg in examples]
    pipe.calibrate(predicted)
    found = copy.deepcopy((pipe.cfg["temperatures"], pipe.cfg["thresholds"]))
    assert found[1]["f"]
    expected = cats_of(nlp)
    pipe.add_label("f/cough")
    pipe.add_label("d/copd")
    assert cats_of(nlp) == expected
    # Documents with gold for what waits can be calibrated on, and scored.
    gold = cat_examples(nlp, [{**OLD[0], "f/cough": 0.0}, OLD[1], NEW])
    scores = nlp.evaluate([Example(nlp.make_doc(eg.text), eg.reference) for eg in gold])
    assert scores["cats_f_f_per_type"]["cough"]["f"] == 0.0
    assert scores["cats_d_n"] == 3
    with pipe.uncalibrated():
        predicted = [Example(nlp(eg.text), eg.reference) for eg in gold]
    pipe.calibrate(predicted)
    assert pipe.cfg["temperatures"] == pytest.approx(found[0], abs=1e-5)
    assert pipe.cfg["thresholds"] == found[1]
    pipe.cfg["temperatures"] = dict(found[0])
    train(nlp, gold, 30)
    assert (pipe.cfg["temperatures"], pipe.cfg["thresholds"]) == found
    pipe.calibrate([Example(nlp(eg.text), eg.reference) for eg in gold])
    assert "cough" in pipe.cfg["thresholds"]["f"]


@pytest.mark.parametrize("kind", HEADS)
def test_new_task(kind, tmp_path):
    nlp = trained_textcat()
    expected = cats_of(nlp)
    pipe = nlp.get_pipe("multitask_textcat")
    assert pipe.add_task("marks", ["urgent"], exclusive=False, head=HEADS[kind]) == 1
    # The config gets the second only, and tasks keep their order all the same.
    added = pipe.add_task("triage", ["home", "ward"], head=HEADS[kind], weight=0.5, nlp=nlp)
    assert added == 1
    assert pipe.add_task("triage", ["home", "ward"]) == 0
    assert nlp.config["components"]["multitask_textcat"]["tasks"]["triage"]["weight"] == 0.5
    cats = [{**OLD[0], "triage/home": 1.0, "marks/urgent": 0.0}, {**OLD[1], "marks/urgent": 1.0}]
    cats += [{"triage/ward": 1.0}]
    for way, grown in ways(nlp, textcat, tmp_path).items():
        assert cats_of(grown) == expected, way
        assert grown.get_pipe("multitask_textcat").tasks["triage"].weight == 0.5
        if way not in TRAINED:
            continue
        train(grown, cat_examples(grown, OLD))
        before = {t: h.to_bytes() for t, h in heads_of(grown.get_pipe(pipe.name).model).items()}
        train(grown, cat_examples(grown, cats[2:], TEXTS[2:]))
        after = {t: h.to_bytes() for t, h in heads_of(grown.get_pipe(pipe.name).model).items()}
        assert {task for task in after if after[task] != before[task]} == {"triage"}, way
        new = {"triage/home", "triage/ward"}
        assert set(cats_of(grown)[0]) == KEYS | new, way
        examples = cat_examples(grown, cats)
        train(grown, examples, 60, Adam(0.02))
        scores = grown.evaluate([Example(grown.make_doc(e.text), e.reference) for e in examples])
        assert scores["cats_triage_acc"] == scores["cats_marks_acc"] == 1.0, way
        assert set(cats_of(grown)[0]) == KEYS | new | {"marks/urgent"}
        # What has grown and learned is saved, and grows again.
        grown.to_disk(tmp_path / "again")
        loaded = spacy.load(tmp_path / "again")
        assert cats_of(loaded) == cats_of(grown), way
        loaded.get_pipe("multitask_textcat").add_label("triage/intensive")
        assert cats_of(loaded) == cats_of(grown), way
        train(loaded, cat_examples(loaded, [{"triage/intensive": 1.0}], TEXTS[3:]))
        assert "triage/intensive" in loaded("pain").cats


def test_growing_before_initialization():
    nlp = textcat()
    pipe = nlp.get_pipe("multitask_textcat")
    pipe.add_label("d/copd")
    pipe.add_task("triage", exclusive=False)
    pipe.add_label("triage/ward")
    with pytest.raises(ClintlError, match="no labels yet"):
        nlp("pain")
    examples = cat_examples(nlp, [{**OLD[0], "triage/home": 1.0}, OLD[1]])
    nlp.initialize(lambda: examples)
    assert pipe.label_data == {
        "d": ["copd", "flu", "mi"],
        "f": ["fever", "pain"],
        "triage": ["ward", "home"],
    }
    # There is no training to keep: new labels are as good as the others.
    assert set(nlp("pain").cats) == set(pipe.labels)
    other = textcat()
    other.get_pipe("multitask_textcat").add_label("d/copd")
    examples = cat_examples(other, OLD)
    labels = {"d": ["mi", "flu"], "f": ["pain", "fever"]}
    other.get_pipe("multitask_textcat").initialize(lambda: examples, labels=labels)
    assert other.get_pipe("multitask_textcat").label_data["d"] == ["mi", "flu", "copd"]


def test_initializing_anew_takes_what_was_added():
    nlp = trained_textcat()
    pipe = nlp.get_pipe("multitask_textcat")
    pipe.add_label("d/copd")
    pipe.add_task("triage", ["home", "ward"])
    examples = cat_examples(nlp, [{**OLD[0], "triage/home": 1.0}, OLD[1], {"d/copd": 1.0}])
    nlp.initialize(lambda: examples)
    assert pipe.label_data["d"] == ["flu", "mi", "copd"]
    assert set(nlp("pain").cats) == set(pipe.labels)
    examples = cat_examples(nlp, [{**OLD[0], "triage/home": 1.0}, {"d/new": 1.0, **OLD[1]}])
    examples[1].reference.cats["d/mi"] = 0.0
    with pytest.raises(ClintlError, match="Grow"):
        nlp.initialize(lambda: examples)


def test_task_that_is_read_grows(tmp_path):
    reader = head("ReadsTasks", head=head("LinearHead", dropout=0.0), tasks=["d"])
    gold = [{**OLD[0], "u/yes": 1.0}, {**OLD[1], "u/no": 1.0}]
    nlp = trained_textcat(steps=5, cats=gold, u={"head": reader})
    expected = cats_of(nlp)
    pipe = nlp.get_pipe("multitask_textcat")
    pipe.add_label("d/copd")
    assert pipe.add_task("v", ["yes", "no"], head=reader) == 1
    assert cats_of(nlp) == expected
    train(nlp, cat_examples(nlp, [*gold, {"d/copd": 1.0, "v/yes": 1.0}]), 2)
    heads = heads_of(pipe.model)
    assert heads["u"].get_param("W d").shape == heads["v"].get_param("W d").shape == (2, 3)
    nlp.to_disk(tmp_path / "saved")
    assert cats_of(spacy.load(tmp_path / "saved")) == cats_of(nlp)
    train(nlp, cat_examples(nlp, gold), 2)
    assert heads["u"].get_param("W d")[:, 2].any()


def test_weight_of_zero_keeps_labels_waiting():
    nlp = trained_textcat(d={"weight": 0.0})
    nlp.get_pipe("multitask_textcat").add_label("d/copd")
    expected = cats_of(nlp)
    train(nlp, cat_examples(nlp, [{"d/copd": 1.0}]), optimizer=SGD(0.1))
    assert only(cats_of(nlp), {"d/flu", "d/mi", "d/copd"}) == only(expected, {"d/flu", "d/mi"})


def test_class_weights_of_what_is_new():
    nlp = trained_textcat(d={"class_weights": "balanced"})
    pipe = nlp.get_pipe("multitask_textcat")
    gold = [{"t/a": 1.0}, {"t/a": 1.0}, {"t/b": 1.0}]
    examples = cat_examples(nlp, gold)
    with pytest.raises(ClintlError, match=r"Task 't'.*get_examples"):
        pipe.add_task("t", ["a", "b"], class_weights="balanced")
    pipe.add_task("t", class_weights="balanced", get_examples=lambda: examples)
    assert pipe.cfg["class_weights"]["t"] == {"a": 0.75, "b": 1.5}
    pipe.add_label("d/copd")
    train(nlp, cat_examples(nlp, [*gold, {"d/copd": 1.0}]))
    assert set(nlp("pain").cats) == set(pipe.labels)


def test_added_task_cannot_warm_up_in_a_model_that_holds_nothing_back():
    nlp = trained_textcat(d={})
    pipe = nlp.get_pipe("multitask_textcat")
    del pipe.model.attrs["encoder_shares"]
    with pytest.raises(ClintlError, match=r"CL484.*'encoder_shares'"):
        pipe.add_task("t", ["a", "b"], warm_up=5)
    assert "t" not in pipe.tasks


@pytest.mark.parametrize(
    ("grow", "match"),
    [
        (lambda p: p.add_label("copd"), "for the task 'copd'.*d, f"),
        (lambda p: p.add_label("copd", task="x"), "for the task 'x'.*d, f"),
        (lambda p: p.add_label("d/"), "for the task 'd'"),
        (lambda p: p.add_label(3, task="d"), "3 cannot be added"),
        (lambda p: p.add_label(" ", task="d"), "cannot be added"),
        (lambda p: p.add_task("a/b", ["x", "y"]), "a/b"),
        (lambda p: p.add_task("t"), "'t' needs at least 2"),
        (lambda p: p.add_task("t", ["a"]), "'t' needs at least 2"),
        (lambda p: p.add_task("t", ["a", "a"]), "'a' twice"),
        (lambda p: p.add_task("t", ["a", "b"], exclsive=True), "exclsive"),
        (lambda p: p.add_task("t", ["a", "b"], head=object()), "'head' cannot be stored"),
        (lambda p: p.add_task("t", ["a", "b"], head=head("NoSuchHead")), "(?s)'t'.*NoSuchHead"),
        (lambda p: p.add_task("t", ["a", "b"], head=head("LinearHead", pool=1)), "(?s)'t'.*pool"),
        (
            lambda p: p.add_task(
                "t", ["a", "b"], head=head("ReadsTasks", head=head("LinearHead"), tasks=["z"])
            ),
            "reads the task 'z'",
        ),
    ],
)
def test_what_cannot_be_added(grow, match):
    nlp = trained_textcat()
    pipe = nlp.get_pipe("multitask_textcat")
    expected, labels = cats_of(nlp), pipe.labels
    with pytest.raises(ClintlError, match=match):
        grow(pipe)
    assert pipe.labels == labels
    assert cats_of(nlp) == expected


def test_new_task_cannot_read_one_that_waits():
    nlp = trained_textcat()
    pipe = nlp.get_pipe("multitask_textcat")
    pipe.add_task("t", ["a", "b"])
    reader = head("ReadsTasks", head=head("LinearHead"), tasks=["t"])
    with pytest.raises(ClintlError, match="'t', which has learned nothing yet"):
        pipe.add_task("u", ["a", "b"], head=reader)
    train(nlp, cat_examples(nlp, [{"t/a": 1.0}]))
    assert pipe.add_task("u", ["a", "b"], head=reader) == 1
    train(nlp, cat_examples(nlp, [{"u/a": 1.0}]))
    assert set(nlp("pain").cats) == set(pipe.labels)


@CRF
def test_tagger_grows(crf, tmp_path):
    nlp = trained_tagger(crf)
    expected = ents_of(nlp)
    assert any(expected)
    pipe = nlp.get_pipe("iob_ner")
    assert [pipe.add_label("DOSE"), pipe.add_label("DOSE"), pipe.add_label("DRUG")] == [1, 0, 0]
    assert pipe.labels == ("DRUG", "FREQUENCY", "DOSE")
    assert pipe.label_data == list(pipe.labels)
    plain = trained_tagger(crf)
    for way, grown in ways(nlp, lambda: tagger(crf), tmp_path).items():
        assert ents_of(grown) == expected, way
        if way == "disk":
            assert ents_of(grown, n_process=2, batch_size=2) == ents_of(grown, batch_size=2)
        # Batches without an entity of the new label train as if it was not there.
        if way == "itself":
            train(plain, ent_examples(plain), 2, SGD(0.01))
            train(grown, ent_examples(grown), 2, SGD(0.01))
            assert ents_of(grown) == ents_of(plain)
        assert grown.get_pipe("iob_ner").model.get_ref("output_layer").get_dim("nO") == 5
        notes = [*NOTES, *DOSES]
        train(grown, ent_examples(grown, notes), 60, Adam(0.02))
        assert grown.get_pipe("iob_ner").model.get_ref("output_layer").get_dim("nO") == 7
        scores = grown.evaluate(ent_examples(grown, notes))
        assert scores["ents_f"] == 1.0, way
        assert scores["ents_per_type"]["DOSE"]["f"] == 1.0
        assert grown.get_pipe("iob_ner").labels == ("DRUG", "FREQUENCY", "DOSE")
        grown.to_disk(tmp_path / "again")
        assert ents_of(spacy.load(tmp_path / "again")) == ents_of(grown), way
        for doc in ents_of(grown):
            assert all(0 < confidence <= 1 for *_, confidence in doc)


@CRF
def test_tagger_grows_before_and_by_initialization(crf):
    nlp = tagger(crf)
    pipe = nlp.get_pipe("iob_ner")
    pipe.add_label("DOSE")
    with pytest.raises(ClintlError, match="no labels yet"):
        nlp("pain")
    nlp.initialize(lambda: ent_examples(nlp))
    assert pipe.labels == ("DOSE", "DRUG", "FREQUENCY")
    train(nlp, ent_examples(nlp, [*NOTES, *DOSES]), 2)
    pipe.add_label("ROUTE")
    nlp.initialize(lambda: ent_examples(nlp))
    assert pipe.labels == ("DOSE", "DRUG", "FREQUENCY", "ROUTE")
    train(nlp, ent_examples(nlp, [*NOTES, *DOSES]), 2)
    with pytest.raises(ClintlError, match="cannot be added"):
        pipe.add_label("")
    with pytest.raises(ClintlError, match=r"'PLACE'.*add_label"):
        train(nlp, ent_examples(nlp, [("at home", [(1, 2, "PLACE")])]))


def test_tagger_without_weight_keeps_labels_waiting():
    nlp = trained_tagger(False)
    pipe = nlp.get_pipe("iob_ner")
    pipe.add_label("DOSE")
    pipe.loss_weight = 0.0
    expected = ents_of(nlp)
    train(nlp, ent_examples(nlp, DOSES), 2)
    assert ents_of(nlp) == expected
    assert np.array_equal(pipe.cfg["waiting"], ["DOSE"])


@CRF
def test_entities_that_fall_on_no_token_are_no_gold(crf):
    nlp = trained_tagger(crf)
    nlp.get_pipe("iob_ner").add_label("DOSE")
    expected = ents_of(nlp)
    predicted = Doc(nlp.vocab, words=["aspirin", "100mg"])
    reference = Doc(nlp.vocab, words=["aspirin", "100", "mg"], spaces=[True, False, False])
    reference.set_ents([Span(reference, 1, 2, "DOSE")])
    nlp.update([Example(predicted, reference)], sgd=SGD(0.0))
    assert ents_of(nlp) == expected


def test_batch_without_tokens_wakes_no_label():
    nlp = trained_textcat()
    nlp.get_pipe("multitask_textcat").add_label("d/copd")
    expected = cats_of(nlp)
    train(nlp, cat_examples(nlp, [{"d/copd": 1.0}], [""]))
    assert cats_of(nlp) == expected
    with pytest.raises(ClintlError, match="2 of them"):
        train(nlp, cat_examples(nlp, [{"d/copd": 1.0, "d/flu": 1.0}]))
    assert cats_of(nlp) == expected
