"""The cross-validation of nursing handovers: its folds, figures and resuming."""

import importlib.util
import json
from pathlib import Path

import pytest
import spacy
from spacy.util import load_config

from tests.corpora import DATA, needs_data
from tests.encoders import make_wordpiece_bert

ROOT = Path(__file__).parents[1]
# Two columns of labels; the second is always wrong on the last token.
RECORD = "Bed\tBED/NO\tBED/NO\n{n}\tBED/NO\tBED/NO\n,\tNA\tNA\n\ntake\tNA\tNA\naspirin\tDRUG\tNA\n"


@pytest.fixture(scope="module")
def handover():
    spec = importlib.util.spec_from_file_location("handover", ROOT / "benchmarks" / "handover.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_folds_divide_the_records(handover):
    folds = handover.split(101, 10)
    assert sorted(number for fold in folds for number in fold) == list(range(101))
    assert {len(fold) for fold in folds} == {10, 11}
    assert folds == handover.split(101, 10)


@needs_data
def test_the_published_predictions_score_as_published(handover, tmp_path):
    nlp, folder = spacy.blank("en"), DATA / "nicta_handover"
    gold, predicted = (
        handover.pooled(map(handover.labels_of, handover.read_records(folder, n, nlp, tmp_path)))
        for n in (handover.GOLD_COLUMN, handover.BASELINE_COLUMN)
    )
    headings = sorted(set(gold) - {handover.NONE})
    assert (len(gold), len(headings)) == (8487, 35)
    scores = handover.summary(gold, predicted, headings)
    assert {key: round(value, 3) for key, value in scores.items()} == {
        "macro": 0.431,
        "micro": 0.662,
        "NA": 0.838,
    }


def test_runs_and_goes_on(handover, tmp_path, capsys, monkeypatch):
    records = tmp_path / "records"
    records.mkdir()
    for number in range(6):
        (records / f"{number}.tsv").write_text(RECORD.format(n=number))
    encoder = make_wordpiece_bert(tmp_path / "encoder")
    output = tmp_path / "results" / "runs.jsonl"
    changes = [
        "training.max_steps=60",
        "training.optimizer.learn_rate.initial_rate=0.01",
        "training.optimizer.learn_rate.warmup_steps=1",
        "components.iob_ner.prior_correction=0.0",
    ]

    def run(seeds, only=0):
        handover.main(encoder, records, 3, seeds, only, changes, output)
        return [json.loads(line) for line in output.read_text().splitlines()]

    first = run(seeds=1, only=2)
    assert [(line["run"]["fold"], line["run"]["seed"]) for line in first] == [(0, 0), (1, 0)]
    assert all(len(labels) == 5 for line in first for labels in line["labels"])
    assert "4 of 6 records, 2 headings" in capsys.readouterr().out
    lines = run(seeds=1)
    assert lines[:2] == first
    assert [line["run"]["fold"] for line in lines] == [0, 1, 2]
    rows = capsys.readouterr().out.splitlines()
    by_name = {row.split()[0]: row.split()[1:] for row in rows if row.split()}
    assert by_name["DRUG"][:2] == ["6", "0.000"]
    assert by_name["macro-F1"][-2] == "0.500"
    # Of records that were not trained on.
    assert float(by_name["macro-F1"][-1]) > 0.9
    monkeypatch.setattr(handover, "train_and_predict", None)  # nothing is trained again
    assert run(seeds=1) == lines


def test_the_ready_config_is_complete():
    config = load_config(ROOT / "configs" / "handover.cfg", interpolate=True)
    assert config["nlp"]["pipeline"] == ["transformer", "iob_ner"]
    learn_rate = config["training"]["optimizer"]["learn_rate"]
    assert learn_rate["total_steps"] == config["training"]["max_steps"]
