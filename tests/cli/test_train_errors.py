"""Plain `spacy train` ends with one message of ours, not with a traceback."""

import subprocess
import sys
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin

from tests.encoders import make_wordpiece_bert

CONFIG = Path(__file__).parents[2] / "configs" / "embedded.cfg"


def train(encoder: Path, corpus: Path, *options: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", "spacy", "train", str(CONFIG)]
    command += ["--paths.encoder", str(encoder), "--paths.train", str(corpus)]
    command += ["--paths.dev", str(corpus), *options]
    return subprocess.run(command, capture_output=True, text=True, timeout=120)


def docs(path: Path, *, cats: dict[str, float]) -> Path:
    doc = spacy.blank("en")("No fever today.")
    doc.cats = cats
    DocBin(docs=[doc]).to_disk(path)
    return path


def cut_off(path: Path) -> Path:
    whole = docs(path, cats={"diagnosis/copd": 1.0}).read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    return path


@pytest.mark.parametrize(
    ("make", "code", "named"),
    [
        (lambda path: path / "missing", "CL161", "missing"),
        (lambda path: cut_off(path / "half.spacy"), "CL151", "half.spacy"),
        (lambda path: docs(path / "other.spacy", cats={"mood/low": 1.0}), "CL308", "mood"),
    ],
)
def test_bad_corpus(tmp_path, make, code, named):
    encoder = make_wordpiece_bert(tmp_path / "encoder")
    done = train(encoder, make(tmp_path))
    assert done.returncode == 1
    assert code in done.stdout
    assert named in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_no_encoder(tmp_path):
    done = train(tmp_path / "nowhere", docs(tmp_path / "a.spacy", cats={"diagnosis/copd": 1.0}))
    assert done.returncode == 1
    assert "CL200" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_other_errors_keep_their_traceback(tmp_path):
    code = "import spacy.cli, spacy_clintl.cli; raise KeyError('x')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "Traceback" in done.stderr
