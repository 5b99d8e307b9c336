"""Several processes, and processes that are killed: the command line in subprocesses."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import torch
from safetensors.torch import load_file

from spacy_clintl.adaptation.processes import Processes, joined
from spacy_clintl.adaptation.watching import TrainingLog
from spacy_clintl.errors import ClintlError
from tests.encoders import SENTENCES, make_wordpiece_bert

ROOT = Path(__file__).parents[2]
TWO = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
ADAPT = ["-m", "spacy", "clintl", "adapt", "base"]
# Both stages, accumulation, and the average with the base.
OPTIONS = {
    "max-steps": 12,
    "head-warmup-steps": 4,
    "accumulate": 2,
    "batch-size": 2,
    "block-length": 16,
    "learn-rate": 0.01,
    "average": 0.5,
    "save-every": 3,
    "evaluate-every": 4,
    "patience": 9,
    "precision": "fp32",
}


@pytest.fixture
def folder(tmp_path):
    make_wordpiece_bert(tmp_path / "base")
    lines = [json.dumps({"text": f"{SENTENCES[i % 7]} {i}"}) for i in range(60)]
    (tmp_path / "notes.jsonl").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


def start(folder, launcher, out, *, text="notes.jsonl", **changes):
    named = {name.replace("_", "-"): value for name, value in changes.items()}
    options = [f"--{name}={value}" for name, value in {**OPTIONS, **named}.items()]
    environment = {
        **{k: v for k, v in os.environ.items() if k not in ("RANK", "WORLD_SIZE", "LOCAL_RANK")},
        "PYTHONPATH": str(ROOT),
        "OMP_NUM_THREADS": "1",
    }
    return subprocess.Popen(
        [*launcher, *ADAPT, out, text, *options],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def finish(folder, launcher, out, *, status=0, **changes):
    process = start(folder, launcher, out, **changes)
    told, _ = process.communicate(timeout=240)
    assert (process.returncode != 0) == bool(status), told[-3000:]
    return told


def kill_at(folder, launcher, out, step, delay=0.0, **changes):
    """Kill all processes of a run once its log has a step; that it is over by then is an error."""
    process = start(folder, launcher, out, **changes)
    log = TrainingLog(folder / f".{out}.adapting" / "training_log.jsonl")
    while max((row["step"] for row in log.rows()), default=-1) < step:
        assert process.poll() is None, process.communicate()[0][-3000:]
        time.sleep(0.01)
    time.sleep(delay)
    kill(process)
    assert not (folder / out).exists()


def kill(process):
    # The launcher starts each of its processes in a session of its own.
    for one in (*psutil.Process(process.pid).children(recursive=True), process):
        os.kill(one.pid, signal.SIGKILL)
    process.communicate()


def outcome(folder, out):
    rows = TrainingLog(folder / out / "training_log.jsonl").rows()
    rows = [{k: v for k, v in row.items() if k != "pieces_per_second"} for row in rows]
    return load_file(folder / out / "model.safetensors"), rows


def assert_close(one, two, atol):
    assert one.keys() == two.keys()
    for name, value in one.items():
        assert torch.allclose(value, two[name], atol=atol), name


def without_dropout(folder):
    path = folder / "base" / "config.json"
    values = json.loads(path.read_text())
    values |= {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    path.write_text(json.dumps(values))


@pytest.mark.slow
def test_two_processes_are_as_one_with_twice_the_batch(folder):
    without_dropout(folder)
    told = finish(folder, TWO, "two")
    finish(folder, [sys.executable], "one", batch_size=4)
    assert told.count("blocks of 16 word pieces, 12 steps of 8 blocks") == 1
    assert told.count("Adapted encoder in two") == 1
    two, one = (
        json.loads((folder / name / "adaptation.json").read_text()) for name in ("two", "one")
    )
    assert (two["processes"], one["processes"]) == (2, 1)
    assert two["pieces_trained"] == one["pieces_trained"] == 12 * 8 * 16
    assert two["held_out_loss"] == pytest.approx(one["held_out_loss"], abs=1e-4)
    (weights, rows), (expected, own) = outcome(folder, "two"), outcome(folder, "one")
    assert_close(weights, expected, 1e-4)
    assert [row["step"] for row in rows] == list(range(13))
    for row, other in zip(rows, own):
        for key in ("loss", "held_out_loss", "rate"):
            assert row.get(key) == pytest.approx(other.get(key), abs=1e-4)
    base = load_file(folder / "base" / "model.safetensors")
    name = "encoder.layer.0.output.dense.weight"
    assert (weights[f"bert.{name}"] - base[name]).abs().max() > 1e-2


@pytest.mark.slow
def test_two_killed_processes_end_as_two_that_were_not(folder):
    longer = {"max_steps": 60}
    finish(folder, TWO, "whole", **longer)
    kill_at(folder, TWO, "out", 20, **longer)
    told = finish(folder, TWO, "out", **longer)
    assert told.count("Going on with the interrupted run") == 1
    (weights, rows), (expected, own) = outcome(folder, "out"), outcome(folder, "whole")
    assert_close(weights, expected, 1e-6)
    assert rows == own
    # Another number of processes has other batches.
    kill_at(folder, TWO, "other", 10, **longer)
    told = finish(folder, [sys.executable], "other", status=1, **longer)
    assert "CL473" in told
    assert "the number of processes" in " ".join(told.split())
    # The error is told once, the checkpoints stay, and the same command goes on.
    told = finish(folder, TWO, "other", **longer, seed=3, status=1)
    assert told.count("CL473") == 1
    assert "Going on with the interrupted run" in finish(folder, TWO, "other", **longer)


@pytest.mark.slow
def test_errors_are_told_once_and_end_all_processes(folder):
    (folder / "empty.txt").write_text(" \n")
    told = finish(folder, TWO, "out", text="empty.txt", status=1)
    assert told.count("CL400") == 1
    assert not list(folder.glob(".*"))
    told = finish(folder, TWO, "out", learn_rate=1e30, status=1)
    assert told.count("CL403") + told.count("CL452") == 1
    assert "Traceback" not in told.split("torch/distributed")[0]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2))
def test_run_that_is_killed_again_and_again_ends_with_the_same_weights(folder, seed):
    finish(folder, [sys.executable], "whole", max_steps=90, head_warmup_steps=30)
    numbers = random.Random(seed)
    # Where the machine is busy, it goes on for a while before it is killed.
    steps = sorted(numbers.sample(range(60), 3))
    for step in steps:
        delay = numbers.random() * 0.05
        changes = {"max_steps": 90, "head_warmup_steps": 30}
        kill_at(folder, [sys.executable], "out", step, delay, **changes)
    told = finish(folder, [sys.executable], "out", max_steps=90, head_warmup_steps=30)
    assert "Going on with the interrupted run" in told
    (weights, rows), (expected, own) = outcome(folder, "out"), outcome(folder, "whole")
    assert_close(weights, expected, 1e-6)
    assert rows == own
    assert not (folder / ".out.adapting").exists()


@pytest.mark.slow
@pytest.mark.parametrize("delay", [0.0, 0.1])
def test_run_that_is_killed_before_its_first_step(folder, delay):
    process = start(folder, [sys.executable], "out")
    while not (folder / ".out.adapting").exists():
        assert process.poll() is None
    time.sleep(delay)
    kill(process)
    finish(folder, [sys.executable], "out")
    finish(folder, [sys.executable], "whole")
    assert_close(outcome(folder, "out")[0], outcome(folder, "whole")[0], 1e-6)


def test_one_process_alone_talks_to_nobody():
    with joined() as processes:
        assert processes == Processes()
        assert processes.is_main
        assert processes.share("a") == "a"
        assert processes.add(2.5) == 2.5
        processes.wait()
        with processes.main_first():
            pass


def test_the_others_stop_when_the_main_process_has_failed(monkeypatch):
    shared = []
    monkeypatch.setattr(Processes, "share", lambda self, value: shared.append(value))
    main, other = Processes(0, 2), Processes(1, 2)
    with pytest.raises(OSError, match="full"), main.main_first():
        raise OSError("full")
    assert shared == [False]
    with pytest.raises(ClintlError, match="CL454"), other.main_first():
        pytest.fail("The main process has failed.")
