import json

import pytest
import spacy
from typer.testing import CliRunner

from spacy_clintl.cli import app
from spacy_clintl.data.docbin import docbin_writer, read_docbin

from ..encoders import make_wordpiece_bert
from ..translation.bitexts import NOUNS, WORDS, sentence_pairs


def clintl(*arguments):
    result = CliRunner().invoke(app, ["align", *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def folder(tmp_path):
    en, es = spacy.blank("en"), spacy.blank("es")
    with (
        docbin_writer(tmp_path / "en.spacy") as add,
        docbin_writer(tmp_path / "es.spacy") as add_too,
    ):
        for source, target in sentence_pairs(40):
            doc = en.make_doc(" ".join(source))
            ents = [doc[n : n + 1] for n, word in enumerate(source) if word in NOUNS]
            doc.set_ents([doc.char_span(e.start_char, e.end_char, "SIGN") for e in ents],
                         default="outside")  # fmt: skip
            add(doc)
            add_too(es.make_doc(" ".join(target)))
    return tmp_path


def run(folder, *options):
    return clintl(folder / "en.spacy", folder / "es.spacy", folder / "out.spacy", *options)


def right(folder):
    docs = read_docbin(folder / "out.spacy", spacy.blank("es").vocab)
    gold = [[WORDS[word] for word in source if word in NOUNS] for source, _ in sentence_pairs(40)]
    hits = sum(set(one) == {ent.text for ent in doc.ents} for one, doc in zip(gold, docs))
    return hits / len(docs)


def test_labels_are_carried_onto_a_translation(folder):
    code, output = run(folder, "--no-embedded", "--report", folder / "report.json")
    assert code == 0, output
    assert right(folder) > 0.9
    assert "40 documents" in output
    assert "40 sentence pairs" in output
    assert "en to es" in output
    assert "an estimate at 15 s an entity" in output
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    counts = report["entities"]["labels"]["SIGN"]
    assert counts["entities"] == sum(counts[status] for status in counts if status != "entities")
    assert report["documents"] == {"read": 40, "written": 40}
    assert report["annotation_saved"]["estimate"] is True
    # Not a word of the notes.
    assert "cough" not in output + json.dumps(report)
    first = (folder / "out.spacy").read_bytes()
    run(folder, "--no-embedded")
    assert (folder / "out.spacy").read_bytes() == first


def test_lexica_and_pairs_of_ones_own(folder):
    seeds, pairs = folder / "seeds.tsv", folder / "pairs.tsv"
    seeds.write_text("pain\tdolor\nfever\tcalentura\n", encoding="utf-8")
    lines = [f"{' '.join(a)}\t{' '.join(b)}\n" for a, b in sentence_pairs(100, seed=7)]
    pairs.write_text("".join(lines), encoding="utf-8")
    options = ("--from", "en", "--to", "es", "--seed-lexicon", seeds, "--parallel", pairs)
    code, output = run(folder, *options, "--parallel", pairs, "--report", folder / "one.json")
    assert code == 0, output
    assert right(folder) > 0.9
    run(folder, "--report", folder / "other.json")
    one, other = (
        json.loads((folder / name).read_text(encoding="utf-8"))["projector"]
        for name in ("one.json", "other.json")
    )
    assert one != other


def test_an_encoder_links_instead(folder):
    encoder = make_wordpiece_bert(folder / "encoder")
    code, output = run(folder, "--encoder", encoder, "--min-confidence", "0")
    assert code == 0, output
    assert len(read_docbin(folder / "out.spacy", spacy.blank("es").vocab)) == 40
    code, output = run(folder, "--encoder", folder / "nobody")
    assert (code, "CL200" in output) == (1, True)
    for option in ("--parallel", "--seed-lexicon"):
        code, output = run(folder, "--encoder", encoder, option, folder / "x.tsv")
        assert (code, "CL661" in output, option in output) == (1, True, True)


@pytest.mark.parametrize("seconds", ["nan", "-5", "inf"])
def test_bad_seconds_are_told_before_any_work(folder, seconds):
    code, output = run(folder, "--seconds-an-entity", seconds)
    assert (code, "CL405" in output, "--seconds-an-entity" in output) == (1, True, True)
    assert not (folder / "out.spacy").exists()


def test_lost_entities_are_told(folder):
    code, output = run(folder, "--min-confidence", "1")
    assert code == 0, output
    assert "40 sentences lost an entity" in output
    code, output = run(folder, "--min-confidence", "1", "--no-mask")
    assert "lost an entity" not in output
    docs = read_docbin(folder / "out.spacy", spacy.blank("es").vocab)
    assert all(token.ent_iob_ == "O" for doc in docs for token in doc)


@pytest.mark.parametrize("option", ["--seed-lexicon", "--parallel"])
def test_bad_files_are_named_with_their_lines(folder, option):
    bad = folder / "bad.tsv"
    bad.write_text("cough\ttos\n# remark\nsecret words\n", encoding="utf-8")
    code, output = run(folder, option, bad)
    assert code == 1
    assert "CL652" in output
    assert "bad.tsv, line 3" in output
    assert "secret" not in output
    assert "CL651" in run(folder, option, folder / "missing.tsv")[1]
    bad.write_bytes(b"\xff\xfe\x00")
    assert "CL651" in run(folder, option, bad)[1]
    assert not (folder / "out.spacy").exists()


def test_bad_options_are_named(folder):
    for options, wanted in (
        (("--min-confidence", "2"), "CL650"),
        (("--to", "qq"), "CL608"),
        (("--from", "qq"), "CL608"),
    ):
        code, output = run(folder, *options)
        assert (code, wanted in output) == (1, True), output
    code, output = clintl(folder / "en.spacy", folder / "es.spacy", folder / "out.json")
    assert (code, "CL140" in output) == (1, True)
    code, output = clintl(folder / "nobody.spacy", folder / "es.spacy", folder / "out.spacy")
    assert (code, "nobody.spacy" in output) == (1, True)
    (folder / "half.spacy").write_bytes((folder / "es.spacy").read_bytes()[:100])
    code, output = clintl(folder / "en.spacy", folder / "half.spacy", folder / "out.spacy")
    assert (code, "half.spacy" in output) == (1, True)
    with docbin_writer(folder / "few.spacy") as add:
        add(spacy.blank("es").make_doc("tos"))
    code, output = clintl(folder / "en.spacy", folder / "few.spacy", folder / "out.spacy")
    assert (code, "CL660" in output) == (1, True)
    assert not (folder / "out.spacy").exists()
