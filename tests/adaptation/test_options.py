"""Options of training: what each changes, and that a killed run ends as an uninterrupted one."""

import json
import os

import pytest
import torch
from transformers import TrainerCallback

from spacy_clintl.adaptation import card
from spacy_clintl.adaptation.checkpoints import last_checkpoint
from spacy_clintl.adaptation.masked_lm import load_masked_lm
from spacy_clintl.adaptation.processes import Processes
from spacy_clintl.adaptation.settings import AdaptSettings, make_plan
from spacy_clintl.adaptation.watching import TrainingLog, Watch
from spacy_clintl.errors import ClintlError
from spacy_clintl.models.encoder import load_encoder
from tests.encoders import BUILDERS, SENTENCES

from .test_run import SpoilWeights, Stop, equal, run, weights

PATIENT = {"patience": 2, "evaluate_every": 1, "learn_rate": 0.3, "average": 0.0}


@pytest.fixture
def base(tmp_path):
    return BUILDERS["bert"](tmp_path / "base", with_mlm_head=True)


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "notes.jsonl"
    lines = [json.dumps({"text": f"{SENTENCES[i % 7]} {i}"}) for i in range(60)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def log_of(folder):
    rows = TrainingLog(folder / "training_log.jsonl").rows()
    return [{k: v for k, v in row.items() if k != "pieces_per_second"} for row in rows]


@pytest.mark.parametrize(
    ("changes", "step"),
    [
        ({"masking": "whole-word", "accumulate": 2, "batch_size": 2}, 3),
        ({"layer_decay": 0.5, "freeze": "bottom:1"}, 7),
        ({"gradient_checkpointing": True, "evaluate_every": 3}, 5),
        ({"evaluate_every": 2, "patience": 3}, 1),
        ({"distill": 2.0, "accumulate": 2, "batch_size": 2}, 6),
    ],
)
def test_killed_run_ends_with_the_same_weights_and_log(tmp_path, base, text, changes, step):
    run(base, tmp_path / "whole", text, save_every=100, **changes)
    with pytest.raises(KeyboardInterrupt):
        run(base, tmp_path / "out", text, callbacks=[Stop(step)], **changes)
    _, told = run(base, tmp_path / "out", text, **changes)
    assert "Going on" in told
    assert equal(weights(tmp_path / "out"), weights(tmp_path / "whole"))
    assert log_of(tmp_path / "out") == log_of(tmp_path / "whole")
    steps = [row["step"] for row in log_of(tmp_path / "out") if "loss" in row]
    assert steps == list(range(1, 13))


@pytest.mark.parametrize("stop", [1, 2, 4])
def test_early_stopping_keeps_the_best_weights_however_often_it_is_killed(
    tmp_path, base, text, stop
):
    changes = {**PATIENT, "head_warmup_steps": 0, "max_steps": 30}
    report, told = run(base, tmp_path / "whole", text, save_every=100, **changes)
    losses = {row["step"]: row["held_out_loss"] for row in log_of(tmp_path / "whole")}
    best = min(losses, key=losses.get)
    assert "Stopped early" in told
    assert report["steps"] == max(losses) == best + 2 < 30
    assert report["best_step"] == best
    assert report["held_out_loss"]["after"] == pytest.approx(losses[best], abs=1e-6)
    assert report["pieces_trained"] == report["steps"] * 4 * 16
    if stop >= report["steps"]:
        stop = report["steps"]
    with pytest.raises(KeyboardInterrupt):
        run(base, tmp_path / "out", text, save_every=2, callbacks=[Stop(stop)], **changes)
    run(base, tmp_path / "out", text, save_every=2, **changes)
    assert equal(weights(tmp_path / "out"), weights(tmp_path / "whole"))
    assert log_of(tmp_path / "out") == log_of(tmp_path / "whole")


def test_patience_where_no_held_out_piece_is_drawn(tmp_path, base, text):
    changes = {**PATIENT, "mlm_probability": 0.001, "max_steps": 4, "head_warmup_steps": 0}
    report, _ = run(base, tmp_path / "out", text, **changes)
    assert report["best_step"] is not None
    assert report["held_out_perplexity"]["before"] > 1


def test_patience_where_no_held_out_piece_can_be_masked(tmp_path, base):
    path = tmp_path / "notes.jsonl"
    # One of these is held out.
    lines = [json.dumps({"text": "\N{HOSPITAL} " * (i + 1)}) for i in range(9)]
    lines.append(json.dumps({"text": SENTENCES[0]}))
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(ClintlError, match=r"CL453.*--patience"):
        run(base, tmp_path / "out", path, patience=2)
    assert not list(tmp_path.glob(".*"))
    report, _ = run(base, tmp_path / "out", path, max_steps=5)
    assert report["held_out_perplexity"]["before"] is None


class KillAfterStage(TrainerCallback):
    def on_train_end(self, args, state, control, **kwargs):
        raise KeyboardInterrupt


def test_stage_that_stopped_early_is_not_trained_on(tmp_path, base, text):
    changes = {**PATIENT, "head_warmup_steps": 0, "max_steps": 30}
    report, _ = run(base, tmp_path / "whole", text, **changes)
    with pytest.raises(KeyboardInterrupt):
        run(base, tmp_path / "out", text, callbacks=[KillAfterStage()], **changes)
    again, _ = run(base, tmp_path / "out", text, **changes)
    assert again["resumed_from_step"] == again["steps"] == report["steps"]
    assert equal(weights(tmp_path / "out"), weights(tmp_path / "whole"))
    assert log_of(tmp_path / "out") == log_of(tmp_path / "whole")


def test_measuring_changes_nothing(tmp_path, base, text):
    run(base, tmp_path / "plain", text)
    run(base, tmp_path / "measured", text, evaluate_every=2)
    assert equal(weights(tmp_path / "plain"), weights(tmp_path / "measured"))
    rows = log_of(tmp_path / "measured")
    assert [row["step"] for row in rows if "held_out_loss" in row] == [0, 2, 4, 6, 8, 10, 12]
    assert not any("held_out_loss" in row for row in log_of(tmp_path / "plain"))
    assert {row["stage"] for row in rows} == {"head", "encoder"}


@pytest.mark.parametrize("kind", BUILDERS)
def test_gradient_checkpointing_gives_the_same_weights(tmp_path, text, kind):
    base = BUILDERS[kind](tmp_path / "base", with_mlm_head=True)
    changes = {"max_steps": 3, "head_warmup_steps": 0}
    run(base, tmp_path / "plain", text, **changes)
    calls = []

    class Count(TrainerCallback):
        def on_step_begin(self, args, state, control, model=None, **kwargs):
            calls.append(model.is_gradient_checkpointing)

    run(base, tmp_path / "less", text, gradient_checkpointing=True, callbacks=[Count()], **changes)
    assert calls == [True] * 3
    one, two = weights(tmp_path / "plain"), weights(tmp_path / "less")
    assert all(torch.allclose(one[name], two[name], atol=1e-6) for name in one)


def test_architecture_without_gradient_checkpointing(tmp_path, base, text, monkeypatch):
    from transformers import BertForMaskedLM

    monkeypatch.setattr(BertForMaskedLM, "supports_gradient_checkpointing", False)
    with pytest.raises(ClintlError, match=r"CL451.*bert"):
        run(base, tmp_path / "out", text, gradient_checkpointing=True)
    assert not list(tmp_path.glob(".*"))


def test_accumulated_step_is_that_of_one_large_batch(tmp_path, base, text):
    # Without dropout, whose numbers do depend on the batches.
    values = json.loads((base / "config.json").read_text())
    values |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    (base / "config.json").write_text(json.dumps(values))
    changes = {"max_steps": 4, "head_warmup_steps": 0, "average": 0.0}
    large, _ = run(base, tmp_path / "large", text, batch_size=6, **changes)
    small, _ = run(base, tmp_path / "small", text, batch_size=2, accumulate=3, **changes)
    assert large["pieces_trained"] == small["pieces_trained"] == 4 * 6 * 16
    losses = [[row["loss"] for row in log_of(tmp_path / name)] for name in ("large", "small")]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    one, two = weights(tmp_path / "large"), weights(tmp_path / "small")
    # Adam divides by the gradient's size: where that is nearly 0, so is every digit's worth.
    assert all(torch.allclose(one[name], two[name], atol=1e-4) for name in one)


@pytest.mark.parametrize(
    ("name", "value"),
    [("ACCELERATE_MIXED_PRECISION", "bf16"), ("ACCELERATE_GRADIENT_ACCUMULATION_STEPS", "4")],
)
def test_environment_does_not_decide(tmp_path, base, text, monkeypatch, name, value):
    changes = {"max_steps": 4, "head_warmup_steps": 0}
    run(base, tmp_path / "plain", text, **changes)
    monkeypatch.setenv(name, value)
    run(base, tmp_path / "out", text, **changes)
    assert equal(weights(tmp_path / "out"), weights(tmp_path / "plain"))
    assert os.environ[name] == value


def test_epochs_count_accumulated_batches():
    settings = AdaptSettings(batch_size=8, accumulate=4)
    assert make_plan(settings, n_blocks=3200, fresh_head=False).steps == 100
    settings = AdaptSettings(patience=2)
    assert make_plan(settings, n_blocks=3200, fresh_head=False).evaluate_every == 5


@pytest.mark.parametrize(
    ("freeze", "moving"),
    [
        ("all", ()),
        ("embeddings_and_head", ("embeddings",)),
        ("bottom:1", ("encoder.layer.1",)),
    ],
)
def test_frozen_parts_stay_bit_equal(tmp_path, base, text, freeze, moving):
    run(base, tmp_path / "out", text, freeze=freeze, average=0.0)
    before, after = load_masked_lm(base)[0], load_masked_lm(tmp_path / "out")[0]
    moved = {
        name.removeprefix("bert.")
        for (name, one), two in zip(before.named_parameters(), after.parameters())
        if not torch.equal(one, two)
    }
    assert "cls.predictions.transform.dense.weight" in moved
    moved = {name for name in moved if not name.startswith("cls.")}
    assert all(name.startswith(moving) for name in moved)
    assert bool(moved) == bool(moving)


def test_layers_learn_the_less_the_lower_they_are(tmp_path, base, text):
    seen = {}

    class Look(TrainerCallback):
        def on_train_begin(self, args, state, control, model=None, optimizer=None, **kwargs):
            names = {id(p): name for name, p in model.named_parameters()}
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    decay = group["weight_decay"]
                    seen[names[id(parameter)]] = (group["initial_lr"], decay)

    changes = {"layer_decay": 0.5, "learn_rate": 0.004, "head_warmup_steps": 0}
    run(base, tmp_path / "out", text, callbacks=[Look()], **changes)
    assert len(seen) == len(dict(load_masked_lm(base)[0].named_parameters()))
    weight, bias = "attention.self.query.weight", "attention.self.query.bias"
    assert seen[f"bert.encoder.layer.1.{weight}"] == (0.004, 0.01)
    assert seen[f"bert.encoder.layer.0.{bias}"] == (0.002, 0.0)
    assert seen["bert.embeddings.word_embeddings.weight"] == (0.001, 0.01)
    assert seen["cls.predictions.transform.dense.weight"] == (0.004, 0.01)
    assert max(row["rate"] for row in log_of(tmp_path / "out")) == pytest.approx(0.004)


def test_distillation_keeps_the_encoder_near_its_base(tmp_path, base, text):
    def distance(folder):
        states = []
        for path in (base, folder):
            encoder = load_encoder(path).module.eval()
            with torch.no_grad():
                states.append(encoder(torch.arange(5, 25)[None]).last_hidden_state)
        return float((states[0] - states[1]).square().mean())

    changes = {"learn_rate": 0.01, "average": 0.0, "head_warmup_steps": 2, "max_steps": 20}
    distances = {}
    for weight in (0.0, 0.5, 50.0):
        report, _ = run(base, tmp_path / str(weight), text, **changes, distill=weight)
        assert report["settings"]["distill"] == weight
        distances[weight] = distance(tmp_path / str(weight))
    assert distances[50.0] < distances[0.5] < 0.5 * distances[0.0]


@pytest.mark.parametrize(("decay", "halfway"), [("linear", 0.5), ("cosine", 0.5), ("none", 1.0)])
def test_rate_rises_and_falls(tmp_path, base, text, decay, halfway):
    changes = {"warm_up": 0.2, "decay": decay, "learn_rate": 0.01, "head_warmup_steps": 0}
    run(base, tmp_path / "out", text, **changes, max_steps=20)
    rates = [row["rate"] / 0.01 for row in log_of(tmp_path / "out") if "rate" in row]
    assert rates[:5] == pytest.approx([0.0, 0.25, 0.5, 0.75, 1.0])
    assert rates[12] == pytest.approx(halfway)
    assert (rates[-1] < 0.1) is (decay != "none")
    assert (rates[8] > 0.8) is (decay != "linear")


@pytest.mark.parametrize("option", ["patience", "evaluate_every"])
def test_measuring_needs_something_held_out(tmp_path, base, option):
    with pytest.raises(ClintlError, match=f"CL453.*--{option.replace('_', '-')}"):
        AdaptSettings(held_out=0.0, **{option: 2})
    (tmp_path / "one.txt").write_text(" ".join(SENTENCES), encoding="utf-8")
    with pytest.raises(ClintlError, match=f"CL453.*--{option.replace('_', '-')}"):
        run(base, tmp_path / "out", tmp_path / "one.txt", **{option: 2})
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("masking", "span"),
        ("accumulate", 0),
        ("layer_decay", 0.0),
        ("layer_decay", 1.5),
        ("distill", -1.0),
        ("evaluate_every", 0),
        ("patience", 0),
        ("warm_up", 1.0),
        ("decay", "step"),
        ("licence", "two\nlines"),
        ("language", "English"),
    ],
)
def test_values_out_of_range_name_their_option(name, value):
    with pytest.raises(ClintlError, match=f"CL405.*--{name.replace('_', '-')} is "):
        AdaptSettings(**{name: value})


