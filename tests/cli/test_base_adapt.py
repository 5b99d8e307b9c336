import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from spacy_clintl.cli import app
from spacy_clintl.util import sha256_of
from tests.encoders import SENTENCES, make_wordpiece_bert


@pytest.fixture
def clintl():
    def run(*arguments):
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        return result.exit_code, " ".join(result.output.split())

    return run


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "notes.jsonl"
    path.write_text("\n".join(json.dumps({"text": s}) for s in SENTENCES * 6))
    return path


SMALL = ("--max-steps", 4, "--block-length", 16, "--batch-size", 2, "--precision", "fp32")


def test_base_then_adapt(tmp_path, text, clintl):
    source = make_wordpiece_bert(tmp_path / "source")
    digest = sha256_of(source / "model.safetensors")
    code, output = clintl("base", source, tmp_path / "base", "--sha256", digest)
    assert code == 0, output
    assert digest in output
    out = tmp_path / "adapted"
    code, output = clintl("adapt", tmp_path / "base", out, text, *SMALL)
    assert code == 0, output
    report = json.loads((out / "adaptation.json").read_text())
    perplexity = report["held_out_perplexity"]
    numbers = f"held-out perplexity {perplexity['before']:.1f} -> {perplexity['after']:.1f}"
    assert "128 word pieces" in output
    assert numbers in output
    assert "fresh one is learned" in output
    assert "with a head that had not learned yet" in output
    assert report["base"]["sha256"]["model.safetensors"] == digest
    assert report["plan"]["head_steps"] == 1


def test_options_reach_the_run(tmp_path, text, clintl):
    make_wordpiece_bert(tmp_path / "base")
    options = ("--head-warmup-steps", 2, "--average", 0.25, "--seed", 7, "--learn-rate", "2e-5")
    options += ("--held-out", 0, "--save-every", 3, "--mlm-probability", 0.2)
    code, output = clintl("adapt", tmp_path / "base", tmp_path / "out", text, *SMALL, *options)
    assert code == 0, output
    report = json.loads((tmp_path / "out" / "adaptation.json").read_text())
    plan = {"head_steps": 2, "steps": 4, "learn_rate": 2e-5, "average": 0.25}
    assert report["plan"].items() >= plan.items()
    assert (report["settings"]["seed"], report["settings"]["save_every"]) == (7, 3)
    assert report["settings"]["mlm_probability"] == 0.2
    assert "perplexity" not in output


@pytest.mark.parametrize("held_out", [0, 0.2])
def test_words_of_a_text_with_a_document_a_line(tmp_path, clintl, held_out):
    make_wordpiece_bert(tmp_path / "base")
    lines = [f"{s} Pneumonitis on day {i}." for i, s in enumerate(SENTENCES * 6)]
    (tmp_path / "notes.txt").write_text("\n".join([*lines, lines[0].upper()]), encoding="utf-8")
    options = ("--txt-documents", "line", "--add-words", 1, "--min-count", 9)
    options += ("--held-out", held_out)
    arguments = ("adapt", tmp_path / "base", tmp_path / "out", tmp_path / "notes.txt")
    code, output = clintl(*arguments, *SMALL, *options)
    assert code == 0, output
    report = json.loads((tmp_path / "out" / "adaptation.json").read_text())
    assert (report["corpus"]["documents"], report["corpus"]["kept"]) == (43, 42)
    assert (report["corpora"][0]["files"], report["corpora"][0]["documents"]) == (1, 43)
    assert report["vocabulary"]["added"] == ["pneumonitis"]
    part, what = ("held_out_", "held-out ") if held_out else ("", "")
    pieces = report["vocabulary"][f"{part}pieces_per_word"]
    assert 1 < pieces["after"] < pieces["before"]
    told = f"{pieces['before']:.2f} -> {pieces['after']:.2f} pieces a {what}word"
    assert told in output
    code, output = clintl(*arguments, "--txt-documents", "row")
    assert code == 1
    assert "CL405" in output
    assert "file or line or paragraph" in output


def test_records_that_cannot_be_used_have_a_line_each(tmp_path, text):
    make_wordpiece_bert(tmp_path / "base")
    bad = tmp_path / f"{'a' * 90}.jsonl"
    bad.write_text('{"note": "Fever."}\n{}\n{"text": "Cough."}\n')
    arguments = ("adapt", tmp_path / "base", tmp_path / "out", text, bad, "--leave-out", bad)
    result = CliRunner().invoke(app, [str(argument) for argument in (*arguments, *SMALL)])
    assert result.exit_code == 0, result.output
    lines = result.output.splitlines()
    for number in (1, 2):
        assert lines.count(f"{bad}, line {number}: no key 'text'") == 2


def test_errors_are_one_line_and_status_1(tmp_path, text, clintl):
    code, output = clintl("base", tmp_path / "nowhere", tmp_path / "out")
    assert code == 1
    assert "CL200" in output
    assert "Traceback" not in output
    make_wordpiece_bert(tmp_path / "base")
    for options, number in [
        (("--head-warmup-steps", "some"), "CL405"),
        (("--block-length", 4096), "CL401"),
        (("--max-steps", 0), "CL405"),
    ]:
        arguments = ("adapt", tmp_path / "base", tmp_path / "out", text, *SMALL, *options)
        code, output = clintl(*arguments)
        assert (code, number in output) == (1, True), output
    assert not (tmp_path / "out").exists()


def test_command_modules_load_nothing_heavy():
    # torch is not looked for: thinc loads it by itself wherever it is installed.
    code = "import sys, spacy_clintl.cli.base, spacy_clintl.cli.adapt\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "spacy_clintl.cli.adapt" in loaded
    assert not loaded & {"transformers", "accelerate", "spacy_clintl.adaptation.adapt"}
