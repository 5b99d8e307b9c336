"""What happens around a run: checkpoints, changed commands, full disks, what is told."""

import errno
import json
import shutil
import subprocess
import sys
from contextlib import ExitStack

import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoTokenizer, TrainerCallback

from spacy_clintl.adaptation.adapt import adapt
from spacy_clintl.adaptation.base import fetch_base
from spacy_clintl.adaptation.checkpoints import COMPLETE, last_checkpoint
from spacy_clintl.adaptation.settings import AdaptSettings
from spacy_clintl.adaptation.work import claim_work_folder
from spacy_clintl.errors import ClintlError, Errors
from spacy_clintl.locks import claimed
from tests.encoders import SENTENCES, make_wordpiece_bert

SECRET = "Xanthippe Quillfeather"


class Stop(TrainerCallback):
    """Raises an error at a step of the whole run."""

    def __init__(self, step, error=KeyboardInterrupt, stage="encoder"):
        self.step, self.error, self.stage = step, error, stage

    def on_step_end(self, args, state, control, **kwargs):
        if args.output_dir.endswith(self.stage) and state.global_step == self.step:
            raise self.error


class SpoilWeights(TrainerCallback):
    """Makes the weights infinite after a step, as an update that went wrong does."""

    def __init__(self, step):
        self.step = step

    def on_step_end(self, args, state, control, model=None, **kwargs):
        if state.global_step == self.step:
            with torch.no_grad():
                next(model.parameters()).fill_(float("inf"))


@pytest.fixture
def base(tmp_path):
    return make_wordpiece_bert(tmp_path / "base")


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "notes.jsonl"
    lines = [json.dumps({"text": f"{SENTENCES[i % 7]} {i}"}) for i in range(60)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def run(base, out, text, *, resume=True, callbacks=(), **changes):
    values = {
        "max_steps": 12,
        "batch_size": 4,
        "block_length": 16,
        "save_every": 2,
        "precision": "fp32",
        "head_warmup_steps": 4,
    }
    told = []
    report = adapt(
        base,
        out,
        [text],
        AdaptSettings(**{**values, **changes}),
        resume=resume,
        tell=told.append,
        callbacks=callbacks,
    )
    return report, "\n".join(told)


def weights(folder):
    return load_file(folder / "model.safetensors")


def equal(one, two):
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@pytest.mark.parametrize(
    ("stage", "step"),
    [
        pytest.param("head", 3, marks=pytest.mark.slow),
        pytest.param("encoder", 1, marks=pytest.mark.slow),
        ("encoder", 7),
    ],
)
def test_going_on_gives_bit_for_bit_the_same_from_either_stage(tmp_path, base, text, stage, step):
    report, _ = run(base, tmp_path / "whole", text, save_every=100)
    assert report["resumed_from_step"] == 0
    with pytest.raises(KeyboardInterrupt):
        run(base, tmp_path / "out", text, callbacks=[Stop(step, stage=stage)])
    report, told = run(base, tmp_path / "out", text)
    assert "Going on" in told
    assert report["resumed_from_step"] == {3: 2, 1: 4, 7: 10}[step]
    assert equal(weights(tmp_path / "out"), weights(tmp_path / "whole"))
    assert not (tmp_path / ".out.adapting").exists()


def test_checkpoint_without_its_marker_does_not_count(tmp_path, base, text):
    run(base, tmp_path / "whole", text)
    with pytest.raises(KeyboardInterrupt):
        run(base, tmp_path / "out", text, callbacks=[Stop(5)])
    stage = tmp_path / ".out.adapting" / "encoder"
    assert sorted(p.name for p in stage.glob("checkpoint-*")) == ["checkpoint-2", "checkpoint-4"]
    # A kill while the newest was being written: some files there, the marker not.
    (stage / "checkpoint-4" / COMPLETE).unlink()
    (stage / "checkpoint-4" / "optimizer.pt").write_bytes(b"half")
    report, _ = run(base, tmp_path / "out", text)
    assert report["resumed_from_step"] == 4 + 2
    assert equal(weights(tmp_path / "out"), weights(tmp_path / "whole"))


def test_checkpoints_are_ordered_by_number(tmp_path):
    for step in (2, 10, 9):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / COMPLETE).touch()
    assert last_checkpoint(tmp_path).name == "checkpoint-10"
    assert last_checkpoint(tmp_path / "nowhere") is None


