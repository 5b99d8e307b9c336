import json

import pytest
import spacy
from spacy.tokens import DocBin, Span
from typer.testing import CliRunner

from spacy_clintl.cli import app
from spacy_clintl.data.docbin import read_docbin
from spacy_clintl.data.formats import formats
from spacy_clintl.data.records import Record
from spacy_clintl.errors import ClintlError
from spacy_clintl.evaluation.run import evaluate, load_pipeline, make_examples


def clintl(*arguments):
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return result.exit_code, " ".join(result.output.split())


def test_convert_prints_counts_and_closes_with_the_file(tmp_path):
    source, target = tmp_path / "a.jsonl", tmp_path / "a.spacy"
    source.write_text(
        '{"text": "fever", "spans": [{"start": 0, "end": 5, "label": "SIGN"}]}\n{"text": 1}\n'
    )
    code, output = clintl("convert", "records", source, target, "--report", tmp_path / "r.json")
    assert code == 0, output
    assert "documents 1" in output
    assert "entity SIGN 1" in output
    assert "skipped records 1" in output
    assert "a.jsonl:2: no text" in output
    assert output.endswith(f"Wrote 1 documents to {target}") or "Wrote 1 documents" in output
    assert json.loads((tmp_path / "r.json").read_text())["skipped"][0]["reason"] == "no text"


def test_convert_passes_the_options_of_the_table_format(tmp_path):
    train, dev = tmp_path / "train.csv", tmp_path / "dev.csv"
    train.write_text("note,labels\nx,a;b\ny,c\n")
    dev.write_text("note,labels\nx,\n")
    options = ["--text", "note", "--label", "labels", "--multi-label", "--task", "t"]
    code, output = clintl(
        "convert", "table", dev, tmp_path / "dev.spacy", *options, "--labels-from", train
    )
    assert code == 0, output
    [doc] = read_docbin(tmp_path / "dev.spacy", spacy.blank("en").vocab)
    assert doc.cats == {"t/a": 0.0, "t/b": 0.0, "t/c": 0.0}
    code, output = clintl(
        "convert", "table", dev, tmp_path / "dev.spacy", *options, "--option", "labels=p,q"
    )
    assert code == 0, output
    [doc] = read_docbin(tmp_path / "dev.spacy", spacy.blank("en").vocab)
    assert doc.cats == {"t/p": 0.0, "t/q": 0.0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["iob", "--task", "t"], "has no option --task"),
        (["table", "--group", "2"], "has no option --group"),
        (["records", "--option", "x=1"], "has no option --x"),
        (["records", "--option", "x"], "--option"),
        (["table", "lost"], "no place for 'lost'"),
        (["nonsense"], "no format 'nonsense'"),
    ],
)
def test_convert_says_what_is_wrong_in_one_line(tmp_path, arguments, message):
    (tmp_path / "a").write_text("a O\n")
    name, *options = arguments
    code, output = clintl("convert", name, tmp_path / "a", tmp_path / "a.spacy", *options)
    assert code == 1
    assert message in output
    assert "Traceback" not in output
    assert not (tmp_path / "a.spacy").exists()


def test_any_format_takes_its_options_from_the_command_line(tmp_path):
    @formats("of-ones-own")
    def read(paths, counts, *, times: int = 1, loud: bool = False, shift: int = 0):
        """Read one text a file."""
        for path in paths:
            text = path.read_text() * times + str(shift)
            yield Record(text=text.upper() if loud else text, where=str(path))

    source, target = tmp_path / "a.txt", tmp_path / "a.spacy"
    source.write_text("fever ")
    for options, text in (
        (["--times", "2", "--shift", "-1"], "fever fever -1"),
        (["--times=2", "--loud"], "FEVER FEVER 0"),
        (["--loud", "--no-loud"], "fever 0"),
        (["--option", "times=3"], "fever fever fever 0"),
    ):
        code, output = clintl("convert", "of-ones-own", source, target, *options)
        assert code == 0, output
        assert read_docbin(target, spacy.blank("en").vocab)[0].text == text
    code, output = clintl("convert", "of-ones-own", "--times", "2", source, target)
    assert code == 1
    assert "--times must stand behind IN and OUT" in output
    code, output = clintl("formats")
    assert code == 0
    assert "of-ones-own read --times --loud --shift" in output
    assert "iob read, written --label-column --token-column --group" in output
    code, output = clintl("formats", "of-ones-own")
    assert "Read one text a file." in output
    assert "--shift 0" in output


def test_convert_renames_and_leaves_out_entities(tmp_path):
    source, target = tmp_path / "a.iob", tmp_path / "a.spacy"
    source.write_text("fever B-SIGN\nMay B-DATE\n")
    vocab = spacy.blank("en").vocab
    code, output = clintl("convert", "iob", source, target, "--entities", "SIGN=FINDING, DATE")
    assert code == 0, output
    [doc] = read_docbin(target, vocab)
    assert [e.label_ for e in doc.ents] == ["FINDING", "DATE"]
    assert "No entity has the label" not in output
    code, output = clintl("convert", "iob", source, target, "--entities", "SIGN")
    assert code == 0, output
    assert "unwanted 1" in output
    assert [e.label_ for e in read_docbin(target, vocab)[0].ents] == ["SIGN"]


def test_convert_tells_that_wanted_labels_are_not_there(tmp_path):
    source, target = tmp_path / "a.iob", tmp_path / "a.spacy"
    source.write_text("fever B-SIGN\nMay B-DATE\n")
    code, output = clintl("convert", "iob", source, target, "--entities", "sign=FINDING,Date")
    assert code == 0, output
    assert "No entity has the label sign, Date; labels there: DATE, SIGN" in output
    code, output = clintl("convert", "iob", source, target, "--entities", "sign,DATE")
    assert "No entity has the label sign; labels there: DATE, SIGN" in output
    source.write_text("fever O\n")
    code, output = clintl("convert", "iob", source, target, "--entities", "SIGN")
    assert (code, "label SIGN; labels there: none" in output) == (0, True)


