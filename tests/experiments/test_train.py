"""Runs as they are trained and scored: two corpora, a tiny encoder, a few updates."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import spacy
import srsly
from spacy.scorer import get_ner_prf
from spacy.tokens import Doc, Span
from spacy.training import Example
from typer.testing import CliRunner

from spacy_clintl.cli import app
from spacy_clintl.data.docbin import docbin_writer
from spacy_clintl.errors import ClintlError
from spacy_clintl.evaluation.resampling import score_of, tally
from spacy_clintl.experiments.config import size_of
from spacy_clintl.experiments.heads import Head, score_names
from spacy_clintl.experiments.plan_file import read_plan
from spacy_clintl.experiments.runner import job_of, prepare_runs
from spacy_clintl.experiments.runs import OUTCOMES, check_run, read_outcomes, read_runs
from spacy_clintl.experiments.train import run_job
from tests.experiments.plans import N_TRAIN, make_encoder, mood_doc, plan_of, write_plan


@pytest.fixture
def plan(tmp_path):
    make_encoder(tmp_path)
    return plan_of(tmp_path)


def test_a_run_and_its_outcomes(tmp_path, plan):
    plan["settings"]["epochs"] = 12
    read = read_plan(write_plan(tmp_path, plan))
    [run, *_] = prepare_runs(read)
    keep = tmp_path / "kept" / run.cell.name
    result = run_job({**job_of(run, Path("plan.yml")), "keep": [str(keep)]}, tmp_path / "work")
    doc = spacy.load(keep)("takes aspirin since 3 days")
    assert set(doc.cats) == {"mood/low", "mood/high", "mood/even"}
    assert "drugs" in doc.spans
    assert result["documents"] == {"mood": N_TRAIN, "drugs": N_TRAIN}
    assert result["score"]["drugs"] > 0.5
    # The last point is the end of training.
    assert [point["update"] for point in result["curve"]][-1] == result["updates"]
    assert len(result["curve"]) == read.settings[1.0].evaluations
    assert 0 < result["best"]["mood"]["epoch"] <= 12
    # What is kept of each document gives the scores, also of the mood that training lacks.
    kept = srsly.read_gzip_json(tmp_path / "work" / OUTCOMES)
    assert "mixed" in kept["mood"]["labels"]
    for corpus, prefix, names in (
        ("mood", "cats_mood_", ("macro_f", "macro_p", "macro_r", "micro_f", "acc")),
        ("drugs", "ents_", ("p", "r", "f")),
    ):
        [totals] = [tally(kept[corpus], kept[corpus]["labels"]).sum(axis=0)[None]]
        for name in names:
            expected = result["scores"][corpus][f"{prefix}{name}"]
            assert score_of(totals, name)[0] == pytest.approx(expected), name


def test_counts_of_entities_are_those_of_the_scorer():
    nlp = spacy.blank("en")
    examples = []
    for gold, found, missing in [
        ([(0, 1, "A"), (2, 4, "B")], [(0, 1, "A"), (2, 3, "B")], None),
        ([(1, 2, "A")], [(1, 2, "B"), (3, 4, "A")], None),
        # Predictions where nothing is known are neither right nor wrong.
        ([(0, 1, "A")], [(0, 1, "A"), (3, 4, "A")], 3),
        (None, [(0, 1, "A")], None),
    ]:
        predicted, reference = (Doc(nlp.vocab, words=list("abcde")) for _ in range(2))
        predicted.set_ents([Span(predicted, *span) for span in found])
        if gold is not None:
            unknown = [reference[missing : missing + 1]] if missing else []
            spans = [Span(reference, *span) for span in gold]
            reference.set_ents(spans, missing=unknown, default="outside")
        examples.append(Example(predicted, reference))
    kept = Head("ner", "ner").outcomes(nlp, examples)
    totals = tally(kept, kept["labels"]).sum(axis=0)[None]
    expected = get_ner_prf(examples)
    assert expected["ents_f"] > 0
    for name in "prf":
        assert score_of(totals, name)[0] == pytest.approx(expected[f"ents_{name}"])


def test_corpus_without_gold_for_its_component(tmp_path, plan):
    plan["corpora"]["mood"]["train"] = plan["corpora"]["drugs"]["train"]
    read = read_plan(write_plan(tmp_path, plan))
    run = next(run for run in prepare_runs(read) if run.cell.name == "single/mood/1/seed-0")
    with pytest.raises(ClintlError, match=r"CL510.*'mood'.*categories 'mood/…'"):
        run_job(job_of(run, Path("plan.yml")), tmp_path / "work")


def test_headline_that_the_documents_cannot_give(tmp_path, plan, monkeypatch):
    # One mood alone: no label has positive and negative documents.
    with docbin_writer(tmp_path / "one.spacy") as add:
        for _ in range(3):
            add(mood_doc(spacy.blank("en").vocab, 0))
    plan["corpora"]["mood"]["score"] = "cats_mood_macro_auc"
    plan["corpora"]["mood"]["further"] = {"more": str(tmp_path / "one.spacy")}
    read = read_plan(write_plan(tmp_path, plan))
    run = next(run for run in prepare_runs(read) if run.cell.name == "single/mood/1/seed-0")
    monkeypatch.setattr("spacy_clintl.experiments.train._train", None)
    with pytest.raises(ClintlError, match=r"(?s)CL536.*'more'.*macro_auc.*cats_mood_macro_f"):
        run_job(job_of(run, Path("plan.yml")), tmp_path / "work")
    assert not (tmp_path / "work" / OUTCOMES).exists()


def test_scores_that_can_be_headlines(tmp_path, plan):
    read = read_plan(write_plan(tmp_path, plan))
    [run, *_] = prepare_runs(read)
    scores = run_job(job_of(run, Path("plan.yml")), tmp_path / "work")["scores"]
    for corpus in run.cell.corpora:
        found = {key for key, value in scores[corpus.name].items() if not isinstance(value, dict)}
        assert found == set(score_names(corpus.task))


def test_auxiliary_corpora_are_taken_whole_and_not_compared(tmp_path, plan):
    plan["sizes"] = [3]
    plan["variants"]["both"]["auxiliary"] = ["mood"]
    read = read_plan(write_plan(tmp_path, plan))
    run = next(run for run in prepare_runs(read) if run.cell.variant.name == "both")
    size = {corpus.name: corpus.train for corpus in run.cell.corpora}
    n_words = {name: size_of(str(path))[1] for name, path in size.items()}
    assert run.words == 2 * (n_words["mood"] + n_words["drugs"] * 3 / N_TRAIN)
    result = run_job(job_of(run, Path("plan.yml")), tmp_path / "work")
    assert result["documents"] == {"mood": N_TRAIN, "drugs": 3}
    assert result["headline"] == {"drugs": "ents_f"}
    assert set(result["score"]) == {"drugs"}
    # What it costs the others' company is told nevertheless.
    assert set(result["scores"]) == {"mood", "drugs"}
    assert set(srsly.read_gzip_json(tmp_path / "work" / OUTCOMES)) == {"drugs"}
    # Of a run with size 3 for both it is not the same.
    del plan["variants"]["both"]["auxiliary"]
    [other, *_] = prepare_runs(read_plan(write_plan(tmp_path, plan)))
    assert other.id != run.id
    assert other.words < run.words


def clintl(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, " ".join(result.output.split())


@pytest.mark.slow
def test_plan_from_end_to_end(tmp_path, plan):
    # One corpus has no gold on its dev documents: its run fails, the others are done.
    plan["variants"]["broken"] = {**plan["variants"]["single"], "corpora": ["empty"]}
    plan["corpora"]["empty"] = {**plan["corpora"]["mood"], "dev": plan["corpora"]["drugs"]["dev"]}
    for name in ("both", "single"):
        plan["variants"][name]["corpora"] = ["mood", "drugs"] if name == "both" else ["mood"]
    path, runs = write_plan(tmp_path, plan), tmp_path / "out" / "runs.jsonl"
    status, output = clintl("experiment", path, runs, "--keep", tmp_path / "kept")
    assert status == 1, output
    assert "CL507] 1 of 3 runs failed: broken/empty/1/seed-0" in output
    assert "CL510] The corpus 'empty' has no categories 'mood/…'" in output
    found = read_runs(runs)
    assert [run["variant"] for run in found] == ["both", "single"]
    for run in found:
        check_run(runs, run)
        assert set(read_outcomes(runs, run["id"])) == set(run["corpora"])
    assert (tmp_path / "kept" / "both/mood+drugs/1/seed-0" / "config.cfg").exists()
    before = runs.read_bytes()
    status, output = clintl("experiment", path, runs, "--only", "both", "--only", "single")
    assert status == 0
    assert "0 runs done, 2 were there" in output
    assert runs.read_bytes() == before
    arguments = ("compare", runs, "--against", "single", "--epochs", "--resamples", 200)
    status, output = clintl(*arguments)
    assert status == 0
    assert "No interval" not in output
    status, _ = clintl(*arguments, "--output", tmp_path / "page.html")
    assert status == 0
    assert "<svg" in (tmp_path / "page.html").read_text()


def processes_of(text):
    """Processes with a text in their command, but not this one."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if process.pid != os.getpid() and any(
            text in part for part in process.info["cmdline"] or ()
        ):
            found.append(process)
    return found