@pytest.mark.parametrize(
    "change",
    [
        "settings",
        "nothing",
        *(pytest.param(other, marks=pytest.mark.slow) for other in ("text", "base", "save_every")),
    ],
)
def test_run_that_changed_does_not_delete_checkpoints(tmp_path, base, text, change):
    with pytest.raises(KeyboardInterrupt):
        run(base, tmp_path / "out", text, callbacks=[Stop(5)])
    changes = {}
    if change == "text":
        text.write_text(text.read_text() + '\n{"text": "One more note."}')
    elif change == "base":
        shutil.rmtree(base)
        make_wordpiece_bert(base, seed=1)
    elif change == "settings":
        changes = {"learn_rate": 1e-5, "seed": 3}
    elif change == "save_every":
        changes = {"save_every": 5}
    if change in ("nothing", "save_every"):
        report, _ = run(base, tmp_path / "out", text, **changes)
        assert report["resumed_from_step"] == 8
        return
    before = files_below(tmp_path)
    names = {"settings": r"--learn-rate \(auto before\), --seed \(0 before\)"}
    names = names.get(change, change.upper())
    with pytest.raises(ClintlError, match=rf"CL473.*this changed: {names}\. .*--no-resume"):
        run(base, tmp_path / "out", text, **changes)
    assert files_below(tmp_path) == before
    report, told = run(base, tmp_path / "out", text, resume=False, **changes)
    assert report["resumed_from_step"] == 0
    assert "Going on" not in told


@pytest.mark.parametrize(
    "slip",
    [
        {"head_warmup_steps": 500, "max_steps": None},
        {"leave_out": True},
        {"add_words": 3, "min_count": 500},
    ],
)
def test_slip_does_not_delete_checkpoints(tmp_path, base, text, slip):
    with pytest.raises(KeyboardInterrupt):
        run(base, tmp_path / "out", text, callbacks=[Stop(5)])
    if "leave_out" in slip:
        slip = {"leave_out": (str(text),)}
    with pytest.raises(ClintlError, match="CL473"):
        run(base, tmp_path / "out", text, **slip)
    report, _ = run(base, tmp_path / "out", text)
    assert report["resumed_from_step"] == 8


def test_what_fails_when_a_run_goes_on_does_not_delete_checkpoints(
    tmp_path, base, text, monkeypatch
):
    def fail(*args):
        raise ClintlError(Errors.CL112.format(path="notes.jsonl", reason="no route to host"))

    with pytest.raises(KeyboardInterrupt):
        run(base, tmp_path / "out", text, callbacks=[Stop(5)])
    with monkeypatch.context() as patch:
        patch.setattr("spacy_clintl.adaptation.adapt.describe_corpora", fail)
        with pytest.raises(ClintlError, match="CL112"):
            run(base, tmp_path / "out", text)
    report, _ = run(base, tmp_path / "out", text)
    assert report["resumed_from_step"] == 8


def test_run_that_has_not_trained_starts_anew_with_other_settings(tmp_path, base, text):
    with pytest.raises(KeyboardInterrupt):
        run(base, tmp_path / "out", text, callbacks=[Stop(1, stage="head")])
    report, told = run(base, tmp_path / "out", text, seed=3)
    assert report["resumed_from_step"] == 0
    assert "Starting anew: since the interrupted run, this changed: --seed (0 before)." in told


def test_going_on_can_be_switched_off(tmp_path, base, text):
    with pytest.raises(KeyboardInterrupt):
        run(base, tmp_path / "out", text, callbacks=[Stop(5)])
    report, told = run(base, tmp_path / "out", text, resume=False)
    assert report["resumed_from_step"] == 0
    assert "Going on" not in told


def test_body_is_frozen_while_the_head_warms_up(tmp_path, base, text):
    with pytest.raises(KeyboardInterrupt):
        run(base, tmp_path / "out", text, callbacks=[Stop(1)])
    head = tmp_path / ".out.adapting" / "head"
    after, before = weights(last_checkpoint(head)), weights(base)
    moved = [name for name in before if f"bert.{name}" in after]
    assert len(moved) == len(before) - 2  # The pooler is left out.
    assert all(torch.equal(before[name], after[f"bert.{name}"]) for name in moved)
    first = weights(sorted(head.glob("checkpoint-*"))[0])
    name = "cls.predictions.transform.dense.weight"
    assert not torch.equal(first[name], after[name])


