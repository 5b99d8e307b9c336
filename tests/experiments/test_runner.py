"""The runner with a trainer that does nothing: what is done, skipped, repeated and reported."""

import json
import sys
from dataclasses import replace

import pytest
import srsly
from typer.testing import CliRunner

from spacy_clintl.adaptation.base import REPORT
from spacy_clintl.adaptation.card import CARD, CHART
from spacy_clintl.adaptation.watching import LOG_FILE
from spacy_clintl.cli import app
from spacy_clintl.experiments.config import TOLD, digest
from spacy_clintl.experiments.plan_file import read_plan
from spacy_clintl.experiments.runner import pipeline_path, prepare_runs, run_plan
from spacy_clintl.experiments.runs import outcomes_path, read_outcomes, read_runs
from spacy_clintl.locks import claimed
from tests.experiments.plans import N_TRAIN, plan_of, write_plan

# Called as Python is: with -m, a module and the job's file.
TRAINER = """#!{python} -S
import gzip, json, pathlib, sys
path = pathlib.Path(sys.argv[-1])
job = json.loads(path.read_text())
names = list(job["corpora"])
with open({log!r}, "a") as log:
    log.write(job["variant"] + "/" + "+".join(names) + "\\n")
(pathlib.Path({log!r}).parent / ("job." + job["variant"] + ".json")).write_text(json.dumps(job))
faults = json.loads(pathlib.Path({faults!r}).read_text())
fault = faults.get(names[0] if len(names) == 1 else "")
if fault == "error":
    (path.parent / "error.json").write_text('{{"error": "[CL510] no gold here"}}')
    sys.exit(1)
if fault == "crash":
    sys.exit(3)
with gzip.open(path.parent / "outcomes.json.gz", "wt") as file:
    json.dump({{name: {{"labels": []}} for name in names}}, file)
for kept in job["keep"]:
    pathlib.Path(kept).mkdir(parents=True)
result = {{"words": 10, "words_per_second": 5.0, "total_seconds": 2.0}}
result["score"] = dict.fromkeys(names, 0.5)
(path.parent / "result.json").write_text(json.dumps(result))
"""


@pytest.fixture
def experiment(tmp_path, monkeypatch):
    """Run `experiment` on the plan; `faults` names what fails, `log` what was trained."""
    log, faults = tmp_path / "log.txt", tmp_path / "faults.json"
    trainer = tmp_path / "trainer"
    text = TRAINER.format(python=sys.executable, log=str(log), faults=str(faults))
    trainer.write_text(text)
    trainer.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(trainer))
    plan = write_plan(tmp_path, plan_of(tmp_path))

    def run(*options, **found):
        faults.write_text(json.dumps(found))
        log.write_text("")
        arguments = ["experiment", plan, tmp_path / "runs.jsonl", *options]
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        return result.exit_code, " ".join(result.output.split()), log.read_text().split()

    run.plan, run.runs = plan, tmp_path / "runs.jsonl"
    run.jobs = lambda variant: [srsly.read_json(tmp_path / f"job.{variant}.json")]
    return run


ALL = ["both/mood+drugs", "single/mood", "single/drugs"]


def test_second_time_nothing_is_done(experiment):
    status, output, trained = experiment()
    assert (status, trained) == (0, ALL)
    assert "3 runs done, 0 were there" in output
    runs = read_runs(experiment.runs)
    assert [(run["variant"], run["corpora"]) for run in runs] == [
        ("both", ["mood", "drugs"]),
        ("single", ["mood"]),
        ("single", ["drugs"]),
    ]
    assert all(outcomes_path(experiment.runs, run["id"]).exists() for run in runs)
    assert set(read_outcomes(experiment.runs, runs[0]["id"])) == {"mood", "drugs"}
    assert not (experiment.runs.parent / ".runs.jsonl.work").exists()
    before = experiment.runs.read_bytes()
    status, output, trained = experiment()
    assert (status, trained) == (0, [])
    assert "0 runs done, 3 were there" in output
    assert experiment.runs.read_bytes() == before


