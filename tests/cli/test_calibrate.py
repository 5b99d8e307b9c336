import json
import shutil

import numpy as np
import pytest
import spacy
from spacy.tokens import DocBin
from spacy.training import Example
from typer.testing import CliRunner

from spacy_clintl.cli import app
from spacy_clintl.data.docbin import docbin_writer
from spacy_clintl.models.multitask_textcat import heads_of

WORDS = {"x": "fever", "y": "cough", "z": "rash"}


def clintl(*arguments):
    result = CliRunner().invoke(app, ["calibrate", *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A pipeline that is too sure of itself, and development documents with noisy labels."""
    folder = tmp_path_factory.mktemp("calibrate")
    rng = np.random.default_rng(0)
    nlp = spacy.blank("en")
    tasks = {"one": {"exclusive": True}, "many": {"exclusive": False}}
    nlp.add_pipe("multitask_textcat", config={"tasks": tasks})
    texts = [" ".join(WORDS[k] for k in keys) for keys in ("x", "y", "z", "xy", "xyz", "yz", "xz")]

    def annotated(text, noise):
        doc = nlp.make_doc(text)
        first = next(k for k, word in WORDS.items() if word in text)
        if rng.random() < noise:
            first = rng.choice(list(WORDS))
        doc.cats = {f"one/{k}": float(k == first) for k in WORDS}
        for k, word in WORDS.items():
            # Rarely annotated as true: 0.5 is the wrong threshold.
            true = word in text and rng.random() > noise
            doc.cats[f"many/{k}"] = float(true)
        return doc

    docs = [annotated(text, 0.0) for text in texts]
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in docs]
    nlp.initialize(lambda: examples)
    for _ in range(60):
        nlp.update(examples)
    nlp.to_disk(folder / "pipeline")
    with docbin_writer(folder / "dev.spacy") as add:
        for text in texts * 30:
            add(annotated(text, 0.4))
    with docbin_writer(folder / "bare.spacy") as add:
        add(nlp.make_doc("fever"))
    return folder


def test_scores_get_calibrated_and_the_pipeline_keeps_it(trained, tmp_path):
    out = tmp_path / "out"
    code, output = clintl(trained / "pipeline", trained / "dev.spacy", "--output", out)
    assert code == 0, output
    assert "Calibrated 1 components on 210 documents" in output
    before, after = spacy.load(trained / "pipeline"), spacy.load(out)
    pipe = after.get_pipe("multitask_textcat")
    assert pipe.cfg["temperatures"]["one"] > 1.2
    assert pipe.cfg["temperatures"]["many"] > 1.2
    assert set(pipe.cfg["thresholds"]["many"]) == set(WORDS)
    assert pipe.cfg["thresholds"]["one"] == {}
    sure, less_sure = before("fever").cats, after("fever").cats
    assert sum(less_sure[f"one/{k}"] for k in WORDS) == pytest.approx(1.0)
    assert less_sure["one/x"] < sure["one/x"]
    assert less_sure["many/x"] < sure["many/x"]
    # What is saved gives the same again, and calibrating twice is calibrating once.
    again = spacy.blank("en").from_config(after.config).from_bytes(after.to_bytes())
    assert again("fever cough").cats == after("fever cough").cats
    code, output = clintl(out, trained / "dev.spacy")
    assert code == 0, output
    twice = json.loads((out / "multitask_textcat" / "cfg").read_text())
    assert twice["temperatures"] == pytest.approx(pipe.cfg["temperatures"], abs=1e-3)


def test_thresholds_count_in_scores(trained, tmp_path):
    nlp = spacy.load(trained / "pipeline")
    pipe = nlp.get_pipe("multitask_textcat")
    doc = nlp.make_doc("fever")
    doc.cats = {"many/x": 1.0, "many/y": 0.0, "many/z": 0.0}
    example = Example(nlp.make_doc("fever"), doc)
    assert nlp.evaluate([example])["cats_many_f_per_type"]["x"]["r"] == 1.0
    # Above 1: a score may be as good as 1.
    pipe.cfg["thresholds"]["many"] = {"x": 1.1}
    example = Example(nlp.make_doc("fever"), doc)
    assert nlp.evaluate([example])["cats_many_f_per_type"]["x"]["r"] == 0.0


def test_a_wanted_precision_raises_thresholds(trained, tmp_path):
    paths = {}
    for name, options in (("f", []), ("p", ["--precision", "0.62"])):
        paths[name] = tmp_path / name
        clintl(trained / "pipeline", trained / "dev.spacy", "--output", paths[name], *options)
    f, p = (
        spacy.load(paths[name]).get_pipe("multitask_textcat").cfg["thresholds"]["many"]
        for name in "fp"
    )
    assert any(p.get(label, 0.5) != f[label] for label in WORDS)


def test_labels_without_a_threshold_are_told(trained, tmp_path):
    out = tmp_path / "out"
    code, output = clintl(trained / "pipeline", trained / "dev.spacy", "--output", out)
    assert "out of reach" not in output
    first = spacy.load(out).get_pipe("multitask_textcat").cfg["thresholds"]["many"]
    nlp = spacy.blank("en")
    with docbin_writer(tmp_path / "some.spacy") as add:
        for doc in DocBin().from_disk(trained / "dev.spacy").get_docs(nlp.vocab):
            # One label holds every other time for each text, one always, one never.
            for x in (0.0, 1.0):
                doc.cats = {"many/x": x, "many/y": 1.0, "many/z": 0.0}
                add(doc)
    code, output = clintl(out, tmp_path / "some.spacy", "--precision", "1")
    assert code == 0, output
    for label, reason in {
        "x": "precision out of reach",
        "y": "always holds",
        "z": "never holds",
    }.items():
        assert f"{label}: {reason}, {first[label]:.3f} is reset >= 0.500" in output
    assert not spacy.load(out).get_pipe("multitask_textcat").cfg["thresholds"]["many"]


def test_a_task_without_gold_keeps_its_calibration(trained, tmp_path):
    for task in ("one", "many"):
        nlp = spacy.blank("en")
        with docbin_writer(tmp_path / f"{task}.spacy") as add:
            for doc in DocBin().from_disk(trained / "dev.spacy").get_docs(nlp.vocab):
                doc.cats = {k: v for k, v in doc.cats.items() if k.startswith(task)}
                doc.cats[f"{task}/new"] = 0.0
                add(doc)
    code, output = clintl(trained / "pipeline", tmp_path / "one.spacy", "--output", tmp_path / "p")
    assert code == 0, output
    assert "does not know; they are left out: one/new (210)." in output
    first = json.loads((tmp_path / "p" / "multitask_textcat" / "cfg").read_text())
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "p")
    code, output = clintl(link, tmp_path / "many.spacy", "--recall", "0.9")
    assert code == 0, output
    assert link.is_symlink()
    second = json.loads((tmp_path / "p" / "multitask_textcat" / "cfg").read_text())
    assert second["temperatures"]["one"] == first["temperatures"]["one"]
    assert set(second["temperatures"]) == {"one", "many"}
    nlp = spacy.load(tmp_path / "p")
    examples = [
        Example(nlp(doc.text), doc)
        for doc in DocBin().from_disk(tmp_path / "many.spacy").get_docs(nlp.vocab)
    ]
    for label in WORDS:
        truth = [eg.reference.cats[f"many/{label}"] > 0 for eg in examples]
        threshold = second["thresholds"]["many"][label]
        found = [eg.predicted.cats[f"many/{label}"] >= threshold for eg in examples]
        assert sum(f and t for f, t in zip(found, truth)) >= 0.9 * sum(truth)
    # Training anew forgets it.
    pipe = nlp.get_pipe("multitask_textcat")
    docs = list(DocBin().from_disk(trained / "dev.spacy").get_docs(nlp.vocab))
    nlp.initialize(lambda: [Example(nlp.make_doc(doc.text), doc) for doc in docs])
    assert not pipe.cfg["temperatures"]
    assert not pipe.cfg["thresholds"]


def test_tasks_of_the_same_name_are_not_calibrated(trained, tmp_path):
    nlp = spacy.load(trained / "pipeline")
    nlp.add_pipe("multitask_textcat", name="more", source=spacy.load(trained / "pipeline"))
    nlp.to_disk(tmp_path / "both")
    code, output = clintl(tmp_path / "both", trained / "dev.spacy")
    assert code == 1
    assert "'more' and 'multitask_textcat' both have a task 'one'" in output


def test_temperatures_are_those_of_the_logits(trained):
    """Of a model so sure of itself that all its scores are 0 or 1."""
    nlp = spacy.load(trained / "pipeline")
    pipe = nlp.get_pipe("multitask_textcat")
    pipe.cfg["temperatures"] = {}
    docs = list(DocBin().from_disk(trained / "dev.spacy").get_docs(nlp.vocab))
    temperatures = []
    for factor in (1, 10):
        for head in heads_of(pipe.model).values():
            output = head.get_ref("output_layer")
            for param in ("W", "b"):
                output.set_param(param, output.get_param(param) * factor)
        with pipe.uncalibrated():
            examples = [Example(nlp(doc.text), doc) for doc in docs]
        temperatures.append([found.temperature for found in pipe.calibrate(examples)])
    assert not any("logits" in str(key) for key in nlp("fever").user_data)
    assert min(temperatures[1]) > 15
    for plain, sure in zip(*temperatures):
        assert sure == pytest.approx(min(10 * plain, 20), rel=0.1)


def test_the_folder_one_stands_in(trained, tmp_path, monkeypatch):
    shutil.copytree(trained / "pipeline", tmp_path / "here")
    monkeypatch.chdir(tmp_path / "here")
    code, output = clintl(".", trained / "dev.spacy")
    assert code == 0, output
    assert [path.name for path in tmp_path.iterdir()] == ["here"]
    assert spacy.load(tmp_path / "here").get_pipe("multitask_textcat").cfg["temperatures"]


def test_gold_that_settles_nothing_calibrates_nothing(trained, tmp_path):
    nlp = spacy.blank("en")
    with docbin_writer(tmp_path / "soft.spacy") as add:
        doc = nlp.make_doc("fever")
        doc.cats = {"one/x": 0.4, "one/y": 0.3, "one/z": 0.3}
        add(doc)
    code, output = clintl(trained / "pipeline", tmp_path / "soft.spacy")
    assert code == 1
    assert "No document in" in output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{0}/pipeline", "{0}/bare.spacy"], "No document in"),
        (["{0}/pipeline", "{0}/none.spacy"], "does not exist"),
        (["{0}/none", "{0}/dev.spacy"], "cannot be loaded"),
        (["{0}/pipeline", "{0}/dev.spacy", "--precision", "2"], "--precision is 2"),
        (["{0}/pipeline", "{0}/dev.spacy", "--recall", "0"], "--recall is 0"),
        (["{0}/pipeline", "{0}/dev.spacy", "--recall", ".9", "--precision", ".9"], "one of them"),
        (["{1}/blank", "{0}/dev.spacy"], "no component that can be calibrated"),
    ],
)
def test_bad_input_ends_in_one_message(trained, tmp_path, arguments, message):
    spacy.blank("en").to_disk(tmp_path / "blank")
    code, output = clintl(*(argument.format(trained, tmp_path) for argument in arguments))
    assert code == 1
    assert message in output
