import pytest

from spacy_clintl.errors import ClintlError
from spacy_clintl.translation.alignment.bitext import Bitext
from spacy_clintl.translation.alignment.seed import (
    SeedLexicon,
    embedded_columns,
    embedded_lexicon,
    guess_language,
    read_parallel,
    read_seed_lexicon,
)


def cells(lexicon, source, target):
    bitext = Bitext([(source, target)])
    found = lexicon.cells(bitext)
    return {
        (bitext.source.words[bitext.cell_source[n]], bitext.target.words[bitext.cell_target[n]]): v
        for n, v in enumerate(found)
        if v
    }


def test_a_lexicon_knows_inflected_forms_and_compounds():
    lexicon = SeedLexicon([("committee", "Ausschuß"), ("in", "im")])
    found = cells(
        lexicon,
        ["Committees", "in", "india"],
        ["Ausschusses", "Umweltausschuß", "ausschuß", "immer"],
    )
    assert set(found) == {("committees", "umweltausschuß"), ("committees", "ausschuß")}
    assert found["committees", "ausschuß"] > found["committees", "umweltausschuß"]


def test_the_embedded_lexicon_has_both_directions():
    assert ("pain", "schmerz") in embedded_lexicon("en", "de").pairs
    assert ("schmerz", "pain") in embedded_lexicon("de", "en").pairs
    assert ("dolor", "douleur") in embedded_lexicon("es", "fr").pairs
    assert len(embedded_lexicon("en", "xx")) == 0
    columns = embedded_columns()
    assert list(columns) == ["en", "es", "de", "it", "fr"]
    assert all(cell.strip() for column in columns.values() for cell in column)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The patient was admitted with chest pain and fever .", "en"),
        ("La paciente fue ingresada con dolor en el pecho y fiebre .", "es"),
        ("Die Patientin wurde mit Schmerzen in der Brust aufgenommen .", "de"),
        ("La paziente è stata ricoverata con dolore al torace e febbre .", "it"),
        ("La patiente a été admise avec une douleur et de la fièvre .", "fr"),
        ("Potilas otettiin osastolle rintakivun vuoksi .", None),
        ("130/80 !", None),
    ],
)
def test_languages_are_told(text, language):
    assert guess_language(text.split()) == language


def test_files_of_two_columns(tmp_path):
    path = tmp_path / "seed.tsv"
    path.write_text("# a remark\nchest pain\tdolor torácico,dolor de pecho\n\nfever\tfiebre\n")
    assert ("pain", "torácico") in read_seed_lexicon(path).pairs
    path.write_text("He has a fever.\tTiene fiebre.\n")
    assert read_parallel(path) == [(["He", "has", "a", "fever", "."], ["Tiene", "fiebre", "."])]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"fever\n", "CL652"),
        (b"a\tb\nc\t\n", "CL652"),
        (b"\n# x\n", "CL653"),
        (b"\xff\xfe\xfa", "CL651"),
    ],
)
def test_bad_files_are_named(tmp_path, content, code):
    path = tmp_path / "seed.tsv"
    path.write_bytes(content)
    with pytest.raises(ClintlError, match=rf"{code}.*seed\.tsv"):
        read_seed_lexicon(path)
    with pytest.raises(ClintlError, match="CL651"):
        read_parallel(tmp_path / "missing.tsv")