def test_unknown_freezing_is_told_before_anything_is_read(tmp_path, base, text):
    with pytest.raises(ClintlError, match=r"CL206.*bottom:7"):
        run(base, tmp_path / "out", text, freeze="bottom:7")
    assert not list(tmp_path.glob(".*"))


def test_last_good_checkpoint_is_an_encoder_folder(tmp_path, base, text):
    with pytest.raises(ClintlError, match=r"CL403.*checkpoint-4"):
        run(base, tmp_path / "out", text, callbacks=[SpoilWeights(5)], head_warmup_steps=0)
    kept = last_checkpoint(tmp_path / ".out.adapting" / "encoder")
    assert load_encoder(kept).tokenizer.mask_token
    spoilt = [SpoilWeights(1)]
    with pytest.raises(ClintlError, match=r"CL452.*step 1,"):
        run(base, tmp_path / "new", text, callbacks=spoilt, head_warmup_steps=0)


def test_held_out_loss_that_is_no_number_stops(tmp_path, base, text):
    changes = {"head_warmup_steps": 0, "evaluate_every": 3}

    class Spoil(TrainerCallback):
        def on_pre_optimizer_step(self, args, state, control, model=None, **kwargs):
            if state.global_step == 2:
                model.get_input_embeddings().weight.data.fill_(float("nan"))

    with pytest.raises(ClintlError, match=r"CL403.*step 3\..*checkpoint-2"):
        run(base, tmp_path / "out", text, callbacks=[Spoil()], **changes)


