import json
import pickle
import shutil
import warnings

import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin, Span, SpanGroup
from spacy.training import Example
from spacy.util import registry

from spacy_clintl.errors import ClintlError
from spacy_clintl.pairs import join_pair
from spacy_clintl.pipeline.translation_transfer import TranslationTransfer
from spacy_clintl.translation.alignment import make_alignment_v1
from spacy_clintl.translation.lexicon import Lexicon, LexiconTranslator, make_lexicon_v1
from spacy_clintl.translation.markers import make_markers_v1
from spacy_clintl.translation.projection import KEPT, Projected, Projector
from spacy_clintl.translation.protocol import Capabilities, Translation, Translator

from ..translation.apertium import needs

PHRASES = {
    "paciente": "patient",
    "con": "with",
    "y": "and",
    "fiebre": "fever",
    "fiebre alta": "high fever",
    "dolor torácico": "chest pain",
    "tos": "cough",
    "mareo leve": "light dizziness",
    "seca": "dry",
    "toma": "takes",
    "cada # horas": "every # hours",
    "sin": "",
}
TEXT = "Paciente con fiebre alta.\nToma aspirina 100 mg cada 8 horas."
LEXICON = "spacy_clintl.LexiconTranslator.v1"
registry.misc(LEXICON, func=make_lexicon_v1)


@Language.factory("tests_urgency")
def make_urgency(nlp, name):
    def urgency(doc):
        words = {token.lower_ for token in doc}
        doc.cats["urgency/high"] = float({"fever", "aspirin"} <= words)
        doc.cats["length/words"] = float(len(doc))
        return doc

    return urgency


@Language.component("tests_groups")
def groups(doc):
    pieces = [Span(doc, n, n + 2, label="TWO") for n in range(len(doc) - 1)]
    doc.spans["two"] = SpanGroup(
        doc, name="two", spans=pieces, attrs={"scores": [0.5] * len(pieces)}
    )
    return doc


@Language.component("tests_sure")
def sure(doc):
    for ent in doc.ents:
        ent._.confidence = 0.5
    return doc


@Language.component("tests_linked")
def linked(doc):
    doc.ents = [Span(doc, ent.start, ent.end, ent.label, kb_id="Q38933") for ent in doc.ents]
    return doc


def english(*more, patterns=()):
    nlp = spacy.blank("en")
    ruler = nlp.add_pipe("entity_ruler")
    ruler.add_patterns(
        [
            # By tokens: phrases of a ruler are lost by spaCy's own to_bytes and from_bytes.
            {"label": "FINDING", "pattern": [{"LOWER": "high"}, {"LOWER": "fever"}], "id": "fever"},
            {"label": "FINDING", "pattern": [{"LOWER": "chest"}, {"LOWER": "pain"}]},
            {"label": "DRUG", "pattern": [{"LOWER": {"IN": ["aspirin", "aspirina"]}}]},
            {
                "label": "FREQUENCY",
                "pattern": [{"LOWER": {"IN": ["each", "every"]}}, {"LIKE_NUM": True}, {}],
            },
            *patterns,
        ]
    )
    for name in more or ("tests_urgency",):
        nlp.add_pipe(name)
    return nlp


@pytest.fixture
def lexicon(tmp_path):
    path = tmp_path / "es-en.tsv"
    path.write_text("".join(f"{one}\t{other}\n" for one, other in PHRASES.items()), "utf-8")
    return path


@pytest.fixture
def wrapped(tmp_path):
    path = tmp_path / "english"
    english().to_disk(path)
    return path


def spanish(wrapped=None, **settings):
    """A Spanish pipeline around a wrapped one, by a dictionary in memory unless told otherwise."""
    nlp = spacy.blank("es")
    if "lexicon" in settings:
        nlp.add_pipe("translation_transfer", config={"translator": "lexicon", **settings})
        return nlp
    settings.setdefault("translator", LexiconTranslator({("es", "en"): Lexicon(PHRASES)}))
    component = TranslationTransfer(source="es", **settings)
    component.wrap(wrapped or english())
    name = f"tests_transfer_{id(component)}"
    Language.component(name, func=component)
    nlp.add_pipe(name, name="translation_transfer")
    return nlp


def ents(doc):
    return [(ent.text, ent.label_) for ent in doc.ents]


