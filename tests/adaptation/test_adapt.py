import json
import math
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer, TrainerCallback

from spacy_clintl.adaptation.adapt import adapt
from spacy_clintl.adaptation.settings import AdaptSettings
from spacy_clintl.errors import ClintlError
from spacy_clintl.models.encoder import load_encoder
from tests.encoders import BUILDERS, SENTENCES, make_wordpiece_bert


class StopAt(TrainerCallback):
    """Stands for a kill: no code of ours runs after it."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == self.step:
            raise KeyboardInterrupt


def settings(**changes):
    values = {
        "max_steps": 12,
        "batch_size": 4,
        "block_length": 16,
        "save_every": 4,
        "precision": "fp32",
        "held_out": 0.1,
    }
    return AdaptSettings(**{**values, **changes})


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "notes.jsonl"
    lines = [json.dumps({"text": f"{SENTENCES[i % 7]} {i}"}) for i in range(60)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def quiet(*lines):
    pass


@pytest.mark.parametrize("kind", BUILDERS)
def test_perplexity_falls_and_the_pipeline_reads_the_folder(tmp_path, text, kind):
    base = BUILDERS[kind](tmp_path / "base", with_mlm_head=True)
    report = adapt(
        base, tmp_path / "out", [text], settings(max_steps=25, learn_rate=5e-3), tell=quiet
    )
    written = json.loads((tmp_path / "out" / "adaptation.json").read_text(encoding="utf-8"))
    assert json.loads(json.dumps(report)) == written
    before, after = (written["held_out_perplexity"][when] for when in ("before", "after"))
    assert after < 0.7 * before
    encoder = load_encoder(tmp_path / "out")
    original = load_encoder(base)
    assert not torch.equal(
        next(iter(encoder.module.state_dict().values())),
        next(iter(original.module.state_dict().values())),
    )
    AutoModel.from_pretrained(tmp_path / "out")
    assert AutoTokenizer.from_pretrained(tmp_path / "out").mask_token
    assert not list(tmp_path.glob(".*"))


def test_interrupted_run_ends_with_the_same_weights(tmp_path, text):
    base = make_wordpiece_bert(tmp_path / "base")
    adapt(base, tmp_path / "whole", [text], settings(), tell=quiet)
    with pytest.raises(KeyboardInterrupt):
        adapt(base, tmp_path / "out", [text], settings(), tell=quiet, callbacks=[StopAt(6)])
    assert not (tmp_path / "out").exists()
    lines = []
    adapt(base, tmp_path / "out", [text], settings(), tell=lines.append)
    assert any("Going on" in line for line in lines)
    whole = load_file(tmp_path / "whole" / "model.safetensors")
    resumed = load_file(tmp_path / "out" / "model.safetensors")
    for name, value in whole.items():
        assert torch.allclose(value, resumed[name], atol=1e-6), name


def test_other_settings_start_anew_without_resume(tmp_path, text):
    base = make_wordpiece_bert(tmp_path / "base")
    with pytest.raises(KeyboardInterrupt):
        adapt(base, tmp_path / "out", [text], settings(), tell=quiet, callbacks=[StopAt(6)])
    adapt(base, tmp_path / "out", [text], settings(seed=1), resume=False, tell=quiet)
    adapt(base, tmp_path / "fresh", [text], settings(seed=1), tell=quiet)
    one, two = (load_file(tmp_path / n / "model.safetensors") for n in ("out", "fresh"))
    assert all(torch.allclose(one[name], two[name], atol=1e-6) for name in one)


def test_loss_that_is_no_number_leaves_nothing(tmp_path, text):
    base = make_wordpiece_bert(tmp_path / "base", with_mlm_head=True)
    weights = load_file(base / "model.safetensors")
    broken = {name: value * math.nan for name, value in weights.items()}
    save_file(broken, base / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ClintlError, match="CL4"):
        adapt(base, tmp_path / "out", [text], settings(), tell=quiet)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "match"),
    [({"block_length": 10_000}, "10,?000"), ({"precision": "fp8"}, "fp8"), ({"average": 2.0}, "2")],
)
def test_impossible_settings(tmp_path, text, changes, match):
    base = make_wordpiece_bert(tmp_path / "base")
    with pytest.raises(ClintlError, match=match):
        adapt(base, tmp_path / "out", [text], settings(**changes), tell=quiet)
    assert not (tmp_path / "out").exists()


def test_text_without_a_usable_line(tmp_path):
    base = make_wordpiece_bert(tmp_path / "base")
    (tmp_path / "empty.txt").write_text(" \n\n", encoding="utf-8")
    with pytest.raises(ClintlError):
        adapt(base, tmp_path / "out", [tmp_path / "empty.txt"], settings(), tell=quiet)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_killed_process_is_resumed(tmp_path, text):
    make_wordpiece_bert(tmp_path / "base")
    command = [sys.executable, "-m", "spacy", "clintl", "adapt", "base", "out", text.name]
    command += ["--block-length", "16", "--batch-size", "4", "--save-every", "5"]
    command += ["--precision", "fp32"]
    long = [*command, "--max-steps", "150"]
    process = subprocess.Popen(long, cwd=tmp_path, stdout=subprocess.DEVNULL)
    deadline = time.time() + 120
    while not list(tmp_path.glob(".out.adapting/**/checkpoint-*")) and time.time() < deadline:
        time.sleep(0.05)
        assert process.poll() is None
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "out").exists()
    done = subprocess.run(long, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert (tmp_path / "out" / "model.safetensors").is_file()
    assert "Going on" in done.stdout