def test_convert_gives_categories_and_no_entities(tmp_path):
    source, target = tmp_path / "a.iob", tmp_path / "a.spacy"
    source.write_text("fever B-SIGN\n")
    given = ["--no-entities", "--category", "domain/spoken", "--category", "place/ward"]
    code, output = clintl("convert", "iob", source, target, *given)
    assert code == 0, output
    assert "category domain/spoken 1" in output
    [doc] = read_docbin(target, spacy.blank("en").vocab)
    assert doc.cats == {"domain/spoken": 1.0, "place/ward": 1.0}
    assert not doc.has_annotation("ENT_IOB")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--entities", ""], "'' does not fit option --entities of"),
        (["--entities", "A,,B"], "'A,,B' does not fit option --entities of"),
        (["--entities", "A=X,A=Y"], "'A=X,A=Y' does not fit option --entities of"),
        (["--entities", "A="], "'A=' does not fit option --entities of"),
        (["--entities", "=A"], "'=A' does not fit option --entities of"),
        (["--entities", "A", "--no-entities"], "'A' does not fit option --entities beside --no-"),
        (["--category", "spoken"], "--category is 'spoken', but must be TASK/LABEL"),
    ],
)
def test_convert_names_the_option_that_does_not_fit(tmp_path, options, message):
    source, target = tmp_path / "a.iob", tmp_path / "a.spacy"
    source.write_text("fever B-SIGN\n")
    code, output = clintl("convert", "iob", source, target, *options)
    assert (code, message in output) == (1, True), output
    assert not target.exists()


def test_options_of_reading_are_none_of_writing(tmp_path):
    source, target = tmp_path / "a.iob", tmp_path / "a.spacy"
    source.write_text("fever B-SIGN\n")
    assert clintl("convert", "iob", source, target)[0] == 0
    for options in (["--entities", "SIGN"], ["--no-entities"], ["--category", "a/b"]):
        code, output = clintl("convert", "iob", target, tmp_path / "b.iob", *options)
        assert (code, f"option {options[0]} of" in output) == (1, True), output


@pytest.fixture
def pipeline(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("entity_ruler").add_patterns([{"label": "SIGN", "pattern": "fever"}])
    nlp.to_disk(tmp_path / "pipeline")
    return tmp_path / "pipeline"


@pytest.fixture
def gold(tmp_path):
    nlp = spacy.blank("en")
    docs = [nlp("fever and cough"), nlp("no fever")]
    docs[0].set_ents([Span(docs[0], 0, 1, "SIGN"), Span(docs[0], 2, 3, "SIGN")])
    docs[1].set_ents([Span(docs[1], 1, 2, "SIGN")])
    DocBin(docs=docs).to_disk(tmp_path / "gold.spacy")
    return tmp_path / "gold.spacy"


def test_evaluate_prints_tables_and_writes_all_scores(pipeline, gold, tmp_path):
    target = tmp_path / "new" / "scores.json"
    code, output = clintl("evaluate", pipeline, gold, "--output", target, "--batch-size", 1)
    assert code == 0, output
    assert "SIGN 100.00 66.67 80.00" in output
    assert "Evaluated 2 documents at" in output
    scores = json.loads(target.read_text())
    assert scores["ents_r"] == pytest.approx(2 / 3)
    assert scores["documents"] == 2
    assert scores["speed"] > 0


def test_evaluate_names_the_file_that_is_wrong(pipeline, gold, tmp_path):
    code, output = clintl("evaluate", tmp_path / "nowhere", gold)
    assert (code, "CL520" in output) == (1, True)
    code, output = clintl("evaluate", pipeline, tmp_path / "none.spacy")
    assert (code, "CL100" in output, "none.spacy" in output) == (1, True, True)
    gold.write_bytes(b"damaged")
    code, output = clintl("evaluate", pipeline, gold, "--output", tmp_path / "s.json")
    assert (code, "CL151" in output, "gold.spacy" in output) == (1, True, True)
    assert not (tmp_path / "s.json").exists()
    (pipeline / "config.cfg").write_text("[nlp]\nlang = 'en'")
    with pytest.raises(ClintlError, match="CL520"):
        load_pipeline(pipeline)


def test_tokens_of_a_source_without_spaces_are_kept(tmp_path):
    source, target = tmp_path / "a.iob", tmp_path / "a.spacy"
    source.write_text("don't B-X\nE.coli. I-X\n")
    code, output = clintl("convert", "iob", source, target)
    assert code == 0, output
    nlp = spacy.blank("en")
    docs = read_docbin(target, nlp.vocab)
    [example] = make_examples(nlp, docs)
    assert [token.text for token in example.predicted] == ["don't", "E.coli."]
    assert not example.predicted.ents
    plain = nlp("don't")
    plain.set_ents([], default="outside")
    [example] = make_examples(nlp, [plain])
    assert [token.text for token in example.predicted] == ["do", "n't"]
    assert evaluate(nlp, docs)["documents"] == 1


def test_a_warning_is_a_line_of_the_command(tmp_path):
    nlp = spacy.blank("en")
    doc = nlp("Fever since May")
    doc.set_ents([], missing=[doc[1:3]], default="outside")
    DocBin(docs=[doc]).to_disk(tmp_path / "a.spacy")
    code, output = clintl("convert", "iob", tmp_path / "a.spacy", tmp_path / "a.iob")
    assert code == 0, output
    assert "[CW161] 1 documents are annotated" in output
    assert "UserWarning" not in output