FOUND = [("fiebre alta", "FINDING"), ("aspirina", "DRUG"), ("cada 8 horas", "FREQUENCY")]


def test_entities_and_categories_come_back():
    nlp = spanish()
    doc = nlp(TEXT)
    assert ents(doc) == FOUND
    assert doc.ents[0].ent_id_ == "fever"
    assert doc.has_annotation("ENT_IOB")
    assert {token.ent_iob_ for token in doc} == {"B", "I", "O"}
    # Of the whole document: both words stand in different sentences of the English text.
    assert doc.cats == {"urgency/high": 0.0, "length/words": 14.0}
    assert doc._.translation == "Patient with high fever.\nTakes aspirina 100 mg every 8 hours."


def test_what_is_kept_says_what_happened():
    doc = spanish()(TEXT)
    told = doc._.translation_transfer
    english_text = told["text"]
    assert [one["error"] for one in told["segments"]] == ["", ""]
    assert {(TEXT[a:b], english_text[c:d]) for a, b, c, d in told["links"]} >= {
        ("fiebre alta", "high fever"),
        ("cada 8 horas", "every 8 hours"),
        ("mg", "mg"),
    }
    assert [TEXT[slice(*span)] for span in told["untranslated"]] == ["aspirina", "mg"]
    fever, drug, often = told["entities"]
    assert (fever["status"], fever["confidence"]) == ("kept", 1.0)
    assert TEXT[slice(*fever["source"])] == "fiebre alta"
    assert english_text[slice(*fever["target"])] == "high fever"
    assert drug["status"] == "untranslated"
    assert often["label"] == "FREQUENCY"
    assert told["backend"] == LEXICON
    assert (told["from"], told["to"]) == ("es", "en")


def test_what_is_kept_survives_bytes_and_docbin():
    nlp = spanish()
    doc = nlp(TEXT)
    read = Doc(nlp.vocab).from_bytes(doc.to_bytes())
    assert read._.translation_transfer == doc._.translation_transfer
    (read,) = DocBin(docs=[doc], store_user_data=True).get_docs(nlp.vocab)
    # DocBin makes tuples of lists.
    assert json.dumps(read._.translation_transfer) == json.dumps(doc._.translation_transfer)
    assert read._.translation == doc._.translation
    assert [ent._.confidence for ent in read.ents] == [1.0, 1.0, 1.0]


def test_settings_leave_out_what_is_not_wanted():
    doc = spanish(entities=False, categories=["urgency"], keep=False)(TEXT)
    assert not doc.ents
    assert not doc.has_annotation("ENT_IOB")
    assert doc.cats == {"urgency/high": 0.0}
    assert not doc.user_data
    assert spanish(categories=[])(TEXT).cats == {}


def test_confidence_is_the_product():
    nlp = spanish(english("tests_sure", patterns=[{"label": "FINDING", "pattern": "dizziness"}]))
    doc = nlp("Paciente con fiebre alta y mareo leve")
    assert ents(doc) == [("fiebre alta", "FINDING"), ("mareo leve", "FINDING")]
    # Of what stands for "mareo leve", 14 letters, 9 are the entity's.
    shares = [one["confidence"] for one in doc._.translation_transfer["entities"]]
    assert shares == [1.0, pytest.approx(9 / 14, abs=1e-4)]
    assert [ent._.confidence for ent in doc.ents] == [0.5 * share for share in shares]


def test_links_to_knowledge_bases_come_back():
    doc = spanish(english("tests_linked"))("Paciente con fiebre alta")
    assert [ent.kb_id_ for ent in doc.ents] == ["Q38933"]


def test_function_words_that_came_along_are_cut_off():
    translator = Torn({"paciente con fiebre": "paciente=patient|con fiebre=fever"})
    patterns = [{"label": "FINDING", "pattern": "fever"}]
    doc = spanish(english(patterns=patterns), translator=translator)("paciente con fiebre")
    assert ents(doc) == [("fiebre", "FINDING")]
    assert doc._.translation_transfer["entities"][0]["status"] == "trimmed"


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_there_stays_or_gives_way(overwrite):
    nlp = spanish(overwrite=overwrite)
    doc = nlp.make_doc(TEXT)
    doc.ents = [Span(doc, 3, 4, label="OLD")]
    doc.cats = {"urgency/high": 0.25, "own/one": 1.0}
    doc.spans["two"] = []
    doc = nlp(doc)
    if overwrite:
        assert ents(doc) == FOUND
        assert doc.cats["urgency/high"] == 0.0
    else:
        assert ents(doc) == [("alta", "OLD"), *FOUND[1:]]
        assert doc.cats["urgency/high"] == 0.25
        assert doc._.translation_transfer["entities"][0]["status"] == "collided"
    assert doc.cats["own/one"] == 1.0