def test_runs_of_another_program_may_stand_in_the_file(experiment):
    line = {"id": "x", "variant": "baseline", "corpora": ["mood"], "size": 1.0, "seed": 0}
    experiment.runs.write_text(json.dumps({**line, "score": {"mood": 0.5}}) + "\n")
    status, output, trained = experiment()
    assert (status, trained) == (0, ALL), output
    assert len(read_runs(experiment.runs)) == 4


@pytest.mark.parametrize(
    ("fault", "told"), [("error", "CL510] no gold here"), ("crash", "CL512] The training process")]
)
def test_failing_run_is_told_and_repeated(experiment, fault, told):
    status, output, trained = experiment(mood=fault)
    assert (status, trained) == (1, ALL)
    assert told in output
    assert "CL507] 1 of 3 runs failed: single/mood/1/seed-0" in output
    assert [run["corpora"][-1] for run in read_runs(experiment.runs)] == ["drugs", "drugs"]
    # What the process said is kept for the one that failed.
    [left] = (experiment.runs.parent / ".runs.jsonl.work").iterdir()
    assert (left / "log.txt").exists()
    status, output, trained = experiment()
    assert (status, trained) == (0, ["single/mood"])
    assert not left.parent.exists()


def test_goes_on_after_a_kill(experiment):
    experiment("--only", "both")
    runs = prepare_runs(read_plan(experiment.plan))
    # As a kill leaves it: half a line, a work folder with half a run, a lock file without owner.
    with experiment.runs.open("a") as file:
        file.write('{"id": "' + runs[1].id + '", "vari')
    work = experiment.runs.parent / ".runs.jsonl.work"
    (work / runs[1].id / "train").mkdir(parents=True)
    (work / runs[1].id / "error.json").write_text('{"error": "of another time"}')
    (work / f"{runs[1].id}.lock").touch()
    status, output, trained = experiment()
    assert (status, trained) == (0, ALL[1:])
    assert "2 runs done, 1 were there" in output
    lines = experiment.runs.read_text().splitlines()
    assert [json.loads(line)["id"] for line in lines] == [run.id for run in runs]
    assert not work.exists()


def test_runs_of_another_runner_are_passed_over(experiment):
    runs = prepare_runs(read_plan(experiment.plan))
    work = experiment.runs.parent / ".runs.jsonl.work"
    folder = work / runs[0].id
    folder.mkdir(parents=True)
    (folder / "result.json").touch()
    with claimed(work / f"{runs[0].id}.lock") as mine:
        assert mine
        status, output, trained = experiment()
        assert (status, trained) == (0, ALL[1:])
        assert "2 runs done, 0 were there, 1 are being done by another runner" in output
        # Its work is not touched.
        assert (folder / "result.json").exists()
    status, _, trained = experiment()
    assert (status, trained) == (0, ALL[:1])


def test_what_needs_a_run_of_another_runner_is_passed_over(experiment):
    plan = read_plan(experiment.plan)
    both = plan.variants["both"]
    later = replace(both, name="later", start="both", config=both.config)
    plan = replace(plan, variants={**plan.variants, "later": later})
    runs = prepare_runs(plan, ["both", "later"])
    assert [run.cell.variant.name for run in runs] == ["both", "later"]
    lock = experiment.runs.parent / ".runs.jsonl.work" / f"{runs[0].id}.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    with claimed(lock):
        outcome = run_plan(plan, runs, experiment.runs, tell=[].append)
    assert outcome.elsewhere == [run.cell.name for run in runs]
    assert not outcome.failed


