"""Each task's loss: its report, on its own line, and what is said when it is not a number."""

import io
import json

import numpy as np
import pytest
import spacy
from spacy.training import Example

from spacy_clintl.errors import ClintlError
from spacy_clintl.pipeline.logger import make_console_logger_v1

ROWS = [
    ("n1", "fever and cough", {"d/flu": 1.0, "f/fever": 1.0}),
    ("n2", "chest pain", {"d/mi": 1.0, "f/fever": 0.0}),
    ("n3", "no complaints", {"other/x": 1.0}),
]


def examples_of(nlp, rows=ROWS):
    for doc_id, text, cats in rows:
        example = Example.from_dict(nlp.make_doc(text), {})
        example.reference.cats = dict(cats)
        if doc_id is not None:
            example.reference.user_data["id"] = doc_id
        yield example


def pipeline(**settings):
    nlp = spacy.blank("en")
    tasks = {"d": {"weight": 0.5, **settings}, "f": {"exclusive": False}, "w": {"weight": 0.0}}
    rows = [*ROWS, ("n4", "x", {"w/a": 1.0}), ("n5", "x", {"w/b": 1.0})]
    pipe = nlp.add_pipe("multitask_textcat", name="heads", config={"tasks": tasks})
    pipe.initialize(lambda: examples_of(nlp, rows), nlp=nlp)
    return nlp, pipe


def test_each_task_has_a_loss_of_its_own():
    nlp, pipe = pipeline()
    examples = list(examples_of(nlp))
    logits = pipe.model.predict([example.predicted for example in examples])
    total, _ = pipe.get_loss(examples, logits)
    losses = pipe.update(examples, losses={"other": 1.0})
    assert set(losses) == {"other", "heads", "heads/d", "heads/f", "heads/w"}
    assert losses["heads"] == pytest.approx(total, rel=1e-5)
    assert losses["heads"] == pytest.approx(0.5 * losses["heads/d"] + losses["heads/f"])
    assert losses["heads/d"] > 0
    assert losses["heads/w"] == 0.0
    # They add up, and a batch without gold for a task adds nothing to it.
    before = dict(losses)
    pipe.update(list(examples_of(nlp, [("n6", "pain", {"f/fever": 1.0})])), losses=losses)
    assert losses["heads/d"] == before["heads/d"]
    assert losses["heads/f"] > before["heads/f"]


def test_documents_without_tokens_have_losses_of_zero():
    nlp, _ = pipeline()
    losses = {}
    nlp.update(list(examples_of(nlp, [("n1", "", {"d/flu": 1.0})])), losses=losses)
    assert losses == {"heads": 0.0, "heads/d": 0.0, "heads/f": 0.0, "heads/w": 0.0}


def break_head(nlp, pipe):
    """Make every score of task d a number no more."""
    bias = pipe.model.layers[1].get_ref("output_layer")
    bias.set_param("b", bias.get_param("b") * np.nan)


def test_a_loss_that_is_not_a_number_names_its_task_and_the_documents():
    nlp, pipe = pipeline()
    break_head(nlp, pipe)
    with pytest.raises(ClintlError, match="task 'd' of 'heads'") as error:
        nlp.update(list(examples_of(nlp)))
    message = str(error.value)
    assert "n1, n2, n3." in message
    for text in ("fever", "cough", "chest", "pain", "complaints"):
        assert text not in message


def test_documents_at_fault_are_named_apart():
    _, pipe = pipeline()
    nlp = spacy.blank("en")
    scores = {task: np.zeros((3, n), dtype="float32") for task, n in (("d", 2), ("f", 1), ("w", 2))}
    scores["d"][1] = np.inf
    match = r"n1, n2, n3\. Not a number for: n2\."
    with np.errstate(invalid="ignore"), pytest.raises(ClintlError, match=match):
        pipe.get_loss(list(examples_of(nlp)), scores)
    # A document without id.
    scores["d"][1] = 0.0
    scores["f"][2] = np.nan
    rows = [*ROWS[:2], (None, "x", {"f/fever": 1.0})]
    with pytest.raises(ClintlError, match=r"task 'f'.*Not a number for: number 3 of the batch"):
        pipe.get_loss(list(examples_of(nlp, rows)), scores)


@pytest.mark.parametrize(
    "result",
    [
        lambda x: (1.5, x),
        lambda x: (x.sum(axis=1), x),
        lambda x: (x, x[:, :1]),
        lambda x: (x[:, :1], None),
    ],
)
def test_a_loss_of_wrong_shape_is_an_error(result):
    spacy.registry.misc.register("test.odd", func=lambda: lambda x, truths, mask: result(x))
    nlp, _ = pipeline(loss={"@misc": "test.odd"})
    with pytest.raises(ClintlError, match=r"loss of task 'd'.*\(3, 2\)"):
        nlp.update(list(examples_of(nlp)))


def test_the_logger_has_a_line_for_each_task(tmp_path):
    nlp, _ = pipeline()
    nlp.config["training"]["score_weights"] = {"cats_d_macro_f": 1.0}
    log = tmp_path / "log.jsonl"
    stdout = io.StringIO()
    log_step, finalize = make_console_logger_v1(output_file=str(log))(nlp, stdout, io.StringIO())
    losses = {}
    nlp.update(list(examples_of(nlp)), losses=losses)
    log_step(None)
    info = {"epoch": 0, "step": 7, "losses": losses, "other_scores": {}, "score": 0.5}
    log_step(info)
    finalize()
    lines = stdout.getvalue().splitlines()
    row = next(i for i, line in enumerate(lines) if line.split()[:2] == ["0", "7"])
    assert lines[row].split()[2] == f"{losses['heads']:.2f}"
    assert [line.split() for line in lines[row + 1 :]] == [
        [f"heads/{task}", f"{losses[f'heads/{task}']:.4f}"] for task in ("d", "f", "w")
    ]
    (saved,) = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    assert saved["losses"] == pytest.approx(losses)


def test_the_logger_can_be_silent():
    nlp, _ = pipeline()
    stdout = io.StringIO()
    logger = make_console_logger_v1(console_output=False)
    log_step, finalize = logger(nlp, stdout, io.StringIO())
    losses = dict.fromkeys(("heads", "heads/d", "heads/f", "heads/w"), 1.0)
    log_step({"epoch": 0, "step": 1, "losses": losses, "other_scores": {}, "score": 0.5})
    finalize()
    assert stdout.getvalue() == ""