def test_groups_of_spans_come_back_and_may_overlap():
    doc = spanish(english("tests_groups"))("Paciente con fiebre, tos")
    group = doc.spans["two"]
    assert [span.text for span in group] == [
        "Paciente con",
        "con fiebre",
        "fiebre,",
        ", tos",
    ]
    assert group.attrs["scores"] == [0.5] * 4
    assert [one["group"] for one in doc._.translation_transfer["entities"]] == ["two"] * 4
    assert not doc.ents


class Torn(Translator):
    """Knows some sentences, and the links in them; fails at all others."""

    name = "tests.Torn"

    def __init__(self, known=()):
        self.known = dict(known)
        self.calls = []

    def capabilities(self):
        return Capabilities(gives_links=True)

    def _translate(self, texts, source, target):
        self.calls.append(list(texts))
        made = []
        for text in texts:
            if text in self.known:
                pairs, at, links = self.known[text].split("|"), 0, []
                words = []
                for pair in pairs:
                    one, _, other = pair.partition("=")
                    if one:
                        start = text.index(one)
                        links.append(((start, start + len(one)), (at, at + len(other))))
                    words.append(other)
                    at += len(other) + 1
                made.append(Translation(" ".join(words), tuple(links)))
            else:
                made.append(Translation("", error="no answer in time"))
        return made


def iobs(doc):
    return [token.ent_iob_ for token in doc]


def test_what_cannot_be_translated_is_not_annotated():
    nlp = spanish(translator=Torn({"fiebre alta.": "fiebre=high|alta.=fever"}))
    with pytest.warns(UserWarning, match="CW680.*1 of 2 segments.*no answer in time: 1") as caught:
        doc = nlp("fiebre alta.\ntos secreta.")
    assert "secreta" not in str(caught[0].message)
    assert ents(doc) == [("fiebre alta", "FINDING")]
    assert iobs(doc)[-3:] == ["", "", ""]
    assert doc._.translation == "high fever\n"
    assert [one["error"] for one in doc._.translation_transfer["segments"]] == [
        "",
        "no answer in time",
    ]
    assert doc.cats


def test_a_document_that_cannot_be_translated_stays_as_it_is():
    nlp = spanish(translator=Torn())
    with pytest.warns(UserWarning, match="CW680"):
        doc = nlp("tos secreta")
    assert not doc.has_annotation("ENT_IOB")
    assert doc.cats == {}
    assert doc._.translation == ""
    doc = nlp.make_doc("tos secreta")
    doc.ents = [Span(doc, 0, 1, label="OLD")]
    with pytest.warns(UserWarning, match="CW680"):
        assert ents(nlp(doc)) == [("tos", "OLD")]


@pytest.mark.parametrize("overwrite", [False, True])
def test_old_entities_of_untranslated_parts_stay(overwrite):
    nlp = spanish(translator=Torn({"fiebre.": "fiebre=fever|.=."}), overwrite=overwrite)
    doc = nlp.make_doc("fiebre.\ntos seca ahora")
    doc.ents = [Span(doc, 0, 1, label="OLD"), Span(doc, 3, 4, label="OLD")]
    with pytest.warns(UserWarning, match="CW680"):
        doc = nlp(doc)
    assert [ent.text for ent in doc.ents] == (["tos"] if overwrite else ["fiebre", "tos"])
    assert iobs(doc)[-2:] == ["O", "O"]  # doc.ents made them so


def test_an_entity_without_a_place_leaves_its_segment_unannotated():
    translator = Torn({"uno dos.": "uno=one|dos=two|=high|=fever|.=.", "tres.": "tres=three|.=."})
    doc = spanish(translator=translator)("uno dos.\ntres.")
    assert not doc.ents
    (told,) = doc._.translation_transfer["entities"]
    assert (told["status"], told["confidence"]) == ("dropped", 0.0)
    assert "source" not in told
    assert iobs(doc) == ["", "", "", "O", "O", "O"]
    # Nor does what gives way leave anything behind.
    nlp = spanish(translator=translator, overwrite=True)
    doc = nlp.make_doc("uno dos.\ntres.")
    doc.ents = [Span(doc, 0, 1, label="OLD")]
    assert iobs(nlp(doc)) == ["", "", "", "O", "O", "O"]


