from contextlib import closing
from dataclasses import replace

import pytest

from spacy_clintl.errors import ClintlError
from spacy_clintl.translation.choice import make_translator
from spacy_clintl.translation.glossed import GlossedTranslator, make_glossed_v1
from spacy_clintl.translation.lexicon import Lexicon, LexiconTranslator
from spacy_clintl.translation.protocol import Capabilities, Link, Segment, Translation, Translator

from .apertium import needs

KNOWN = Lexicon({"paciente": "patient", "con": "with", "y": "and"})
TERMS = Lexicon({"nefrostomía": "nephrostomy", "paciente": "sick person", "disuria": "dysuria"})


def glossed(inner=None, terms=TERMS):
    inner = inner or LexiconTranslator({("es", "en"): KNOWN})
    return GlossedTranslator(inner, {("es", "en"): terms} if terms else {})


def translate(text, translator=None):
    return next((translator or glossed()).translate([Segment(text)], "es", "en"))


class Fixed(Translator):
    """Gives one translation, whatever the text."""

    name = "fixed"

    def __init__(self, made):
        self.made = made

    def capabilities(self):
        return Capabilities(gives_links=self.made.links is not None)

    def _translate(self, texts, source, target):
        return [self.made for _ in texts]


def test_words_that_were_left_are_looked_up_and_links_stay_exact():
    text = "  Paciente con Nefrostomía, hiperplasia y disuria."
    made = translate(text)
    # Known words keep the translation they had, though the dictionary has another.
    assert made.text == "  Patient with Nephrostomy, hiperplasia and dysuria."
    assert [text[slice(*span)] for span in made.untranslated] == ["hiperplasia"]
    assert [(text[slice(*a)], made.text[slice(*b)]) for a, b in made.links] == [
        ("Paciente", "Patient"),
        ("con", "with"),
        ("Nefrostomía", "Nephrostomy"),
        (",", ","),
        ("hiperplasia", "hiperplasia"),
        ("y", "and"),
        ("disuria", "dysuria"),
        (".", "."),
    ]


def test_words_that_moved_are_found_by_their_links():
    text = "absceso hepático"
    links = (Link((8, 16), (0, 8)), Link((0, 7), (9, 16)))
    made = Translation("hepático absceso", links, untranslated=((0, 7), (8, 16)))
    terms = Lexicon({"absceso": "abscess", "hepático": "hepatic"})
    done = translate(text, glossed(Fixed(made), terms))
    assert done.text == "hepatic abscess"
    assert done.links == (Link((8, 16), (0, 7)), Link((0, 7), (8, 15)))
    assert done.untranslated == ()


def test_words_without_a_place_of_their_own_are_left():
    text = "absceso hepático"
    terms = Lexicon({"absceso": "abscess", "hepático": "hepatic"})
    merged = (Link((0, 7), (0, 16)), Link((8, 16), (0, 16)))
    torn = (Link((0, 7), (0, 3)), Link((0, 7), (3, 7)))
    for links in (merged, torn, ()):
        made = Translation("absceso hepático", links, untranslated=((0, 7),))
        done = translate(text, glossed(Fixed(made), terms))
        assert replace(done, backend="", version="") == made


def test_empty_entries_and_errors_change_nothing():
    assert translate("disuria", glossed(terms=Lexicon({"disuria": ""}))).text == "disuria"
    failed = Translation("", links=(), error="no answer")
    assert translate("disuria", glossed(Fixed(failed))).error == "no answer"
    assert translate("disuria", glossed(terms=None)).text == "disuria"
    assert translate("").text == ""


def test_the_fingerprint_follows_the_dictionary():
    prints = {
        made.fingerprint("es", "en")
        for made in (glossed(), glossed(terms=KNOWN), glossed(terms=None))
    }
    assert len(prints) == 3


def test_a_translator_without_links_is_refused():
    with pytest.raises(ClintlError, match="CL617"):
        glossed(Fixed(Translation("x")))


@needs(("es", "en"))
def test_with_apertium(tmp_path):
    path = tmp_path / "es-en.tsv"
    path.write_text("nefrostomía\tnephrostomy\n", encoding="utf-8")
    for what in (None, "apertium"):
        translator = make_translator(what, "es", "en", lexicon=path)
        text = "El paciente tiene una nefrostomía desde ayer."
        made = translate(text, translator)
        translator.close()
        assert "nephrostomy" in made.text
        assert made.untranslated == ()
        [link] = [one for one in made.links if text[slice(*one.source)] == "nefrostomía"]
        assert made.text[slice(*link.target)] == "nephrostomy"
    with closing(make_glossed_v1(make_translator("apertium", "es", "en"), {"es-en": path})) as made:
        assert "nephrostomy" in translate(text, made).text