def test_average_is_for_fresh_heads_unless_asked_for(tmp_path, base, text):
    own, _ = run(base, tmp_path / "own", text, average=0)
    half, _ = run(base, tmp_path / "half", text)
    assert (own["plan"]["average"], half["plan"]["average"]) == (0, 0.5)
    adapted, mixed, before = weights(tmp_path / "own"), weights(tmp_path / "half"), weights(base)
    name = "encoder.layer.0.output.dense.weight"
    expected = (adapted[f"bert.{name}"] + before[name]) / 2
    assert torch.allclose(mixed[f"bert.{name}"], expected, atol=1e-6)
    assert own["held_out_loss"]["after"] == own["held_out_loss"]["after_training"]
    assert half["held_out_loss"]["after"] != half["held_out_loss"]["after_training"]
    assert half["held_out_loss"]["before"] == own["held_out_loss"]["before"]
    again, told = run(tmp_path / "own", tmp_path / "more", text, head_warmup_steps=None)
    assert again["head"] == "found"
    assert again["plan"]["average"] == again["plan"]["head_steps"] == 0
    assert "fresh" not in told


def test_weights_that_are_no_numbers_are_not_saved(tmp_path, base, text):
    with pytest.raises(ClintlError, match=r"CL403.*out\.adapting"):
        run(base, tmp_path / "out", text, callbacks=[SpoilWeights(4)], head_warmup_steps=0)
    assert not (tmp_path / "out").exists()
    kept = last_checkpoint(tmp_path / ".out.adapting" / "encoder")
    assert kept.name == "checkpoint-2"
    assert all(torch.isfinite(value).all() for value in weights(kept).values())


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("I/O error: No space left on device (os error 28)"),
        OSError(errno.EDQUOT, "Disk quota exceeded"),
    ],
)
def test_full_disk_names_the_folder_and_the_run_can_go_on(tmp_path, base, text, error):
    with pytest.raises(ClintlError, match=r"CL404.*\.out\.adapting"):
        run(base, tmp_path / "out", text, callbacks=[Stop(5, error)])
    assert not (tmp_path / "out").exists()
    report, _ = run(base, tmp_path / "out", text)
    assert report["resumed_from_step"] == 8


def test_other_errors_pass_through(tmp_path, base, text):
    with pytest.raises(RuntimeError, match="something else"):
        run(base, tmp_path / "out", text, callbacks=[Stop(5, RuntimeError("something else"))])


def test_no_text_of_a_note_is_told_or_written(tmp_path, base, text, capfd):
    lines = [json.dumps({"text": f"{SECRET} has pain."}), json.dumps({"body": SECRET}), SECRET]
    text.write_text(text.read_text() + "\n" + "\n".join(lines))
    report, told = run(base, tmp_path / "out", text)
    shown = capfd.readouterr()
    everything = shown.out + shown.err + told + json.dumps(report)
    assert "Quillfeather" not in everything
    assert "2 records cannot be used" in told
    assert f"{text}, line 62: no key 'text'" in told
    assert "notes.jsonl, line" not in (tmp_path / "out" / "adaptation.json").read_text()
    assert report["text"]["left_out"]["bad"] == 2
    assert (report["text"]["documents"], report["text"]["held_out_documents"]) == (61, 3)


def test_report_of_counts_and_provenance(tmp_path, base, text):
    report, _ = run(base, tmp_path / "out", text)
    assert report["pieces_trained"] == 12 * 4 * 16
    assert report["text"]["words"] > 0
    assert report["pieces_per_second"] > 0
    assert len(report["base"]["sha256"]["model.safetensors"]) == 64
    assert report["settings"]["max_steps"] == 12


def test_single_document_is_trained_on_without_a_perplexity(tmp_path, base):
    path = tmp_path / "one.txt"
    path.write_text(" ".join(SENTENCES * 3), encoding="utf-8")
    report, told = run(base, tmp_path / "out", path)
    assert "nothing is held out" in told
    assert set(report["held_out_perplexity"].values()) == {None}


def test_text_shorter_than_a_block(tmp_path, base):
    for name in ("a", "b"):
        (tmp_path / "texts").mkdir(exist_ok=True)
        (tmp_path / "texts" / f"{name}.txt").write_text(f"Pain {name}.")
    report, _ = run(base, tmp_path / "out", tmp_path / "texts", mlm_probability=0.01)
    assert report["text"]["documents"] == 2
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_tokenizer_without_a_mask(tmp_path, base, text):
    for name in ("tokenizer_config.json", "special_tokens_map.json"):
        values = json.loads((base / name).read_text())
        values["mask_token"] = None
        values["tokenizer_class"] = "PreTrainedTokenizerFast"
        (base / name).write_text(json.dumps(values))
    with pytest.raises(ClintlError, match="CL402"):
        run(base, tmp_path / "out", text)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("length", [2, 129])