def test_torn_entities_and_collisions():
    known = {"mucha fiebre hay alta": "fiebre=high|hay=there|mucha=is"}
    patterns = [{"label": "A", "pattern": "high"}, {"label": "B", "pattern": "there is"}]
    doc = spanish(english(patterns=patterns), translator=Torn(known))("mucha fiebre hay alta")
    high, there = doc._.translation_transfer["entities"]
    assert (high["label"], high["status"]) == ("A", "kept")
    assert there["status"] == "discontinuous"
    assert len(there["fragments"]) == 2
    # The part that is not the entity's span is neither inside nor outside of one.
    assert sorted(iobs(doc)) == sorted(["B", "B", "", "O"])


def test_a_collision_leaves_its_tokens_unannotated():
    known = {"mucha fiebre hay alta": "mucha=one|fiebre=two|fiebre=three|hay=four|alta=five"}
    patterns = [{"label": "A", "pattern": "one two"}, {"label": "B", "pattern": "three four"}]
    doc = spanish(english(patterns=patterns), translator=Torn(known))("mucha fiebre hay alta")
    assert ents(doc) == [("mucha fiebre", "A")]
    assert [one["status"] for one in doc._.translation_transfer["entities"]] == ["kept", "collided"]
    assert iobs(doc) == ["B", "I", "", "O"]


def test_spans_that_meet_in_a_token_collide():
    known = {"angiotensina-renina alta": "angiotensina=one|renina=two|alta=three"}
    patterns = [{"label": "A", "pattern": "one"}, {"label": "B", "pattern": "two"}]
    nlp = spanish(english(patterns=patterns), translator=Torn(known))
    doc = nlp(Doc(nlp.vocab, words=["angiotensina-renina", "alta"]))
    assert ents(doc) == [("angiotensina-renina", "A")]
    assert [one["status"] for one in doc._.translation_transfer["entities"]] == ["kept", "collided"]


def test_an_entity_across_segments_is_found_in_both():
    known = {"dolor": "dolor=chest", "torácico": "torácico=pain"}
    nlp = spanish(
        english(patterns=[{"label": "X", "pattern": [{"LOWER": "chest"}, {}, {"LOWER": "pain"}]}]),
        translator=Torn(known),
    )
    doc = nlp("dolor\ntorácico")
    assert ents(doc) == [("dolor\ntorácico", "X")]


ODD = [
    "",
    " ",
    "\n\n\t",
    "\u2029",
    join_pair("fiebre alta", "tos \u2003 seca"),
    join_pair("", "fiebre alta"),
    "  fiebre   alta \r\n\r\n tos\u00a0seca\t",
    "😀 fiebre alta 👩🏽‍⚕️ tos 😀",
    "مريض fiebre alta السعال",
    "\u202e fiebre alta \u202c",
    "fiebre\x00alta \x07 tos",
    "to\u0301s fiebre alta",
    "fiebre alta" * 500,
    "x" * 5000,
]


def test_odd_texts():
    nlp = spanish()
    docs = list(nlp.pipe(ODD))
    assert [doc.text for doc in docs] == ODD
    for doc in docs:
        for ent in doc.ents:
            assert not ent[0].is_space
            assert not ent[-1].is_space
        assert doc._.translation is not None
        Doc(nlp.vocab).from_bytes(doc.to_bytes())
    assert all(("fiebre alta", "FINDING") in ents(docs[n]) for n in (4, 5, 7, 8, 9))
    assert docs[4]._.translation == join_pair("high fever", "cough \u2003 dry")
    assert docs[0]._.translation == ""
    assert not docs[2].ents


