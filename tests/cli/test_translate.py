import json
import stat

import pytest
import spacy
from typer.testing import CliRunner

from spacy_clintl.cli import app
from spacy_clintl.data.docbin import docbin_writer, read_docbin
from spacy_clintl.errors import ClintlError
from spacy_clintl.translation.choice import make_projector, make_translator
from spacy_clintl.translation.lexicon import Lexicon, LexiconTranslator
from spacy_clintl.translation.protocol import Capabilities

from ..translation.apertium import needs


def clintl(*arguments):
    result = CliRunner().invoke(app, ["translate", *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


@pytest.fixture
def folder(tmp_path):
    nlp = spacy.blank("es")
    with docbin_writer(tmp_path / "es.spacy") as add:
        for n in range(3):
            doc = nlp.make_doc(f"Paciente {n} con dolor torácico y tos secreta.")
            doc.set_ents([doc.char_span(15, 29, label="FINDING")], default="outside")
            add(doc)
    lines = "paciente\tpatient\ncon\twith\ny\tand\ndolor torácico\tchest pain\ntos\tcough\n"
    (tmp_path / "es-en.tsv").write_text(lines, encoding="utf-8")
    return tmp_path


def run(folder, *options):
    return clintl(folder / "es.spacy", folder / "en.spacy", "--from", "es", "--to", "en", *options)


@pytest.mark.parametrize("option", ["out", "--report"])
def test_what_cannot_be_written_is_one_line_before_any_work(folder, option):
    options = ["--translator", "lexicon", "--lexicon", folder / "es-en.tsv"]
    bad, out = folder / "es.spacy" / "x.spacy", folder / "en.spacy"
    if option == "out":
        out = bad
    else:
        options += [option, bad.with_suffix(".json")]
    arguments = (folder / "es.spacy", out, "--from", "es", "--to", "en", *options)
    result = CliRunner().invoke(app, ["translate", *map(str, arguments)])
    assert result.exit_code == 1
    assert isinstance(result.exception, SystemExit)
    output = " ".join(result.output.split())
    assert "CL101]" in output
    assert "es.spacy" in output
    assert not (folder / "en.spacy").exists()


def test_a_corpus_is_translated_with_cache_and_report(folder):
    options = ("--translator", "lexicon", "--lexicon", folder / "es-en.tsv")
    options += ("--cache", folder / "cache", "--report", folder / "report.json")
    code, output = run(folder, *options)
    assert code == 0, output
    assert "3 documents" in output
    assert "FINDING 3 3 0" in output
    assert "an estimate at 15 s an entity" in output
    assert "secreta" not in output
    docs = read_docbin(folder / "en.spacy", spacy.blank("en").vocab)
    assert docs[2].text == "Patient 2 with chest pain and cough secreta."
    assert docs[0].ents[0].text == "chest pain"
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["segments"]["translated"] == 3
    assert report["entities"]["labels"]["FINDING"]["kept"] == 3
    assert stat.S_IMODE((folder / "cache").stat().st_mode) == 0o600
    assert run(folder, *options)[0] == 0
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["segments"] == {
        "all": 3,
        "translated": 0,
        "known": 3,
        "failed": {},
        "masked": {},
    }


@pytest.mark.parametrize("seconds", ["nan", "-5", "inf"])
def test_bad_seconds_are_told_before_any_work(folder, seconds):
    options = ("--translator", "lexicon", "--lexicon", folder / "es-en.tsv")
    code, output = run(folder, *options, "--seconds-an-entity", seconds)
    assert (code, "CL405" in output, "--seconds-an-entity" in output) == (1, True, True)
    assert not (folder / "en.spacy").exists()


def test_an_estimate_translates_nothing(folder):
    options = ("--translator", "lexicon", "--lexicon", folder / "es-en.tsv")
    code, output = run(folder, *options, "--estimate")
    assert code == 0, output
    length = len("Paciente 0 con dolor torácico y tos secreta.")
    assert f"3 segments to translate: {3 * length} characters" in output
    assert not (folder / "en.spacy").exists()
    options += ("--cache", folder / "cache")
    run(folder, *options)
    assert "0 segments to translate" in run(folder, *options, "--estimate")[1]


def test_a_text_in_many_batches_is_translated_once(folder):
    nlp = spacy.blank("es")
    with docbin_writer(folder / "es.spacy") as add:
        for _ in range(150):
            add(nlp.make_doc("Paciente con tos."))
    options = ("--translator", "lexicon", "--lexicon", folder / "es-en.tsv")
    assert "1 segments to translate: 17 characters" in run(folder, *options, "--estimate")[1]
    code, output = run(folder, *options, "--report", folder / "report.json")
    assert code == 0, output
    segments = json.loads((folder / "report.json").read_text())["segments"]
    assert (segments["translated"], segments["known"]) == (1, 149)


def test_translator_and_projector_come_from_a_config(folder):
    (folder / "t.cfg").write_text(
        '[translator]\n@misc = "cli_test_lexicon.v1"\n\n'
        '[projector]\n@misc = "cli_test_markers.v1"\n',
        encoding="utf-8",
    )

    @spacy.registry.misc("cli_test_lexicon.v1")
    def make():
        return LexiconTranslator({("es", "en"): Lexicon({"tos": "cough"})})

    @spacy.registry.misc("cli_test_markers.v1")
    def make_projector():
        from spacy_clintl.translation.markers import MarkerProjector

        return MarkerProjector()

    code, output = run(folder, "--translator", folder / "t.cfg", "--projector", folder / "t.cfg")
    assert code == 0, output
    code, output = run(folder, "--translator", "cli_test_lexicon.v1")
    assert code == 0, output
    code, output = run(folder, "--translator", "cli_test_markers.v1")
    assert (code, "CL610" in output) == (1, True)


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (("--translator", "lexicon"), "CL609"),
        (("--translator", "marian"), "CL619"),
        (("--translator", "google"), "CL619"),
        (("--translator", "nobody"), "CL613"),
        (("--translator", "missing.cfg"), "CL100"),
        (("--min-confidence", "2"), "CL405"),
        (("--length-ratio", "2"), "CL405"),
        (("--length-ratio", "2:1"), "CL405"),
        (("--hashes-only",), "CL405"),
    ],
)
def test_bad_options_are_named(folder, options, wanted):
    code, output = run(folder, *options)
    assert code == 1
    assert wanted in output
    assert not (folder / "en.spacy").exists()


