import gzip
import itertools

import pytest

from spacy_clintl.errors import ClintlError
from spacy_clintl.translation.lexicon import Lexicon, LexiconTranslator, make_lexicon_v1
from spacy_clintl.translation.protocol import Segment

PHRASES = {
    "fiebre": "fever",
    "fiebre alta": "high fever",
    "desde hace # días": "for # days",
    "c/#h": "q#h",
    "no": "no",
    "se": "",
    "motivo de consulta": "chief complaint",
    "dolor torácico": "chest pain",
    "como": "as",
    "cómo": "how",
    "d'": "of",
    "état": "state",
    "TEP": "PE",
}


def translate(text, phrases=None):
    translator = LexiconTranslator({("es", "en"): Lexicon(phrases or PHRASES)})
    return next(translator.translate([Segment(text)], "es", "en"))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("fiebre", "fever"),
        ("Fiebre  alta.", "High fever."),
        ("fiebre desde hace 12 días", "fever for 12 days"),
        ("no se fiebre", "no fever"),
        ("c/24h", "q24h"),
        ("MOTIVO DE CONSULTA: dolor toracico", "CHIEF COMPLAINT: chest pain"),
        ("como fiebre", "as fever"),
        ("cómo fiebre", "how fever"),
        ("Cómo", "How"),
        ("TEP", "PE"),
        ("d'état", "of state"),
        ("2,5 mg # 3", "2,5 mg # 3"),
        ("do\u0301lor tora\u0301cico", "chest pain"),
        ("😀 \u05e9\u05dc fiebre\u00a0alta", "😀 \u05e9\u05dc high fever"),
        ("fie\u00adbre alta", "high fever"),
    ],
)
def test_longest_match_with_case_accents_and_numbers(text, wanted):
    assert translate(text).text == wanted


@pytest.mark.parametrize(
    ("text", "wanted", "untranslated"),
    [
        ("diabetes tipo 2", "type 2 diabetes", []),
        ("diabetes tipo 1", "diabetes tipo 1", ["diabetes", "tipo"]),
        ("DM2, DM1", "T2DM, DM1", ["DM"]),
        ("vitamina B6", "vitamina B6", ["vitamina", "B"]),
        ("vitamina B12 500 mg", "500 mg of vitamin B12", []),
        ("vitamina B6 500 mg", "vitamina B6 500 mg", ["vitamina", "B", "mg"]),
        ("L5 y L4", "fifth lumbar vertebra y L4", ["y", "L"]),
        ("1 sobre, 2 sobres, 3 sobres", "one sachet, 2 sachets, three sachets", []),
    ],
)
def test_a_number_of_a_phrase_is_no_other_number(text, wanted, untranslated):
    phrases = {
        "diabetes tipo 2": "type 2 diabetes",
        "DM2": "T2DM",
        "vitamina B12 # mg": "# mg of vitamin B12",
        "L5": "fifth lumbar vertebra",
        "1 sobre": "one sachet",
        "# sobres": "# sachets",
        "3 sobres": "three sachets",
    }
    made = translate(text, phrases)
    assert made.text == wanted
    assert [text[a:b] for a, b in made.untranslated] == untranslated


def test_links_are_exact_and_cover_everything_but_white_space():
    text = "No fiebre  alta, xyz desde hace 3 días"
    made = translate(text)
    pairs = [(text[a:b], made.text[c:d]) for (a, b), (c, d) in made.links]
    assert pairs == [
        ("No", "No"),
        ("fiebre  alta", "high fever"),
        (",", ","),
        ("xyz", "xyz"),
        ("desde hace 3 días", "for 3 days"),
    ]
    assert [text[a:b] for a, b in made.untranslated] == ["xyz"]
    covered = {at for (_, (c, d)) in made.links for at in range(c, d)}
    assert all(made.text[at].isspace() for at in set(range(len(made.text))) - covered)


def test_huge_text_takes_no_time():
    assert len(translate("fiebre alta " * 20_000).links) == 20_000