def test_a_batch_is_one_call():
    known = {f"tos {n}": f"tos=cough|{n}={n}" for n in range(20)}
    translator = Torn(known)
    nlp = spanish(translator=translator, batch_size=4)
    docs = list(nlp.pipe([f"{text}\n{text}" for text in known]))
    # Each text once, and four documents a call.
    assert [len(call) for call in translator.calls] == [4] * 5
    assert [doc._.translation for doc in docs[:2]] == ["cough 0\ncough 0", "cough 1\ncough 1"]
    translator.calls.clear()
    list(nlp.pipe(known, batch_size=2))
    assert len(translator.calls) == 10


def test_a_stream_is_as_one_by_one():
    nlp = spanish()
    texts = [TEXT, "tos", "", "Paciente con dolor torácico y tos seca"] * 3
    batched = list(nlp.pipe(texts))
    assert [doc.to_json() for doc in batched] == [nlp(text).to_json() for text in texts]


def test_cache_is_used(tmp_path):
    path = tmp_path / "cache.db"
    translator = Torn({"tos": "tos=cough"})
    assert spanish(translator=translator, cache=str(path))("tos")._.translation == "cough"
    assert path.stat().st_mode & 0o077 == 0
    silent = Torn()
    assert spanish(translator=silent, cache=str(path))("tos")._.translation == "cough"
    assert not silent.calls


def test_another_process_opens_the_cache_itself(tmp_path, monkeypatch):
    backend = TranslationTransfer(
        source="es",
        translator=LexiconTranslator({("es", "en"): Lexicon(PHRASES)}),
        cache=str(tmp_path / "cache.db"),
    ).backend
    cache = backend._opened_cache()
    assert backend._opened_cache() is cache
    monkeypatch.setattr("os.getpid", lambda: 0)
    assert backend._opened_cache() is not cache


def test_errors_go_to_the_handler():
    class Broken(Torn):
        def _translate(self, texts, source, target):
            if any("seca" in text for text in texts):
                raise ClintlError("refused")
            return super()._translate(texts, source, target)

    nlp = spanish(translator=Broken({"tos": "tos=cough"}), batch_size=1)
    with pytest.raises(ClintlError, match="refused"):
        list(nlp.pipe(["tos", "seca", "tos"]))
    met = []
    nlp.set_error_handler(lambda name, proc, docs, error: met.append(len(docs)))
    assert [doc.text for doc in nlp.pipe(["tos", "seca", "tos"])] == ["tos", "tos"]
    assert met == [1]


@pytest.mark.parametrize("passed_over", [False, True])
def test_one_document_does_not_take_its_batch_with_it(passed_over):
    def refuse(doc):
        if "cough" in doc.text:
            raise ValueError("no coughs")
        return doc

    inner = english()
    name = f"tests_refuse_{id(inner)}"
    Language.component(name, func=refuse)
    inner.add_pipe(name)
    if passed_over:
        inner.set_error_handler(lambda *_: None)
    asked = []

    class Counting(Torn):
        def _translate(self, texts, source, target):
            asked.extend(texts)
            return super()._translate(texts, source, target)

    nlp = spanish(inner, translator=Counting({"tos": "tos=cough"}))
    met = []
    nlp.set_error_handler(lambda name, proc, docs, error: met.append((len(docs), str(error)[:7])))
    texts = ["fiebre alta", "tos", "aspirina"]
    assert [doc.text for doc in nlp.pipe(texts)] == ["fiebre alta", "aspirina"]
    assert met == [(1, "[CL686]" if passed_over else "no coug")]
    # Services want money for each text.
    assert sorted(asked) == sorted(texts)


# Settings and what is missing


class NoLinks(Torn):
    def capabilities(self):
        return Capabilities()


class Everywhere(Projector):
    """Takes the whole text."""

    name = "tests.Everywhere"

    def project(self, source_text, target_text, entities, links=None):
        return [Projected(one.label, 0, len(target_text), KEPT, 0.5) for one in entities]


def test_translators_without_links():
    with pytest.raises(ClintlError, match=r"CL683.*tests\.Torn gives none"):
        TranslationTransfer(source="es", translator=NoLinks())
    TranslationTransfer(source="es", translator=NoLinks(), entities=False)
    known = {"fiebre": "fiebre=high|=fever"}
    doc = spanish(translator=NoLinks(known), projector=Everywhere())("fiebre")
    assert ents(doc) == [("fiebre", "FINDING")]
    assert doc.ents[0]._.confidence == 0.5