def test_block_length_that_does_not_fit(tmp_path, base, text, length):
    with pytest.raises(ClintlError, match=rf"CL401.*{length}.* 3 to 128"):
        run(base, tmp_path / "out", text, block_length=length)


def test_two_processes_do_not_work_in_one_folder(tmp_path, base, text):
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from spacy_clintl.locks import claimed\n"
        "with claimed(Path(sys.argv[1]), keep_folder=True) as mine:\n"
        "    print(mine, flush=True)\n"
        "    sys.stdin.read()\n"
    )
    with pytest.raises(KeyboardInterrupt):
        run(base, tmp_path / "out", text, callbacks=[Stop(5)])
    lock = tmp_path / ".out.adapting.lock"
    assert not lock.exists()
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    other = subprocess.Popen([sys.executable, "-c", code, str(lock)], **pipes)
    assert other.stdout.readline() == b"True\n"
    (tmp_path / "link").symlink_to(tmp_path / "out")
    for out in ("out", "link", "base/../out"):
        with pytest.raises(ClintlError, match=rf"CL470.*{tmp_path}/out just now"):
            run(base, tmp_path / out, text, resume=False)
    assert (tmp_path / ".out.adapting").is_dir()
    # As a kill leaves it: the file is there, and nobody holds it.
    other.kill()
    other.communicate()
    assert lock.exists()
    report, told = run(base, tmp_path / "out", text)
    assert "Going on" in told
    assert report["resumed_from_step"] > 0
    assert not list(tmp_path.glob(".*"))


def test_folder_is_claimed_all_the_time_and_only_by_the_main_process(tmp_path, base, text):
    class Look(TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            with claimed(tmp_path / ".out.adapting.lock", keep_folder=True) as mine:
                found.append(mine)

    found = []
    run(base, tmp_path / "out", text, callbacks=[Look()], max_steps=5)
    assert found == [False] * 5
    with ExitStack() as claims:
        claim_work_folder(tmp_path / "out", claims)
        with pytest.raises(ClintlError, match="CL470"):
            claim_work_folder(tmp_path / "out", claims)


def test_a_single_step_changes_the_encoder(tmp_path, text):
    base = make_wordpiece_bert(tmp_path / "base", with_mlm_head=True)
    _, told = run(base, tmp_path / "out", text, max_steps=1, head_warmup_steps=0, average=0.0)
    before, after = weights(base), weights(tmp_path / "out")
    assert not torch.equal(
        *(one["bert.encoder.layer.0.output.dense.weight"] for one in (before, after))
    )
    assert "So few steps (1) change little" in told


def test_text_that_the_vocabulary_does_not_know(tmp_path, base, text):
    notes = text.read_text(encoding="utf-8").splitlines()
    strange = [json.dumps({"text": f"ሰላም ነው {chr(0x1200 + n)}"}) for n in range(60)]
    text.write_text("\n".join(strange), encoding="utf-8")
    with pytest.raises(ClintlError, match="CL474"):
        run(base, tmp_path / "out", text)
    assert not (tmp_path / "out").exists()
    text.write_text("\n".join([*notes, *strange]), encoding="utf-8")
    _, told = run(base, tmp_path / "out", text)
    assert "The vocabulary does not know" in told


@pytest.mark.parametrize("out", ["notes.jsonl/out", "/proc/out", "notes.jsonl/a/b", "x" * 250])
def test_folder_that_cannot_be_written_is_named_before_any_work(tmp_path, base, text, out):
    told = []
    with pytest.raises(ClintlError, match=r"CL219.*cannot be written"):
        adapt(base, tmp_path / out, [text], AdaptSettings(block_length=16), tell=told.append)
    assert told == []
    assert sorted(p.name for p in tmp_path.iterdir()) == ["base", "notes.jsonl"]


def test_current_folder_is_not_replaced(tmp_path, base, text, monkeypatch):
    (tmp_path / "out" / "below").mkdir(parents=True)
    shutil.copytree(base, tmp_path / "out", dirs_exist_ok=True)
    for here, out in ((base, "."), (tmp_path / "out" / "below", ".."), (base, str(base))):
        monkeypatch.chdir(here)
        with pytest.raises(ClintlError, match=r"CL219.*current folder"):
            run(base, out, text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ClintlError, match=r"CL219.*current folder"):
        run(base, ".", text)
    assert not list(tmp_path.glob(".*"))


def test_folder_inside_the_text_is_no_text(tmp_path, base, text):
    (tmp_path / "all").mkdir()
    shutil.copy(text, tmp_path / "all")
    shutil.copytree(base, tmp_path / "all" / "base")
    reports = []
    for _ in range(2):
        report, told = run(base, tmp_path / "all" / "out", tmp_path / "all", max_steps=5)
        reports.append([report["text"]["words"], report["corpora"], report["corpus"]])
        assert "cannot be used" not in told
    assert reports[0] == reports[1]
    assert reports[0][1][0]["documents"] == 60


def test_link_goes_on_to_lead_to_the_folder(tmp_path, base, text):
    (tmp_path / "there").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "there")
    run(base, tmp_path / "link", text, max_steps=5)
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "there" / "adaptation.json").is_file()