def test_files_of_both_kinds(tmp_path):
    (tmp_path / "a.tsv").write_text(
        "# remark\nfiebre\tfever\n\n# sobres\t# sachets\n", encoding="utf-8"
    )
    with gzip.open(tmp_path / "b.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write('{"source": "fièvre", "target": "fever"}\n')
    translator = make_lexicon_v1(
        {"es-en": tmp_path / "a.tsv", "fr-en": str(tmp_path / "b.jsonl.gz")}
    )
    assert translator.capabilities().pairs == {("es", "en"), ("fr", "en")}
    assert next(translator.translate([Segment("FIEVRE")], "fr", "en")).text == "FEVER"
    assert next(translator.translate([Segment("2 sobres")], "es", "en")).text == "2 sachets"
    assert translator.fingerprint("es", "en") != translator.fingerprint("fr", "en")
    with pytest.raises(ClintlError, match="CL600"):
        translator.translate([], "en", "es")


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("a.tsv", "fiebre fever\n", "CL604.*line 1"),
        ("a.tsv", "fiebre\tfever\n\tx\n", "CL604.*line 2"),
        ("a.jsonl", '{"source": 1, "target": ""}\n', "CL604"),
        ("a.jsonl", "[]\n", "CL604"),
        (
            "a.jsonl",
            '{"source": "x", "target": "y"}\n{"source": "fiebre", "target": "f\\ud800"}\n',
            "CL604.*line 2",
        ),
        ("a.jsonl", '{"source": "fiebre \\udc00", "target": "fever"}\n', "CL604.*line 1"),
        ("a.jsonl", '{"source": "fiebre", "target": "fe\\nver"}\n', "CL604.*line 1"),
        ("a.jsonl", '{"source": "fiebre", "target": "fe\\u0000ver"}\n', "CL604.*line 1"),
        ("a.tsv", "fiebre\tfe\x00ver\n", "CL604.*line 1"),
        ("a.tsv", "fiebre\tfe\u2028ver\n", "CL604.*line 1"),
        ("a.csv", "a,b\n", "CL603"),
        ("a.tsv", b"fi\xffbre\tfever\n", "CL136"),
        ("a.tsv.gz", b"no gzip", "CL136"),
    ],
)
def test_bad_files_are_named(tmp_path, name, content, code):
    data = content if isinstance(content, bytes) else content.encode()
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ClintlError, match=code) as caught:
        make_lexicon_v1({"es-en": tmp_path / name})
    assert name in str(caught.value)
    assert "fiebre" not in str(caught.value)


def test_the_order_of_phrases_changes_nothing():
    rows = [("Fiebre", "A"), ("fiebre", "B"), ("fiébre", "C"), ("FiEbre", "D")]
    orders = [Lexicon(dict(order)) for order in itertools.permutations(rows)]
    assert len({lexicon.version for lexicon in orders}) == 1
    for text, wanted in (("FIEBRE", "B"), ("Fiebre", "A"), ("fiebre", "B"), ("fièbre", "B")):
        tokens = [text]
        found = {lexicon.longest_match(["fiebre"], tokens, 0)[2] for lexicon in orders}
        assert found == {wanted}
    assert orders[0].version != Lexicon({**dict(rows), "fiebre": "E"}).version
    assert Lexicon({"a\tb": "c"}).version != Lexicon({"a": "b\tc"}).version


def test_white_space_around_a_phrase_does_not_count(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"source": "fiebre\\n", "target": " fever\\r\\n"}\n', encoding="utf-8")
    translator = make_lexicon_v1({"es-en": path})
    assert next(translator.translate([Segment("fiebre")], "es", "en")).text == "fever"


def test_bad_settings(tmp_path):
    with pytest.raises(ClintlError, match="CL100"):
        make_lexicon_v1({"es-en": tmp_path / "none.tsv"})
    with pytest.raises(ClintlError, match="CL602"):
        make_lexicon_v1({"esen": tmp_path / "none.tsv"})