def test_alignment_from_lexicon_and_spelling_alone():
    # One text at a time gives the aligner nothing to be trained on.
    known = {
        "Paciente con fiebre alta.": "=Patient|=with|=high|=fever.",
        "Toma aspirina 100 mg.": "=Takes|=aspirin|=100|=mg.",
    }
    patterns = [{"label": "DRUG", "pattern": [{"LOWER": "aspirin"}, {}, {"LOWER": "mg"}]}]
    found = [("fiebre alta", "FINDING"), ("aspirina 100 mg", "DRUG")]
    text = "\n".join(known)
    for projector in ("alignment", make_alignment_v1()):
        nlp = spanish(english(patterns=patterns), translator=NoLinks(known), projector=projector)
        doc = nlp(text)
        assert ents(doc) == found
        assert all(0.4 < ent._.confidence < 1 for ent in doc.ents)
        told = doc._.translation_transfer
        assert "AlignmentProjector" in told["projector"]
        assert told["links"] == []
        assert [one["status"] for one in told["entities"]] == ["kept", "kept"]
        assert [ents(doc) for doc in nlp.pipe([text] * 3)] == [found] * 3


def test_projectors_that_cannot_run_backwards():
    translator = LexiconTranslator({("es", "en"): Lexicon(PHRASES)})

    class Learns(Projector):
        name = "tests.Learns"
        needs_pairs = True

    for projector, reason in (
        (make_markers_v1(), "it marks entities before"),
        ("markers", "it marks entities before"),
        (Learns(), "it learns from all the texts"),
    ):
        with pytest.raises(ClintlError, match=f"CL682.*{reason}"):
            TranslationTransfer(source="es", translator=translator, projector=projector)
    with pytest.raises(ClintlError, match=r"CL610.*projector"):
        TranslationTransfer(source="es", translator=translator, projector=3)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"translator": 3}, "CL610.*translator"),
        ({"translator": "nothing"}, "CL613"),
        ({"translator": "lexicon"}, "CL602.*'lexicon' is None"),
        ({"batch_size": 0}, "CL602.*'batch_size' is 0"),
        ({"hashes_only": True}, "CL602.*'hashes_only'"),
        ({"source": "tlh"}, "CL600.*tlh-en.*apt-get install"),
    ],
)
def test_settings_that_cannot_be_used(settings, message):
    with pytest.raises(ClintlError, match=message):
        spacy.blank("es").add_pipe("translation_transfer", config=settings)


def test_a_pair_that_the_translator_lacks():
    translator = LexiconTranslator({("fr", "en"): Lexicon(PHRASES)})
    with pytest.raises(ClintlError, match=r"CL600.*es-en.*fr-en"):
        TranslationTransfer(source="es", translator=translator)


def test_a_wrapped_pipeline_that_is_missing_or_wrong(tmp_path, lexicon):
    nlp = spanish(lexicon=str(lexicon))
    with pytest.raises(ClintlError, match="CL681"):
        nlp("tos")
    nlp = spanish(lexicon=str(lexicon), pipeline=str(tmp_path / "none"))
    with pytest.raises(ClintlError, match=r"CL680.*none"):
        nlp.initialize()
    with pytest.raises(ClintlError, match=r"CL684.*'en'.*'fr'"):
        nlp.get_pipe("translation_transfer").wrap(spacy.blank("fr"))
    nlp.get_pipe("translation_transfer").wrap(spacy.blank("xx"))


# Saving and loading


def test_saving_takes_all_along(tmp_path, lexicon, wrapped):
    nlp = spanish(lexicon=str(lexicon), pipeline=str(wrapped))
    expected = nlp(TEXT).to_json()
    assert ents(nlp(TEXT)) == FOUND
    nlp.to_disk(tmp_path / "saved")
    data = nlp.to_bytes()
    shutil.rmtree(wrapped)
    lexicon.unlink()
    for read in (
        spacy.load(tmp_path / "saved"),
        spacy.util.load_model_from_config(nlp.config).from_bytes(data),
        pickle.loads(pickle.dumps(nlp)),
    ):
        assert read(TEXT).to_json() == expected
        inner = read.get_pipe("translation_transfer").wrapped
        assert inner.vocab is not read.vocab
    # And again, from what was loaded.
    read = spacy.load(tmp_path / "saved")
    read.to_disk(tmp_path / "again")
    assert spacy.load(tmp_path / "again")(TEXT).to_json() == expected