@pytest.mark.parametrize("max_steps", [None, 12])
def test_too_long_a_warming_up_of_the_head_leaves_nothing(tmp_path, base, text, max_steps):
    with pytest.raises(ClintlError, match="CL406"):
        run(base, tmp_path / "out", text, head_warmup_steps=500, max_steps=max_steps)
    assert not list(tmp_path.glob(".*"))


def test_head_that_cannot_be_resized_leaves_nothing(tmp_path, base, text, monkeypatch):
    def fail(model, growth):
        raise ClintlError(Errors.CL441.format(model="X"))

    monkeypatch.setattr("spacy_clintl.adaptation.adapt.add_rows", fail)
    with pytest.raises(ClintlError, match="CL441"):
        run(base, tmp_path / "out", text, add_words=2, min_count=1)
    assert not list(tmp_path.glob(".*"))


def test_tokenizer_with_more_pieces_than_rows(tmp_path, base, text):
    tokenizer = AutoTokenizer.from_pretrained(base)
    rows = len(tokenizer)
    tokenizer.add_tokens(["[EXTRA]"])
    tokenizer.save_pretrained(base)
    with pytest.raises(ClintlError, match=rf"CL471.*base .* {rows}, .* {rows} rows"):
        run(base, tmp_path / "out", text)
    assert not list(tmp_path.glob(".*"))


def test_what_is_no_encoder_is_not_replaced(tmp_path, base, text):
    with pytest.raises(ClintlError, match="CL472"):
        run(base, text, text)
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(ClintlError, match="CL217"):
        run(base, tmp_path / "thesis.txt", text)
    with pytest.raises(ClintlError, match="CL200"):
        run(tmp_path / "nowhere", tmp_path / "out", text)


def files_below(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize("case", ["base", "base inside", "text", "left out", "linked", "work"])
def test_what_is_read_is_not_replaced(tmp_path, base, text, case):
    models, changes = tmp_path / "models", {}
    fetch_base(str(base), models)
    given, out = base, models
    if case == "base":
        given = models
    elif case == "base inside":
        given = shutil.copytree(base, models / "base")
    elif case == "work":
        given = shutil.copytree(base, tmp_path / ".models.adapting" / "encoder" / "checkpoint-2")
    else:
        text = shutil.copy(text, models)
        if case == "left out":
            changes = {"leave_out": (str(text),)}
        elif case == "linked":
            (tmp_path / "texts").mkdir()
            (tmp_path / "texts" / "notes.jsonl").symlink_to(text)
            text = tmp_path / "texts"
    before, told = files_below(tmp_path), []
    settings = AdaptSettings(block_length=16, **changes)
    with pytest.raises(ClintlError, match=r"CL472.*models"):
        adapt(given, out, [text], settings, tell=told.append)
    assert files_below(tmp_path) == before
    assert told == []


@pytest.mark.parametrize("case", ["config.json", "base.json", "folder"])
def test_folder_of_another_program_is_not_replaced(tmp_path, base, text, case):
    out = tmp_path / "project"
    if case == "folder":
        fetch_base(str(base), out)
        (out / "src").mkdir()
        (out / "src" / "work.py").write_text("years of work")
    else:
        out.mkdir()
        (out / case).write_text('{"port": 80}')
    before = files_below(tmp_path)
    with pytest.raises(ClintlError, match="CL217"):
        run(base, out, text)
    with pytest.raises(ClintlError, match="CL217"):
        fetch_base(str(base), out)
    assert files_below(tmp_path) == before


def test_what_has_come_to_lie_there_during_the_run_is_not_replaced(tmp_path, base, text):
    class Write(TrainerCallback):
        def on_train_end(self, args, state, control, **kwargs):
            (tmp_path / "out").mkdir(exist_ok=True)
            (tmp_path / "out" / "thesis.txt").write_text("years of work")

    with pytest.raises(ClintlError, match="CL217"):
        run(base, tmp_path / "out", text, callbacks=[Write()], max_steps=5)
    (tmp_path / "out" / "thesis.txt").rename(tmp_path / "thesis.txt")
    report, _ = run(base, tmp_path / "out", text, max_steps=5)
    assert report["resumed_from_step"] > 0


def test_adapted_encoder_is_replaced(tmp_path, base, text):
    run(base, tmp_path / "out", text, max_steps=5)
    run(base, tmp_path / "out", text, max_steps=6)
    report = json.loads((tmp_path / "out" / "adaptation.json").read_text())
    assert report["steps"] == 6


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer.json", '{"version": "1.0", "trunc'),
        ("tokenizer_config.json", "{"),
        ("base.json", "{}"),
        ("base.json", '["name"]'),
        ("base.json", '{"name": "x"'),
    ],
)
def test_damaged_file_of_the_base_is_told_before_any_work(tmp_path, base, text, name, content):
    (base / name).write_text(content)
    told = []
    with pytest.raises(ClintlError, match=r"CL204.*base") as caught:
        adapt(base, tmp_path / "out", [text], AdaptSettings(block_length=16), tell=told.append)
    assert name != "base.json" or name in str(caught.value)
    assert told == []
    assert not list(tmp_path.glob(".*"))