def test_bad_configs_are_named(folder):
    for content, wanted in (
        ("[other]\nx = 1\n", "CL612"),
        ("junk", "CL612"),
        ('[translator]\n@misc = "nobody.v1"\n', "CL612"),
        ("[translator]\nbatch_size = 3\n", "has no '@misc'"),
    ):
        (folder / "bad.cfg").write_text(content, encoding="utf-8")
        code, output = run(folder, "--translator", folder / "bad.cfg")
        assert code == 1
        assert wanted in output
    arguments = (folder / "es.spacy", folder / "en.txt", "--from", "es", "--to", "en")
    assert "CL140" in clintl(*arguments)[1]


def test_without_apertium_the_lexicon_is_taken_or_the_line_that_installs_it(folder, monkeypatch):
    monkeypatch.setenv("PATH", str(folder))
    code, output = run(folder)
    assert code == 1
    assert "CL600" in output
    assert "apt-get install" in output
    code, output = run(folder, "--lexicon", folder / "es-en.tsv")
    assert code == 0, output


@needs(("es", "en"))
def test_apertium_is_taken_where_it_is_installed(folder):
    code, output = run(folder, "--lexicon", folder / "es-en.tsv")
    assert code == 0, output
    doc = read_docbin(folder / "en.spacy", spacy.blank("en").vocab)[0]
    assert doc.ents[0].text == "thoracic ache"


@needs(("es", "en"))
def test_regions_of_languages_do_not_matter(folder):
    options = ("--from", "es-MX", "--to", "EN", "--lexicon", folder / "es-en.tsv")
    code, output = clintl(folder / "es.spacy", folder / "en.spacy", *options)
    assert code == 0, output
    doc = read_docbin(folder / "en.spacy", spacy.blank("en").vocab)[0]
    assert doc.ents[0].text == "thoracic ache"


def test_projectors_are_chosen_by_what_the_translator_can_do(folder):
    class Able(LexiconTranslator):
        def __init__(self, **able):
            super().__init__({("es", "en"): Lexicon({"tos": "cough"})})
            self.able = able

        def capabilities(self):
            return Capabilities(pairs=frozenset(self.lexicons), **self.able)

    links = Able(gives_links=True, keeps_markers=True)
    assert make_projector(None, links).name.endswith("ProvenanceProjector.v1")
    assert make_projector(None, Able(keeps_markers=True)).name.endswith("MarkerProjector.v1")
    assert make_projector("markers", links).needs_markers
    with pytest.raises(ClintlError, match=r"CL611.*no links"):
        make_projector("provenance", Able(keeps_markers=True))
    with pytest.raises(ClintlError, match=r"CL611.*marks"):
        make_projector("markers", Able(gives_links=True))
    with pytest.raises(ClintlError, match="CL609"):
        make_translator("lexicon", "es", "en")