@needs(("es", "en"))
@pytest.mark.parametrize("translator", [None, "apertium"])
def test_a_dictionary_for_what_apertium_does_not_know(tmp_path, translator):
    english(patterns=[{"label": "FINDING", "pattern": [{"LOWER": "nephrostomy"}]}]).to_disk(
        tmp_path / "wrapped"
    )
    lexicon = tmp_path / "es-en.tsv"
    lexicon.write_text("nefrostomía\tnephrostomy\n", encoding="utf-8")
    text = "El paciente tiene una nefrostomía desde ayer."
    settings = {"pipeline": str(tmp_path / "wrapped"), "translator": translator}
    without = spacy.blank("es")
    without.add_pipe("translation_transfer", config=settings)
    assert ents(without(text)) == []
    nlp = spanish(lexicon=str(lexicon), **settings)
    nlp.to_disk(tmp_path / "saved")
    data = nlp.to_bytes()
    lexicon.unlink()
    for read in (
        nlp,
        spacy.load(tmp_path / "saved"),
        spacy.util.load_model_from_config(nlp.config).from_bytes(data),
    ):
        doc = read(text)
        assert ents(doc) == [("nefrostomía", "FINDING")]
        [told] = doc._.translation_transfer["entities"]
        assert told["status"] == KEPT


