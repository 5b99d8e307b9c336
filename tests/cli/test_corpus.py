import json

import pytest
import spacy
from spacy.tokens import Doc, Span
from typer.testing import CliRunner

from spacy_clintl.cli import app
from spacy_clintl.cli.corpus import named_parts, read_shares
from spacy_clintl.data.docbin import docbin_writer
from spacy_clintl.errors import ClintlError
from tests.encoders import make_wordpiece_bert

VOCAB = spacy.blank("en").vocab
LONG = "the patient was admitted with shortness of breath and swelling of both ankles"


def clintl(*arguments):
    result = CliRunner().invoke(app, ["corpus", *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def corpus(tmp_path):
    """Train and dev with two classes 9 : 3 and some entities; dev repeats a text of train."""
    for name, start in (("train", 0), ("dev", 11)):
        with docbin_writer(tmp_path / f"{name}.spacy") as add:
            for i in range(start, start + 12):
                doc = Doc(
                    VOCAB,
                    words=["fever", str(i), *LONG.split()]
                    if i == 11
                    else [f"{i}-{j}" for j in range(i)],
                )
                doc.cats = {"t/a": float(i % 4 > 0), "t/b": float(i % 4 == 0)}
                doc.user_data["meta"] = {"patient": i // 2}
                if len(doc):
                    doc.set_ents([Span(doc, 0, 1, "SIGN")])
                add(doc)
    return tmp_path


def test_check_prints_a_table_and_says_by_its_status_whether_to_worry(corpus, tmp_path):
    train, dev = corpus / "train.spacy", corpus / "dev.spacy"
    code, output = clintl("check", train, dev, "--report", tmp_path / "r.json")
    assert code == 1
    assert "same text train | dev" in output
    assert "2 errors, 1 warnings in train, dev" in output
    kinds = {(f["severity"], f["what"]) for f in json.loads((tmp_path / "r.json").read_text())}
    assert kinds == {
        ("error", "same text"),
        ("error", "patient on two sides"),
        ("warning", "empty document"),
    }
    assert "shortness" not in output + (tmp_path / "r.json").read_text()
    code, output = clintl("check", dev)
    assert code == 0
    assert "0 errors, 0 warnings in dev" in output


def test_warnings_matter_when_strict(corpus):
    code, output = clintl("check", corpus / "train.spacy")
    assert code == 0
    assert "0 errors, 1 warnings" in output
    assert clintl("check", corpus / "train.spacy", "--strict")[0] == 1


def test_check_looks_into_adaptation_text(corpus, tmp_path):
    raw = tmp_path / "raw.txt"
    raw.write_text(f"Fever 11, {LONG.upper()}.")
    code, output = clintl("check", corpus / "dev.spacy", "--adaptation", raw)
    assert code == 1
    assert "same text dev | adaptation text" in output


def test_stats_print_tables_and_draw(corpus, tmp_path):
    encoder = make_wordpiece_bert(tmp_path / "encoder")
    png, page, report = tmp_path / "c.png", tmp_path / "c.html", tmp_path / "c.json"
    parts = (f"a={corpus / 'train.spacy'}", f"b={corpus / 'dev.spacy'}")
    code, output = clintl(
        "stats", *parts, "--encoder", encoder, "--output", png, "--report", report
    )
    assert code == 0, output
    assert "a 12 1 words" in output
    assert "word pieces" in output
    assert "SIGN 11 (100.0%) 12 (100.0%)" in output
    assert "most frequent : rarest 3.0 3.0" in output
    data = json.loads(report.read_text())["a"]
    assert data["documents"] == 12
    assert data["words"]["max"] == len(LONG.split()) + 2
    assert data["labels"]["t"] == {"documents": 12, "imbalance": 3.0, "counts": {"a": 9, "b": 3}}
    assert data["word_pieces"]["max"] >= data["words"]["max"]
    assert png.read_bytes().startswith(b"\x89PNG")
    assert clintl("stats", *parts, "--output", page)[0] == 0
    assert "data:image/png;base64," in page.read_text()
    assert "<td>SIGN</td><td>11 (100.0%)</td>" in page.read_text()


def test_split_and_folds(corpus):
    code, output = clintl(
        "split", corpus / "train.spacy", corpus / "out", "--parts", "x=3,y=1", "--group", "patient"
    )
    assert code == 0, output
    assert "documents 9 3" in output or "documents 8 4" in output
    assert "Wrote 2 parts" in output
    assert sorted(path.name for path in (corpus / "out").iterdir()) == ["x.spacy", "y.spacy"]
    code, output = clintl("split", corpus / "train.spacy", corpus / "folds", "--folds", 3)
    assert code == 0, output
    assert len(list((corpus / "folds").rglob("*.spacy"))) == 6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["check", "none.spacy"], "none.spacy does not exist"),
        (["check", "a=x", "a=y"], "'a'|a names no part"),
        (["check", "{train}", "--threshold", "2"], "--threshold is 2"),
        (["stats", "{train}", "--encoder", "{folder}"], "no tokenizer.json"),
        (["stats", "{train}", "--output", "{folder}/c.svg"], "c.svg must be"),
        (["split", "{train}", "{folder}/o", "--parts", "x=1,y=z"], "x=1,y=z is no split"),
        (["split", "{train}", "{folder}/o", "--group", "hospital"], "'hospital'"),
    ],
)
def test_bad_input_ends_in_one_message(corpus, arguments, message):
    places = {"train": corpus / "train.spacy", "folder": corpus}
    code, output = clintl(*(argument.format(**places) for argument in arguments))
    assert code == 1
    assert any(part in output for part in message.split("|")), output
    assert "Traceback" not in output
    assert not (corpus / "o").exists()


def test_parts_are_named_by_their_files():
    assert named_parts(["a/train.spacy", "b/dev"]) == {"train": "a/train.spacy", "dev": "b/dev"}
    twins = ["a/train.spacy", "b/train.spacy"]
    assert named_parts(twins) == {path: path for path in twins}
    assert named_parts(["x=a/train.spacy"]) == {"x": "a/train.spacy"}
    for parts in (["=x"], ["x="], ["a", "a"]):
        with pytest.raises(ClintlError):
            named_parts(parts)


def test_shares_must_be_numbers_above_0():
    assert read_shares("train=8, dev = 2") == {"train": 8, "dev": 2}
    for parts in ("", "a", "a=", "a=0", "a=nan", "a=inf", "a=1,a=2", "../a=1", "a=-1"):
        with pytest.raises(ClintlError, match="no split"):
            read_shares(parts)