def test_an_encoder_is_the_same_however_long_its_adaptation_took(tmp_path):
    assert set(TOLD) == {REPORT, CARD, CHART, LOG_FILE}
    for name, seconds in (("one", 1), ("two", 2)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "model.safetensors").write_bytes(b"weights")
        for told in TOLD:
            (folder / told).write_text(str(seconds))
    assert digest(str(tmp_path / "one")) == digest(str(tmp_path / "two"))
    (tmp_path / "three").mkdir()
    (tmp_path / "three" / "model.safetensors").write_bytes(b"others")
    (tmp_path / "three" / TOLD[0]).write_text("1")
    assert digest(str(tmp_path / "three")) != digest(str(tmp_path / "one"))
    # Of a folder that is no such encoder all files count.
    for name in ("four", "five"):
        (tmp_path / name).mkdir()
        (tmp_path / name / TOLD[1]).write_text(name)
    assert digest(str(tmp_path / "four")) != digest(str(tmp_path / "five"))


def test_variants_of_the_same_content(experiment):
    plan = srsly.read_yaml(experiment.plan)
    plan["variants"]["again"] = plan["variants"]["both"]
    write_plan(experiment.plan.parent, plan)
    keep = experiment.plan.parent / "kept"
    status, output, trained = experiment("--keep", keep)
    assert (status, trained) == (0, ALL)
    assert "again/mood+drugs/1/seed-0: the same run as that of 'both', written for both" in output
    assert "3 runs done, 0 were there, 1 are the same as those of another variant" in output
    runs = {run["variant"]: run for run in read_runs(experiment.runs)}
    assert runs["again"] == {**runs["both"], "variant": "again"}
    assert len(read_runs(experiment.runs)) == 4
    assert set(read_outcomes(experiment.runs, runs["again"]["id"])) == {"mood", "drugs"}
    [job] = experiment.jobs("both")
    assert job["keep"] == [str(keep / f"{name}/mood+drugs/1/seed-0") for name in ("both", "again")]
    before = experiment.runs.read_bytes()
    status, output, trained = experiment()
    assert (status, trained) == (0, [])
    assert "0 runs done, 4 were there" in output
    assert experiment.runs.read_bytes() == before


def test_same_content_fails_once(experiment):
    plan = srsly.read_yaml(experiment.plan)
    plan["variants"]["again"] = plan["variants"]["single"]
    write_plan(experiment.plan.parent, plan)
    status, output, trained = experiment(mood="error")
    assert (status, trained) == (1, ALL)
    assert "2 of 5 runs failed: single/mood/1/seed-0, again/mood/1/seed-0" in output


def test_renamed_variant(experiment):
    experiment()
    plan = srsly.read_yaml(experiment.plan)
    plan["variants"]["together"] = plan["variants"].pop("both")
    write_plan(experiment.plan.parent, plan)
    _, output, trained = experiment("--list")
    assert output.count("done as 'both'") == 1
    assert trained == []
    # However late it is: nothing is trained.
    status, output, trained = experiment("--stop-after", 0)
    assert (status, trained) == (0, [])
    assert "the same run as that of 'both'" in output
    assert "0 runs done, 2 were there, 1 are the same" in output
    variants = [run["variant"] for run in read_runs(experiment.runs)]
    assert variants == ["both", "single", "single", "together"]
    _, output, _ = experiment("--list")
    assert "done as" not in output
    assert output.count("done") == 3


def test_pipeline_that_one_of_two_names_needs(experiment):
    # The variant that comes first keeps no pipeline for itself, but the other's is the same.
    plan = srsly.read_yaml(experiment.plan)
    plan["variants"]["again"] = plan["variants"]["both"]
    plan["variants"]["on"] = {**plan["variants"]["both"], "start": "again"}
    write_plan(experiment.plan.parent, plan)
    options = ("--only", "both", "--only", "on")
    _, _, trained = experiment(*options)
    assert trained == ["both/mood+drugs", "on/mood+drugs"]
    runs = read_runs(experiment.runs)
    kept = pipeline_path(experiment.runs, runs[0]["id"])
    [job] = experiment.jobs("both")
    assert job["keep"] == [str(kept)]
    # Gone and needed again, it is made again; what is recorded is new under both names.
    kept.rmdir()
    lines = experiment.runs.read_text().splitlines(keepends=True)
    experiment.runs.write_text("".join(line for line in lines if '"variant": "on"' not in line))
    _, _, trained = experiment(*options)
    assert trained == ["both/mood+drugs", "on/mood+drugs"]
    lines = [json.loads(line) for line in experiment.runs.read_text().splitlines()]
    assert [line["variant"] for line in lines] == ["both", "again", "both", "again", "on"]