def test_dangling_link_among_the_text(tmp_path, base, text):
    (tmp_path / "texts").mkdir()
    shutil.copy(text, tmp_path / "texts")
    (tmp_path / "texts" / "gone.txt").symlink_to(tmp_path / "nowhere.txt")
    with pytest.raises(ClintlError, match=r"CL112.*gone\.txt"):
        run(base, tmp_path / "out", tmp_path / "texts")
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("resume", [True, False])
def test_kill_while_the_work_folder_is_deleted(tmp_path, base, text, monkeypatch, resume):
    def kill(path, *args, **options):
        rmtree(path, *args, **options)
        if path == work / "encoder":
            raise KeyboardInterrupt

    work, rmtree = tmp_path / ".out.adapting", shutil.rmtree
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", kill)
        with pytest.raises(KeyboardInterrupt):
            run(base, tmp_path / "out", text)
    before = files_below(tmp_path / "out")
    assert work.is_dir()
    report, told = run(base, tmp_path / "out", text, resume=resume)
    assert not work.exists()
    assert ("had written its encoder" in told) == resume
    assert (files_below(tmp_path / "out") == before) == resume
    assert report == json.loads((tmp_path / "out" / "adaptation.json").read_text())
    # Then the same command is a run of its own.
    _, told = run(base, tmp_path / "out", text, seed=1)
    assert "interrupted" not in told


def test_report_names_no_folder_of_the_machine(tmp_path, base, text):
    (tmp_path / "gold.jsonl").write_text('{"text": "Not among the notes."}\n{"body": 1}\n')
    text.write_text(text.read_text() + '\n{"body": "No text."}')
    gold = str(tmp_path / "gold.jsonl")
    report, told = run(base, tmp_path / "out", text, leave_out=(gold,), max_steps=5)
    assert f"{gold}, line 2" in told
    assert report["settings"]["leave_out"] == ["gold.jsonl"]
    assert report["text"]["left_out"] == {"empty": 0, "bad": 1, "passed_over": 0}
    assert report["corpus"]["evaluation_left_out"] == {"empty": 0, "bad": 1, "passed_over": 0}
    for name in ("adaptation.json", "README.md"):
        assert str(tmp_path) not in (tmp_path / "out" / name).read_text()


def test_files_that_are_passed_over_are_told(tmp_path, base, text):
    (tmp_path / "texts").mkdir()
    shutil.copy(text, tmp_path / "texts")
    for name in ("letter.docx", "scan.pdf"):
        (tmp_path / "texts" / name).touch()
    _, told = run(base, tmp_path / "out", tmp_path / "texts", max_steps=5)
    assert "Files of other kinds, or of encoders, that are no text: 2." in told
    _, told = run(base, tmp_path / "again", text, max_steps=5)
    assert "other kinds" not in told
