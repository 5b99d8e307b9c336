"""The embedded corpus: reproducible, well formed, learnable and not too easy."""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

ASSETS = Path(__file__).resolve().parents[2] / "assets"
CORPUS = ASSETS / "corpus"
DIAGNOSES = {
    "pneumonia",
    "heart_failure",
    "copd",
    "uti",
    "gastroenteritis",
    "embolism",
    "ketoacidosis",
}
FINDINGS = {
    "fever",
    "cough",
    "dyspnea",
    "chest_pain",
    "nausea",
    "edema",
    "tachycardia",
    "confusion",
}
ENTITIES = {"MEDICATION", "DOSAGE", "FREQUENCY", "DURATION", "FINDING"}
NOTES = {
    "en": ("train", "dev", "test"),
    "es": ("train", "test"),
    "fr": ("train", "test"),
    "dialogue": ("train", "test"),
}
NOTE_FILES = [f"{name}.{split}.jsonl" for name, splits in NOTES.items() for split in splits]
PAIR_FILES = [f"pairs.{split}.jsonl" for split in ("train", "dev", "test")]

Record = dict[str, Any]


def unpacked(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def load(name: str) -> list[Record]:
    lines = unpacked(CORPUS / name).decode("utf-8").split("\n")
    assert lines.pop() == ""
    return [json.loads(line) for line in lines]


def diagnosis(record: Record) -> str:
    task = {k: v for k, v in record["cats"].items() if k.startswith("diagnosis/")}
    return max(task, key=task.__getitem__).removeprefix("diagnosis/")


def generate(out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    # Another hash seed each time: an iterated set would show.
    env = {**os.environ, "PYTHONHASHSEED": str(len(str(out)) + len(options))}
    return subprocess.run(
        [sys.executable, str(ASSETS / "generate.py"), "--out", str(out), *options],
        check=True,
        capture_output=True,
        text=True,
        env=env,
    )


def test_regenerating_gives_the_committed_files(tmp_path: Path) -> None:
    done = generate(tmp_path / "corpus")
    assert len(done.stdout.splitlines()) == 1
    written = sorted(path.name for path in (tmp_path / "corpus").iterdir())
    assert written == sorted(path.name for path in CORPUS.iterdir())
    assert written == sorted([*NOTE_FILES, *PAIR_FILES, "raw.en.jsonl.gz"])
    for name in written:
        # Compressed bytes depend on the zlib build, so the content is what must agree.
        assert unpacked(tmp_path / "corpus" / name) == unpacked(CORPUS / name), name


def test_another_seed_gives_other_notes(tmp_path: Path) -> None:
    generate(tmp_path, "--seed", "1")
    other = (tmp_path / "en.train.jsonl").read_bytes()
    assert other != (CORPUS / "en.train.jsonl").read_bytes()


def test_packed_file_carries_neither_time_nor_name() -> None:
    header = (CORPUS / "raw.en.jsonl.gz").read_bytes()[:8]
    assert header[3] == 0  # flags: no file name
    assert header[4:8] == b"\0\0\0\0"  # modification time


def test_sizes() -> None:
    sizes = [path.stat().st_size for path in CORPUS.iterdir()]
    assert max(sizes) < 2**20
    assert sum(sizes) < 3.3e6


@pytest.mark.parametrize("name", NOTE_FILES)
def test_records_are_well_formed(name: str) -> None:
    records = load(name)
    assert len({r["id"] for r in records}) == len(records)
    tasks = {f"diagnosis/{x}" for x in DIAGNOSES} | {f"findings/{x}" for x in FINDINGS}
    labels: Counter[str] = Counter()
    for record in records:
        text = record["text"]
        assert record["lang"] in ("en", "es", "fr")
        assert record["meta"]["patient"]
        assert not set("[]{}~") & set(text), "template marks left in the text"
        assert "cats" in record or "spans" in record
        if "cats" in record:
            assert set(record["cats"]) == tasks
            assert set(record["cats"].values()) <= {0.0, 1.0}
            assert sum(record["cats"][f"diagnosis/{x}"] for x in DIAGNOSES) == 1.0
        end = 0
        for span in record.get("spans", []):
            assert end <= span["start"] < span["end"] <= len(text)
            end = span["end"]
            assert span["label"] in ENTITIES
            covered = text[span["start"] : end]
            assert covered == covered.strip()
            # A span never cuts a word, though a number may follow: "x3d" is one span.
            assert not (end < len(text) and text[end - 1].isalnum() and text[end].isalnum())
            labels[span["label"]] += 1
    assert set(labels) == ENTITIES
    assert min(labels.values()) >= 30


def test_english_notes_have_the_intended_length_and_oddities() -> None:
    texts = [r["text"] for split in NOTES["en"] for r in load(f"en.{split}.jsonl")]
    assert all(60 <= len(text.split()) <= 140 for text in texts)
    for odd in ("\u00a0", "\t", "\n\n", "\u00b5g", "°C"):
        assert 0.005 < sum(odd in text for text in texts) / len(texts) < 0.4, odd


@pytest.mark.parametrize("name", NOTES)
def test_splits_share_no_patient_and_no_text(name: str) -> None:
    patients: set[str] = set()
    texts: set[str] = set()
    for split in NOTES[name]:
        records = load(f"{name}.{split}.jsonl")
        here = {r["meta"]["patient"] for r in records}
        assert not here & patients
        patients |= here
        for record in records:
            assert record["text"] not in texts
            texts.add(record["text"])
    if name == "en":
        raw = load("raw.en.jsonl.gz")
        assert len(raw) > 3000
        assert all(set(r) == {"id", "text"} for r in raw)
        assert len({r["text"] for r in raw} | texts) == len(raw) + len(texts)


def test_classes_are_imbalanced_but_never_missing() -> None:
    counts = {
        split: Counter(diagnosis(r) for r in load(f"en.{split}.jsonl") if "cats" in r)
        for split in NOTES["en"]
    }
    for split, least in {"train": 20, "dev": 4, "test": 6}.items():
        assert set(counts[split]) == DIAGNOSES
        assert min(counts[split].values()) >= least
    train = counts["train"].values()
    assert 7.5 <= max(train) / min(train) <= 10.5


def test_training_notes_are_partly_labelled() -> None:
    records = load("en.train.jsonl")
    modes = Counter(("cats" in r, "spans" in r) for r in records)
    assert modes[True, False] / len(records) == pytest.approx(0.45, abs=0.01)
    assert modes[False, True] / len(records) == pytest.approx(0.30, abs=0.01)
    assert modes[True, True] / len(records) == pytest.approx(0.25, abs=0.01)
    for name in NOTE_FILES:
        if name != "en.train.jsonl":
            assert all("cats" in r and "spans" in r for r in load(name))


def test_measurements_agree_with_the_findings() -> None:
    """The label rule, checked where a number in the text can be read back."""
    seen = 0
    for split in NOTES["en"]:
        for record in load(f"en.{split}.jsonl"):
            rate = re.search(r"\b(?:HR|pulse|P)\s?(\d{2,3})\b(?!\d|s)", record["text"])
            if rate is None or "cats" not in record:
                continue
            seen += 1
            assert (int(rate[1]) > 100) == bool(record["cats"]["findings/tachycardia"])
    assert seen > 100


def _features(train: list[str], test: list[str]) -> tuple[Any, Any]:
    from sklearn.feature_extraction.text import TfidfVectorizer

    vectorizer = TfidfVectorizer(ngram_range=(1, 2))
    return vectorizer.fit_transform(train), vectorizer.transform(test)


def _predict(x: Any, y: list[Any], new: Any) -> list[Any]:
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(class_weight="balanced", max_iter=1000)
    return model.fit(x, y).predict(new).tolist()


def test_bag_of_words_is_well_above_chance_and_below_the_ceiling() -> None:
    from sklearn.metrics import f1_score

    train = [r for r in load("en.train.jsonl") if "cats" in r]
    test = load("en.test.jsonl")
    x, new = _features([r["text"] for r in train], [r["text"] for r in test])

    predicted = _predict(x, [diagnosis(r) for r in train], new)
    score = f1_score([diagnosis(r) for r in test], predicted, average="macro")
    assert 0.55 < score < 0.85

    scores = []
    for finding in sorted(FINDINGS):
        key = f"findings/{finding}"
        predicted = _predict(x, [r["cats"][key] for r in train], new)
        scores.append(f1_score([r["cats"][key] for r in test], predicted))
    assert 0.5 < sum(scores) / len(scores) < 0.85


def test_some_wording_is_new_in_the_test_notes() -> None:
    train = " ".join(r["text"].lower() for r in load("en.train.jsonl"))
    later = " ".join(r["text"].lower() for r in load("en.test.jsonl"))
    raw = " ".join(r["text"].lower() for r in load("raw.en.jsonl.gz"))
    for phrase in ("air hunger", "precordial ache", "puffy legs"):
        assert phrase not in train
        assert phrase in later
        assert phrase in raw


def test_pairs_are_balanced_and_disjoint() -> None:
    premises: set[str] = set()
    for name in PAIR_FILES:
        pairs = load(name)
        counts = Counter(p["label"] for p in pairs)
        assert set(counts) == {"entailment", "neutral", "contradiction"}
        assert max(counts.values()) == min(counts.values())
        assert all(set(p) == {"id", "premise", "hypothesis", "label"} for p in pairs)
        here = {p["premise"] for p in pairs}
        assert len(here) == len(pairs)
        assert not here & premises
        premises |= here


@pytest.mark.parametrize("part", ["hypothesis", "premise"])
def test_half_a_pair_does_not_give_the_label_away(part: str) -> None:
    train, test = load("pairs.train.jsonl"), load("pairs.test.jsonl")
    x, new = _features([p[part] for p in train], [p[part] for p in test])
    predicted = _predict(x, [p["label"] for p in train], new)
    right = sum(p["label"] == guess for p, guess in zip(test, predicted))
    assert right / len(test) < 0.55


def test_negated_hypotheses_occur_under_every_label() -> None:
    pairs = load("pairs.train.jsonl")
    negated = (" not ", " no ", " without ", "absent", "free of")
    for label in ("entailment", "neutral", "contradiction"):
        mine = [p["hypothesis"] for p in pairs if p["label"] == label]
        share = sum(any(mark in text for mark in negated) for text in mine) / len(mine)
        assert 0.4 < share < 0.6