def test_log_survives_a_line_that_was_cut_off(tmp_path):
    log = TrainingLog(tmp_path / "log.jsonl")
    for step in (1, 2, 3):
        log.write(step=step, loss=1.0)
    with log.path.open("a") as file:
        file.write('{"step": 4, "lo')
    assert [row["step"] for row in log.rows()] == [1, 2, 3]
    log.forget_after(2)
    assert [row["step"] for row in log.rows()] == [1, 2]
    log.forget_after(0)
    assert log.rows() == []


def test_time_left_is_told(tmp_path, base, text):
    _, told = run(base, tmp_path / "out", text)
    assert "encoder, step 8/8: loss " in told
    assert "word pieces/s, 0:00:00 left" in told


def test_chart_is_drawn_where_matplotlib_is(tmp_path, base, text, monkeypatch):
    pytest.importorskip("matplotlib")
    _, told = run(base, tmp_path / "out", text, evaluate_every=4)
    assert (tmp_path / "out" / card.CHART).read_bytes().startswith(b"\x89PNG")
    assert "matplotlib" not in told
    monkeypatch.setitem(__import__("sys").modules, "matplotlib.figure", None)
    _, told = run(base, tmp_path / "bare", text)
    assert not (tmp_path / "bare" / card.CHART).exists()
    assert "No training_loss.png: matplotlib is not installed" in told


def test_watch_of_the_head_does_not_stop_it():
    values = {"first": 0, "pieces_a_step": 1, "processes": Processes()}
    watch = Watch(None, stage="head", measure=lambda: 1.0, **values)
    assert watch.patience is None
    assert not watch.standing.stopped