def test_a_run_asked_for_alone_keeps_the_pipeline_that_others_start_from(experiment):
    plan = srsly.read_yaml(experiment.plan)
    plan["variants"]["on"] = {**plan["variants"]["both"], "start": "both"}
    write_plan(experiment.plan.parent, plan)
    assert experiment("--only", "both")[2] == ["both/mood+drugs"]
    [run] = read_runs(experiment.runs)
    assert pipeline_path(experiment.runs, run["id"]).is_dir()
    assert experiment("--only", "on")[2] == ["on/mood+drugs"]


def test_corpus_smaller_than_a_size(experiment):
    plan = srsly.read_yaml(experiment.plan)
    plan["sizes"] = [N_TRAIN, 5000, 6000, 0.5]
    write_plan(experiment.plan.parent, plan)
    for options in (["--list"], []):
        _, output, _ = experiment(*options)
        told = "The corpus '{}' has 12 documents: where the plan wants 5,000, 6,000, all of them"
        assert output.count(told.format("mood")) == output.count(told.format("drugs")) == 1
    plan["sizes"] = [N_TRAIN, 1.0]
    write_plan(experiment.plan.parent, plan)
    assert "where the plan wants" not in experiment("--list")[1]


def test_no_run_is_begun_when_the_time_is_over(experiment):
    status, output, trained = experiment("--stop-after", 0)
    assert (status, trained) == (0, [])
    assert "3 are left" in output


def test_id_follows_files_wherever_a_config_names_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plan = plan_of(tmp_path)
    path = tmp_path / "plan.cfg"

    def ids():
        digest.cache_clear()
        return [run.id for run in prepare_runs(read_plan(write_plan(tmp_path, plan)))]

    text = path.read_text()
    # Texts that are no paths, or none of interest: the id is that of the texts.
    path.write_text(text.replace("exclusive = true", 'exclusive = true\nhead = "."\nloss = ""'))
    (tmp_path / "transformer").mkdir()
    before = ids()
    (tmp_path / "transformer" / "file").write_text("a")
    (tmp_path / "file").write_text("a")
    assert ids() == before
    path.write_text(text.replace("name = ${paths.encoder}", 'name = "direct"'))
    without = ids()
    direct = tmp_path / "direct"
    direct.mkdir()
    (direct / "weights").write_text("a")
    first = ids()
    (direct / "weights").write_text("b")
    second = ids()
    assert not set(first) & set(second)
    assert not set(without) & set(first + second)
    (direct / "weights").write_text("a")
    assert ids() == first


def test_id_follows_what_determines_a_run(tmp_path):
    plan = plan_of(tmp_path)

    def ids():
        return [run.id for run in prepare_runs(read_plan(write_plan(tmp_path, plan)))]

    first = ids()
    assert len(set(first)) == 3
    moved = tmp_path / "elsewhere"
    moved.mkdir()
    (moved / "plan.cfg").write_bytes((tmp_path / "plan.cfg").read_bytes())
    plan["variants"]["both"]["config"] = str(moved / "plan.cfg")
    assert ids() == first
    plan["settings"]["epochs"] = 3
    assert not set(ids()) & set(first)
    plan["settings"]["epochs"] = 2
    plan["variants"]["both"]["overrides"]["training.dropout"] = 0.2
    assert [a == b for a, b in zip(ids(), first)] == [False, True, True]