def test_a_trained_pipeline_is_wrapped(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("iob_ner", config={"model": {"tok2vec": {"width": 16, "embed_size": 100}}})
    text = "Patient with high fever and cough"
    gold = {"entities": [(13, 23, "FINDING"), (28, 33, "FINDING")]}
    example = Example.from_dict(nlp.make_doc(text), gold)
    optimizer = nlp.initialize(lambda: [example])
    for _ in range(30):
        nlp.update([example], sgd=optimizer)
    english_doc = nlp(text)
    assert [ent.text for ent in english_doc.ents] == ["high fever", "cough"]
    outer = spanish(nlp)
    doc = outer("Paciente con fiebre alta y tos")
    assert ents(doc) == [("fiebre alta", "FINDING"), ("tos", "FINDING")]
    assert [ent._.confidence for ent in doc.ents] == [ent._.confidence for ent in english_doc.ents]
    outer.get_pipe("translation_transfer").to_disk(tmp_path)
    read = spanish(spacy.blank("en")).get_pipe("translation_transfer").from_disk(tmp_path)
    again = read(outer.make_doc(doc.text))
    assert again._.translation_transfer == doc._.translation_transfer
    assert [ent._.confidence for ent in again.ents] == [ent._.confidence for ent in doc.ents]


def test_saved_without_a_wrapped_pipeline(tmp_path, lexicon):
    nlp = spanish(lexicon=str(lexicon))
    nlp.to_disk(tmp_path / "saved")
    read = spacy.load(tmp_path / "saved")
    read.get_pipe("translation_transfer").wrap(english())
    assert ents(read(TEXT)) == FOUND


def test_registered_translators_in_the_config(tmp_path, lexicon, wrapped):
    config = {
        "pipeline": str(wrapped),
        "translator": {"@misc": LEXICON, "paths": {"es-en": str(lexicon)}},
    }
    nlp = spacy.blank("es")
    nlp.add_pipe("translation_transfer", config=config)
    nlp.to_disk(tmp_path / "saved")
    assert ents(spacy.load(tmp_path / "saved")(TEXT)) == FOUND
    # Files of a translator from the config stay where they are.
    lexicon.unlink()
    with pytest.raises(ClintlError, match=r"CL100.*es-en"):
        spacy.load(tmp_path / "saved")


def test_damaged_folders(tmp_path, lexicon, wrapped):
    nlp = spanish(lexicon=str(lexicon), pipeline=str(wrapped))
    nlp.to_disk(tmp_path / "saved")
    inner = tmp_path / "saved" / "translation_transfer" / "pipeline"
    (inner / "config.cfg").unlink()
    with pytest.raises(ClintlError, match="CL685"):
        spacy.load(tmp_path / "saved")
    shutil.rmtree(inner)
    with pytest.raises(ClintlError, match=r"CL685.*no such folder"):
        spacy.load(tmp_path / "saved")
    lexicon.unlink()
    english().to_disk(inner)
    (inner.parent / "lexicon.jsonl").unlink()
    with pytest.raises(ClintlError, match=r"CL100.*es-en"):
        spacy.load(tmp_path / "saved")


def test_several_processes(lexicon, wrapped, tmp_path):
    nlp = spanish(
        lexicon=str(lexicon), pipeline=str(wrapped), batch_size=2, cache=str(tmp_path / "c.db")
    )
    texts = [TEXT, "tos", "", "Paciente con dolor torácico"] * 2
    expected = [nlp(text) for text in texts]
    docs = list(nlp.pipe(texts, n_process=2, batch_size=2))
    assert [doc.to_json() for doc in docs] == [doc.to_json() for doc in expected]
    assert [doc._.translation_transfer for doc in docs] == [
        doc._.translation_transfer for doc in expected
    ]


def test_components_can_be_switched_off_and_sourced(lexicon, wrapped):
    nlp = spanish(lexicon=str(lexicon), pipeline=str(wrapped))
    with nlp.select_pipes(disable=["translation_transfer"]):
        assert not nlp(TEXT).ents
    other = spacy.blank("es")
    other.add_pipe("translation_transfer", source=nlp)
    assert ents(other(TEXT)) == FOUND


def test_training_leaves_it_alone(lexicon, wrapped):
    nlp = spanish(lexicon=str(lexicon), pipeline=str(wrapped))
    nlp.add_pipe("textcat").add_label("a")
    nlp.get_pipe("textcat").add_label("b")
    example = Example.from_dict(nlp.make_doc(TEXT), {"cats": {"a": 1.0, "b": 0.0}})
    nlp.initialize(lambda: [example])
    assert not nlp.get_pipe("translation_transfer").is_trainable
    losses = nlp.update([example], annotates=["translation_transfer"])
    assert set(losses) == {"textcat"}
    # Without gold for entities there is no score of them.
    assert nlp.evaluate([example])["ents_f"] is None


def test_entities_are_scored_unless_told_otherwise(lexicon, wrapped):
    settings = {"lexicon": str(lexicon), "pipeline": str(wrapped)}
    nlp = spanish(**settings)
    entities = [(13, 24, "FINDING")]
    example = Example.from_dict(nlp.make_doc(TEXT), {"entities": entities})
    scores = nlp.evaluate([example])
    assert scores["ents_r"] == 1.0
    assert scores["ents_p"] == pytest.approx(1 / 3)
    assert "ents_r" not in spanish(**settings, scorer=None).evaluate([example])


def test_extensions_of_the_user_stay(lexicon, wrapped):
    Doc.set_extension("translation", getter=lambda doc: "own", force=True)
    old = Span.get_extension("confidence") if Span.has_extension("confidence") else None
    Span.set_extension("confidence", getter=lambda span: 7.0, force=True)
    try:
        with pytest.warns(UserWarning, match="CW681.*confidence"):
            nlp = spanish(lexicon=str(lexicon), pipeline=str(wrapped))
        doc = nlp(TEXT)
        assert ents(doc) == FOUND
        assert doc._.translation == "own"
        assert doc._.translation_transfer["text"].startswith("Patient")
    finally:
        Doc.remove_extension("translation")
        Span.remove_extension("confidence")
        if old is not None:
            Span.set_extension("confidence", default=old[0])


@needs(("es", "en"))
def test_apertium(tmp_path, wrapped):
    nlp = english(patterns=[{"label": "FINDING", "pattern": "headache"}])
    nlp.to_disk(wrapped)
    nlp = spacy.blank("es")
    nlp.add_pipe("translation_transfer", config={"pipeline": str(wrapped)})
    text = "El paciente tiene dolor de cabeza y tos.\nToma aspirina cada 8 horas. 😀"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        (doc,) = nlp.pipe([text])
    assert doc._.translation_transfer["backend"] == "spacy_clintl.ApertiumTranslator.v1"
    assert ("dolor de cabeza", "FINDING") in ents(doc)
    assert ("cada 8 horas", "FREQUENCY") in ents(doc)
    nlp.to_disk(tmp_path / "saved")
    read = spacy.load(tmp_path / "saved")
    docs = list(read.pipe([text, text], n_process=2, batch_size=1))
    assert [ents(one) for one in docs] == [ents(doc)] * 2
    nlp.get_pipe("translation_transfer").backend.require()[0].close()