def wait_for(condition, seconds=120):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.slow
def test_killed_in_between(tmp_path, plan):
    plan["settings"]["epochs"] = 3
    path, runs = write_plan(tmp_path, plan), tmp_path / "runs.jsonl"
    command = [sys.executable, "-m", "spacy", "clintl", "experiment", str(path), str(runs)]
    with (tmp_path / "log.txt").open("w") as log:
        runner = subprocess.Popen(command, stdout=log, stderr=log)
        # The first run is in the file, the second one has written its training documents.
        work = tmp_path / ".runs.jsonl.work"
        wait_for(lambda: runs.exists() and list(work.glob("*/train/*.spacy")))
        runner.kill()
        runner.wait()
    wait_for(lambda: not processes_of(str(tmp_path)), 30)
    assert len(read_runs(runs)) == 1
    done = subprocess.run(command, capture_output=True, text=True, timeout=250)
    assert done.returncode == 0, done.stdout
    assert "2 runs done, 1 were there" in done.stdout
    lines = [json.loads(line) for line in runs.read_text().splitlines()]
    assert len({line["id"] for line in lines}) == len(lines) == 3
    assert not work.exists()
    assert not processes_of(str(tmp_path))


@pytest.mark.slow
def test_two_runners_share_a_plan(tmp_path, plan):
    path, runs = write_plan(tmp_path, plan), tmp_path / "runs.jsonl"
    command = [sys.executable, "-m", "spacy", "clintl", "experiment", str(path), str(runs)]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    outputs = [process.communicate(timeout=250)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], outputs
    lines = [json.loads(line) for line in runs.read_text().splitlines()]
    assert len({line["id"] for line in lines}) == len(lines) == 3
    assert sum(output.count(": training") for output in outputs) == 3
