import gzip
import json

import pytest
import spacy
from typer.testing import CliRunner

from spacy_clintl.cli import app
from spacy_clintl.data.docbin import docbin_writer
from spacy_clintl.errors import ClintlError
from spacy_clintl.translation.cognates import count_words, find_cognates, unknown_words
from spacy_clintl.translation.lexicon import Lexicon, LexiconTranslator, read_phrases

from .apertium import needs

# Words of English notes, with counts.
ENGLISH = {
    "nephrostomy": 3,
    "lymphoma": 5,
    "lymphomas": 2,
    "histological": 4,
    "erythematous": 2,
    "dysuria": 6,
    "resection": 9,
    "recession": 2,
    "perforation": 2,
    "motility": 3,
    "jejunostomy": 1,
    "spectroscopy": 2,
    "malaria": 3,
    "esophagoscopy": 1,
    "appendicitis": 2,
    "thrombopenia": 2,
    "fibrosis": 7,
    "chest": 20,
    "state": 10,
}


def cognates(*words, likeness=0.85):
    found = find_cognates(dict.fromkeys(words, 1), ENGLISH, likeness)
    return {one.source: one.target for one in found}


def test_spanish_words():
    wanted = {
        "nefrostomía": "nephrostomy",
        "linfoma": "lymphoma",
        "linfomas": "lymphomas",
        "histológica": "histological",
        "eritematosas": "erythematous",
        "disuria": "dysuria",
        "resección": "resection",
        "perforaciones": "perforation",
        "motilidad": "motility",
        "yeyunostomía": "jejunostomy",
        "fibrosis": "fibrosis",
    }
    assert cognates(*wanted) == wanted


def test_french_words():
    wanted = {
        "lymphome": "lymphoma",
        "histologiques": "histological",
        "œsophagoscopie": "esophagoscopy",
        "appendicite": "appendicitis",
        "thrombopénie": "thrombopenia",
        "perforation": "perforation",
    }
    assert cognates(*wanted, likeness=0.8) == wanted


def test_words_of_another_origin_have_none():
    assert cognates("malar", "colgajo", "engrosamiento", "saignement", "chato", "estado") == {}
    assert cognates() == {}
    assert list(find_cognates({"disuria": 1}, {})) == []


def test_how_alike_decides():
    [one] = find_cognates({"disuria": 7}, ENGLISH)
    assert (one.target, one.count) == ("dysuria", 7)
    assert one.likeness == pytest.approx(1.0)
    [other] = find_cognates({"perforaciones": 1}, ENGLISH)
    assert 0.85 <= other.likeness < 1
    assert cognates("perforaciones", likeness=1.0) == {}


def test_of_equals_the_frequent_one_is_taken():
    for counts in ({"oncologic": 3, "oncological": 1}, {"oncologic": 1, "oncological": 3}):
        [one] = find_cognates({"oncológica": 1}, counts, 0.5)
        assert one.target == max(counts, key=lambda word: counts[word])


def test_words_are_long_and_in_lower_case(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text(
        "García tuvo tos y DISURIA.\nDisuria leve; disuria, e\u0301xtasis x5fiebre\n", "utf-8"
    )
    assert count_words([path]) == {"disuria": 1, "fiebre": 1} | {"éxtasis": 1}
    path.write_text("Tos. García.", "utf-8")
    with pytest.raises(ClintlError, match=r"CL618.*notes\.txt"):
        count_words([path])


def test_what_the_translator_knows_is_left_out():
    translator = LexiconTranslator({("es", "en"): Lexicon({"fiebre": "fever"})})
    found = unknown_words({"fiebre": 3, "disuria": 2}, translator, "es", "en")
    assert found == {"disuria": 2}


@pytest.fixture
def texts(tmp_path):
    with gzip.open(tmp_path / "es.jsonl.gz", "wt", encoding="utf-8") as file:
        for text in ("Sin disuria ni nefrostomía.", "Con fiebre y disuria."):
            file.write(json.dumps({"text": text}) + "\n")
    nlp = spacy.blank("en")
    with docbin_writer(tmp_path / "en.spacy") as add:
        for _ in range(2):
            add(nlp.make_doc("No dysuria. A nephrostomy, without fever."))
        add(nlp.make_doc("Nefrostomia and nefrostomia."))
    return tmp_path


def clintl(folder, *options):
    command = ["cognates", folder / "es-en.tsv", "--texts", folder / "es.jsonl.gz"]
    command += ["--others", folder / "en.spacy", "--from", "es", "--to", "en", *options]
    result = CliRunner().invoke(app, [str(part) for part in command])
    return result.exit_code, " ".join(result.output.split())


def test_the_command(texts):
    code, output = clintl(texts, "--translator", "none")
    assert code == 0, output
    assert "2 words with a cognate" in output
    assert "disuria" not in output
    # The frequent one first; a word that stands once among the others does not count.
    assert list(read_phrases(texts / "es-en.tsv")) == [
        ("disuria", "dysuria"),
        ("nefrostomía", "nephrostomy"),
    ]
    code, output = clintl(texts, "--translator", "none", "--min-count", "1")
    assert ("nefrostomía", "nefrostomia") in list(read_phrases(texts / "es-en.tsv"))


@needs(("es", "en"))
def test_the_command_with_apertium(texts):
    code, output = clintl(texts)
    assert code == 0, output
    assert "ApertiumTranslator.v1 knows 1 of them" in output
    assert dict(read_phrases(texts / "es-en.tsv"))["nefrostomía"] == "nephrostomy"


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--likeness", "1.5"), "CL405"),
        (("--min-count", "0"), "CL405"),
        (("--translator", "nothing"), "CL613"),
        (("--from", "tlh"), "CL600"),
        (("--others", "missing.txt"), "CL100"),
    ],
)
def test_options_that_cannot_be_used(texts, options, code):
    status, output = clintl(texts, *options)
    assert status == 1
    assert code in output
    assert not (texts / "es-en.tsv").exists()
