"""The script that arranges downloaded corpora, on small files laid out as they are published."""

import csv
import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "assets" / "public.py"


@pytest.fixture
def downloads(tmp_path: Path) -> Path:
    folder = tmp_path / "downloads"
    abstracts = folder / "medical_abstracts"
    abstracts.mkdir(parents=True)
    (abstracts / "medical_tc_labels.csv").write_text(
        "condition_label,condition_name\n1,neoplasms\n2,digestive system diseases\n"
    )
    rows = [(1 + i % 2, f'Abstract {i}, with "quotes" and a comma. ') for i in range(60)]
    rows += [(1, "Twice."), (2, "Twice.")]
    with (abstracts / "medical_tc_train.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("condition_label", "medical_abstract"), *rows])
    for name in ("text", "labels"):
        (folder / "hoc" / name).mkdir(parents=True)
    for i in range(60):
        (folder / "hoc" / "text" / f"{i}.txt").write_text("One sentence .\nAnd two .\n")
        (folder / "hoc" / "labels" / f"{i}.txt").write_text(
            "< <Resisting cell death--Apoptosis<Inducing angiogenesis--x AND Cellular energetics< "
        )
    (folder / "e3c_raw").mkdir()
    (folder / "e3c_raw" / "EN1.json").write_text('{"id": "EN1", "text": "Fi\\u00e8vre."}')
    (folder / "bc5cdr").mkdir()
    for name in ("train.tsv", "devel.tsv"):
        (folder / "bc5cdr" / name).write_text("Aspirin\tB-Chemical\n.\tO\n\n")
    return folder


def run(downloads: Path, data: Path) -> subprocess.CompletedProcess:
    command = [sys.executable, str(SCRIPT), str(downloads), str(data)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def test_downloads_become_the_folder(downloads: Path, tmp_path: Path) -> None:
    data = tmp_path / "data"
    done = run(downloads, data)
    assert done.returncode == 0, done.stderr
    assert "1 texts with two classes left out" in done.stdout
    texts: dict[str, list[str]] = {}
    for part in ("train", "dev"):
        with (data / "medical_abstracts" / f"{part}.csv").open(newline="") as file:
            read = list(csv.DictReader(file))
        assert {row["label"] for row in read} == {"neoplasms", "digestive system diseases"}
        texts[part] = [row["text"] for row in read]
    assert len(texts["train"]) > len(texts["dev"]) > 0
    assert len(set(texts["train"]) | set(texts["dev"])) == 60
    hoc = [
        json.loads(line)
        for part in ("train", "dev")
        for line in (data / "hoc" / f"{part}.jsonl").read_text().splitlines()
    ]
    assert len({record["id"] for record in hoc}) == 60
    assert hoc[0]["text"] == "One sentence . And two ."
    hallmarks = ["Cellular energetics", "Inducing angiogenesis", "Resisting cell death"]
    assert hoc[0]["labels"] == hallmarks
    with gzip.open(data / "e3c_raw" / "en.jsonl.gz", "rt", encoding="utf-8") as file:
        assert [json.loads(line) for line in file] == [{"id": "EN1", "text": "Fièvre."}]
    assert (data / "bc5cdr" / "dev.tsv").read_text() == "Aspirin\tB-Chemical\n.\tO\n\n"


def test_missing_download_is_named(downloads: Path, tmp_path: Path) -> None:
    (downloads / "bc5cdr" / "devel.tsv").unlink()
    done = run(downloads, tmp_path / "data")
    assert done.returncode == 1
    assert "devel.tsv" in done.stdout
    assert "spacy project assets" in done.stdout
    assert "Traceback" not in done.stderr
