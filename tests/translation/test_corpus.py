import json
import random
import time
from functools import lru_cache

import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from spacy_clintl.data.docbin import docbin_writer, read_docbin
from spacy_clintl.data.docs import to_doc, to_record
from spacy_clintl.data.records import ConversionCounts, Record
from spacy_clintl.data.records import Span as Entity
from spacy_clintl.errors import ClintlError
from spacy_clintl.pairs import SEPARATOR, join_pair, split_pair
from spacy_clintl.translation.cache import Cache
from spacy_clintl.translation.corpus import estimate_corpus, translate_corpus
from spacy_clintl.translation.lexicon import Lexicon, LexiconTranslator
from spacy_clintl.translation.markers import MarkerProjector
from spacy_clintl.translation.pairing import cut_document, iter_beads, make_task
from spacy_clintl.translation.plans import LOST, Filters, plan_document
from spacy_clintl.translation.projection import Projected, Projector
from spacy_clintl.translation.protocol import Capabilities, Translation
from spacy_clintl.translation.provenance import make_provenance_v1
from spacy_clintl.translation.segments import Protected, cut

PHRASES = {
    "paciente": "patient",
    "con": "with",
    "fiebre": "fever",
    "fiebre alta": "high fever",
    "dolor torácico": "chest pain",
    "tos": "cough",
    "desde hace # días": "for # days",
    "niega": "denies",
    "no": "no",
    "nada": "",
    "disnea": "dyspnea",
}


blank = lru_cache(spacy.blank)


def lexicon():
    return LexiconTranslator({("es", "en"): Lexicon(PHRASES)})


def annotated(text, *entities, lang="es", **more):
    """A Doc with entities given as (text, label); none given: not annotated for entities."""
    doc = blank(lang).make_doc(text)
    if entities:
        spans = []
        for part, label in entities:
            at = text.index(part)
            spans.append(doc.char_span(at, at + len(part), label=label))
        doc.set_ents(spans, default="outside")
    doc.cats = more.get("cats", {})
    doc.user_data.update(more.get("user_data", {}))
    return doc


def write(path, *docs):
    with docbin_writer(path) as add:
        for doc in docs:
            add(doc)
    return path


def run(tmp_path, *docs, translator=None, projector=None, **settings):
    path = write(tmp_path / "in.spacy", *docs)
    out = tmp_path / "out.spacy"
    report = translate_corpus(
        path,
        out,
        translator or lexicon(),
        projector or make_provenance_v1(),
        "es",
        "en",
        **settings,
    )
    return read_docbin(out, blank("en").vocab), report


def entities(doc):
    return [(ent.text, ent.label_) for ent in doc.ents]


def test_entities_categories_and_ids_go_along(tmp_path):
    text = "Paciente con fiebre alta desde hace 3 días.\nNiega dolor torácico."
    doc = annotated(
        text,
        ("fiebre alta", "FINDING"),
        ("desde hace 3 días", "DURATION"),
        ("dolor torácico", "FINDING"),
        cats={"diagnosis/pneumonia": 1.0},
        user_data={"id": "n1", "meta": {"patient": "p1"}},
    )
    docs, report = run(tmp_path, doc, annotated("Paciente sin ent", cats={"diagnosis/uti": 1.0}))
    assert docs[0].text == "Patient with high fever for 3 days.\nDenies chest pain."
    assert entities(docs[0]) == [
        ("high fever", "FINDING"),
        ("for 3 days", "DURATION"),
        ("chest pain", "FINDING"),
    ]
    assert docs[0].cats == {"diagnosis/pneumonia": 1.0}
    assert docs[0].user_data["id"] == "n1"
    assert docs[0].user_data["meta"] == {"patient": "p1"}
    told = docs[0].user_data["translation"]["entities"]
    assert [one["status"] for one in told] == ["kept", "kept", "kept"]
    assert docs[0].text[told[2]["start"] : told[2]["end"]] == "chest pain"
    assert not docs[1].has_annotation("ENT_IOB")
    figures = report.to_dict()
    assert figures["documents"] == {"read": 2, "written": 2}
    assert figures["entities"]["labels"]["FINDING"]["kept"] == 2
    assert figures["segments"]["all"] == 3
    assert figures["annotation_saved"]["estimate"] is True
    assert "masked" not in report.rows()[0]
    json.dumps(figures)


def test_white_space_between_segments_is_kept(tmp_path):
    text = "\n  Paciente con tos.  Niega fiebre.\n\n- tos\t\n"
    docs, _ = run(tmp_path, annotated(text, ("tos", "FINDING")))
    assert docs[0].text == "\n  Patient with cough.  Denies fever.\n\n- cough\t\n"


@pytest.mark.parametrize("edge", ["\n", "  \n", "\t", "\u00a0", "\u2003"])
def test_white_space_at_the_edge_of_an_entity_loses_nothing(tmp_path, edge):
    def spans(text, *words):
        places = [Entity(text.index(word), text.index(word) + len(word), "X") for word in words]
        return to_doc(Record(text, spans=places), blank("es"), ConversionCounts())

    given = [
        spans(f"Tos. Paciente con fiebre{edge}", f"fiebre{edge}"),
        spans(f"Tos.{edge}Fiebre", f"{edge}Fiebre"),
        spans(f"{edge}fiebre{edge}", f"{edge}fiebre{edge}"),
        spans(f"Niega {edge} tos", f" {edge} "),
    ]
    docs, report = run(tmp_path, *given)
    assert [[ent.text.lower() for ent in doc.ents] for doc in docs] == [["fever"]] * 3 + [[]]
    assert report.entities["X"] == {"kept": 3, "dropped": 1}
    # What has nothing but white space was in nobody's way.
    assert not report.masked


def test_an_entity_across_both_sides_of_a_pair_leaves_neither_annotated(tmp_path):
    text = join_pair("Paciente con tos", "Fiebre alta. Niega disnea.")
    crossing = f"tos{SEPARATOR}Fiebre"
    docs, report = run(tmp_path, annotated(text, (crossing, "X"), ("disnea", "X")))
    assert report.entities["X"] == {"dropped": 1, "kept": 1}
    assert report.masked == {LOST: 2}
    known = {token.text: token.ent_iob_ for token in docs[0]}
    assert known["cough"] == known["Patient"] == known["fever"] == ""
    assert known["dyspnea"] == "B"
    assert known["Denies"] == "O"


def test_pairs_stay_pairs(tmp_path):
    doc = annotated(join_pair("Paciente con tos.", "No fiebre"), cats={"nli/entailment": 1.0})
    docs, _ = run(tmp_path, doc)
    assert split_pair(docs[0].text) == ("Patient with cough.", "No fever")
    assert docs[0].cats == {"nli/entailment": 1.0}


def test_segments_are_never_cut_inside_an_entity():
    text = "Tos. Fiebre alta\ncada noche. Niega disnea." + SEPARATOR + "Nada"
    starts = [0, 5, 29]
    assert [text[a:b] for a, b in cut(text, starts, [])] == [
        "Tos.",
        "Fiebre alta",
        "cada noche.",
        "Niega disnea.",
        "Nada",
    ]
    protected = [(5, 27)]
    assert [text[a:b] for a, b in cut(text, starts, protected)][1] == "Fiebre alta\ncada noche."
    # Only the two sides of a pair are always cut.
    pieces = [text[a:b] for a, b in cut(text, starts, [(0, len(text))])]
    assert pieces == [text.split(SEPARATOR)[0], "Nada"]


def test_places_inside_of_entities_are_found():
    rng = random.Random(0)
    for _ in range(200):
        starts = [rng.randrange(30) for _ in range(rng.randrange(6))]
        spans = [(start, start + rng.choice((0, 1, 2, 5, 20))) for start in starts]
        for at in range(55):
            inside = any(start < at < end for start, end in spans)
            assert Protected(spans).holds(at) == inside, (spans, at)


def test_long_documents_with_many_entities_take_no_square_of_time():
    line = "Paciente con fiebre alta y tos. Dolor torácico.\n"
    text = line * 4000
    places = [(n * len(line) + at, word) for n in range(4000) for at, word in ((13, 6), (27, 3))]
    doc = to_doc(
        Record(text, spans=[Entity(at, at + n, "X") for at, n in places]),
        blank("es"),
        ConversionCounts(),
    )
    start = time.process_time()
    plan = plan_document(doc)
    assert sum(len(piece.entities) for piece in plan.pieces) == 8000
    cut = cut_document(doc)
    tasks = [make_task(cut, cut, *bead) for bead in iter_beads(cut, cut)]
    assert sum(len(task.entities) for task in tasks) == 8000
    # A second or two; half a minute when each sentence looks at each entity.
    assert time.process_time() - start < 10


@pytest.mark.parametrize("text", ["x" * 5000, "tos " * 2000, "tos\u00a0" * 2000, "a" * 1500 + " b"])
def test_long_texts_are_cut_at_blanks_outside_entities(text):
    spans = cut(text, [0], [])
    assert all(b - a <= 1000 for a, b in spans)
    assert "".join(text[a:b] for a, b in spans).split() == "".join(text.split()).split() or (
        "".join("".join(text[a:b].split()) for a, b in spans) == "".join(text.split())
    )
    entity = (900, 1300)
    assert all(not a < 900 < b < 1300 for a, b in cut(text, [0], [entity]))
    assert any(a <= 900 and b >= 1300 for a, b in cut(text, [0], [entity]))


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "\n\n",
        "😀😀 tos 😀",
        "\u05e9\u05dc\u05d5\u05dd tos \u202e\u202c",
        "tos\x00\x07\x1b fiebre",
        "tos\u2003\u00a0\u200b fiebre\u3000",
        "tos " * 20_000,
    ],
)
def test_odd_texts_come_through(tmp_path, text):
    doc = annotated(text)
    docs, report = run(tmp_path, doc, annotated("tos", ("tos", "X")))
    assert docs[-1].text == "cough"
    assert report.written == 2
    assert docs[0].text.count("cough") == text.count("tos")


def test_annotated_sentences_are_used(tmp_path):
    words = ["Tos", ".", "Fiebre"]
    doc = Doc(blank("es").vocab, words=words, sent_starts=[True, False, False])
    assert len(plan_document(doc).pieces) == 1
    doc = Doc(blank("es").vocab, words=words, sent_starts=[True, False, True])
    assert len(plan_document(doc).pieces) == 2


def test_nested_overlapping_and_discontinuous_entities_all_end_with_a_status(tmp_path):
    text = "Paciente con fiebre alta y tos"
    source = [
        {"start": 13, "end": 24, "label": "A", "id": "T1"},
        {"start": 13, "end": 19, "label": "B"},
        {"start": 20, "end": 30, "label": "C"},
        {"start": 0, "end": 30, "label": "D", "fragments": [[0, 8], [27, 30]]},
    ]
    doc = annotated(text, ("fiebre alta", "A"))
    doc.user_data["spans"] = {"source": source, "ents": [[2, 4, "A"]]}
    docs, report = run(tmp_path, doc)
    told = docs[0].user_data["translation"]["entities"]
    assert [one["label"] for one in told] == ["A", "B", "C", "D"]
    assert sum(counts.total() for counts in report.entities.values()) == 4
    assert told[3]["status"] == "discontinuous"
    # A unit of the dictionary stands for B and for a part of C, which do not overlap.
    assert [one["status"] for one in told[:3]].count("collided") == 1
    spans = {span.label: span for span in to_record(docs[0]).spans}
    assert docs[0].text[spans["A"].start : spans["A"].end] == "high fever"
    assert spans["A"].id == "T1"
    assert len(docs[0].ents) == 2


def partly_annotated(text, known, *entities):
    """A Doc of which a number of tokens are annotated, and the others are not."""
    doc = annotated(text, *entities)
    doc.set_ents(list(doc.ents), missing=[doc[known:]], default="outside")
    return doc


def test_what_nobody_annotated_stays_so(tmp_path):
    text = "Paciente con fiebre. Dolor y tos.\n\nNiega tos y fiebre."
    doc = partly_annotated(text, 4, ("fiebre", "X"))
    # An entity that somebody marked stays one, whatever is not known beside it.
    marked = [*doc.ents, Span(doc, 12, 13, "X")]
    doc.set_ents(marked, missing=[doc[4:8], doc[9:12]], default="outside")
    docs, report = run(tmp_path, doc, annotated("tos", ("tos", "X")))
    assert [token.ent_iob_ for token in docs[0]] == [
        *("O", "O", "B", "O"),
        *("", "", "", "", "O"),
        *("", "", "", "B", ""),
    ]
    assert report.masked == {"partly annotated in the source": 2}
    # And what was masked once is not 'outside' after the next translation.
    doc = annotated("Paciente con tos.\nNiega fiebre.", ("tos", "X"), ("fiebre", "X"))
    docs, _ = run(tmp_path, doc, projector=Losing())
    back = Lexicon({english: spanish for spanish, english in PHRASES.items() if english})
    again = tmp_path / "again.spacy"
    report = translate_corpus(
        tmp_path / "out.spacy",
        again,
        LexiconTranslator({("en", "es"): back}),
        make_provenance_v1(),
        "en",
        "es",
    )
    there = [[t.ent_iob_ for t in one] for one in (docs[0], *read_docbin(again, doc.vocab))]
    assert there[0] == ["", "", "", "", "O", "O", "B", "O"]
    assert there[0] == there[1]
    assert report.masked == {"partly annotated in the source": 1}


def test_white_space_alone_masks_nothing(tmp_path):
    doc = annotated("Paciente  con tos.", ("tos", "X"))
    doc.set_ents(list(doc.ents), missing=[doc[1:2]], default="outside")
    docs, report = run(tmp_path, doc)
    assert not report.masked
    assert [token.ent_iob_ for token in docs[0]][-3:] == ["O", "B", "O"]


def with_spans(text, *entities):
    """A Doc of a record, whose entities may lie within tokens."""
    spans = []
    for part, label in entities:
        at = text.index(part)
        spans.append(Entity(at, at + len(part), label))
    return to_doc(Record(text, spans=spans), blank("es"), ConversionCounts())


def test_entities_in_one_token_collide(tmp_path):
    parts = (("fiebre", "X"), ("tos", "Y"), ("dolor torácico", "X"))
    doc = with_spans("Paciente con fiebre+tos.\nNiega dolor torácico.", *parts)
    docs, report = run(tmp_path, doc)
    assert docs[0].text == "Patient with fever+cough.\nDenies chest pain."
    # What is one token for the tokenizer would be two entities, or one of the wrong size.
    assert [token.ent_iob_ for token in docs[0]] == ["O", "O", "", *"OOOBIO"]
    told = docs[0].user_data["translation"]["entities"]
    assert [one["status"] for one in told] == ["collided", "collided", "kept"]
    assert docs[0].text[told[1]["start"] : told[1]["end"]] == "cough"
    assert report.entities == {"X": {"collided": 1, "kept": 1}, "Y": {"collided": 1}}
    assert report.to_dict()["annotation_saved"]["entities_carried"] == 1
    # Those that overlap in the source do so in the target.
    docs, report = run(tmp_path, with_spans("con fiebre+tos", ("fiebre+tos", "Y"), ("fiebre", "X")))
    assert entities(docs[0]) == [("fever+cough", "Y")]
    assert report.entities == {"X": {"kept": 1}, "Y": {"kept": 1}}
    assert [span.label for span in to_record(docs[0]).spans] == ["Y", "X"]
    # The third overlaps both of those that meet.
    parts = (("fiebre+tos", "Z"), ("fiebre", "X"), ("tos", "Y"))
    docs, report = run(tmp_path, with_spans("con fiebre+tos", *parts))
    assert entities(docs[0]) == [("fever+cough", "Z")]
    assert report.entities == {"Z": {"kept": 1}, "X": {"collided": 1}, "Y": {"collided": 1}}


def test_ids_go_along_and_groups_are_counted(tmp_path):
    doc = annotated("Paciente con fiebre alta y tos.", ("fiebre alta", "X"))
    doc.ents = [Span(doc, 2, 4, "X", kb_id="C001", span_id="e1"), Span(doc, 5, 6, "X")]
    doc.spans["g"] = [doc[0:2], doc[5:6]]
    docs, report = run(tmp_path, doc, annotated("tos", ("tos", "X")))
    assert [(ent.text, ent.kb_id_, ent.id_) for ent in docs[0].ents] == [
        ("high fever", "C001", "e1"),
        ("cough", "", ""),
    ]
    assert not docs[0].spans
    assert report.to_dict()["spans_of_groups_left_out"] == 2


class Losing(Projector):
    """Loses the entity 'tos' and is unsure of 'fiebre'."""

    name = "Losing"

    def project(self, source_text, target_text, entities, links=None):
        found = make_provenance_v1().project(source_text, target_text, entities, links)
        return [
            Projected(one.label, 0, 0, "dropped", 0.0)
            if source_text[entity.start : entity.end] == "tos"
            else Projected(one.label, one.start, one.end, one.status, 0.4)
            for entity, one in zip(entities, found)
        ]


def test_segments_that_lost_an_entity_are_not_annotated(tmp_path):
    text = "Paciente con tos y fiebre.\nNiega dolor torácico."
    doc = annotated(text, ("tos", "X"), ("fiebre", "X"), ("dolor torácico", "X"))
    docs, report = run(tmp_path, doc, projector=Losing())
    assert entities(docs[0]) == [("chest pain", "X")]
    first = [token.ent_iob for token in docs[0] if token.idx < docs[0].text.index("\n")]
    assert set(first) == {0}
    assert {token.ent_iob_ for token in docs[0][-4:]} == {"B", "I", "O"}
    assert report.masked == {"entity without a place": 1}
    assert report.entities == {"X": {"dropped": 1, "masked": 1, "kept": 1}}
    figures = report.to_dict()
    assert figures["entities"]["all"]["masked"] == 1
    assert figures["annotation_saved"]["entities_carried"] == 1
    assert report.rows()[0][-1] == "masked"
    assert report.rows()[-1] == ("all", "3", "1", "0", "0", "1", "0", "0", "1")
    docs, report = run(tmp_path, doc, projector=Losing(), filters=Filters(min_confidence=0.5))
    assert entities(docs[0]) == []
    assert report.masked == {"entity without a place": 1, "confidence": 1}
    # Found, but not annotated: that saves nobody an annotation.
    assert report.entities == {"X": {"dropped": 1, "masked": 2}}
    assert report.to_dict()["annotation_saved"]["entities_carried"] == 0
    told = docs[0].user_data["translation"]["entities"]
    assert [one.get("masked", False) for one in told] == [False, True, True]
    assert [one["status"] for one in told] == ["dropped", "kept", "kept"]
    assert not docs[0].has_annotation("ENT_IOB") or all(token.ent_iob != 3 for token in docs[0])


def test_length_ratio_filters(tmp_path):
    text = "Paciente con " + "nada " * 10 + "tos.\nNiega tos."
    doc = annotated(text, ("tos", "X"))
    docs, report = run(tmp_path, doc, filters=Filters(length_ratio=(0.7, 2.0)))
    assert report.masked == {"length ratio": 1}
    assert report.entities == {"X": {"masked": 1}}
    assert entities(docs[0]) == []
    # Too short to be judged.
    assert docs[0][-2].ent_iob_ == "O"


class Failing(LexiconTranslator):
    def __init__(self, word):
        super().__init__(lexicon().lexicons)
        self.word = word
        self.asked = 0

    def _translate(self, texts, source, target):
        self.asked += len(texts)
        made = super()._translate(texts, source, target)
        return [
            Translation("", error="it died") if self.word and self.word in text else one
            for text, one in zip(texts, made)
        ]


def test_a_segment_that_fails_stops_nothing_and_a_second_run_finishes(tmp_path):
    docs = [annotated(f"Paciente {n} con tos.", ("tos", "X")) for n in range(200)]
    translator = Failing(" 77 ")
    with Cache(tmp_path / "cache") as cache:
        with pytest.raises(ClintlError, match=r"CL614.*1 of 200.*it died \(1\)"):
            run(tmp_path, *docs, translator=translator, cache=cache)
        assert not (tmp_path / "out.spacy").exists()
        assert translator.asked == 200
        translator.word = ""
        made, report = run(tmp_path, *docs, translator=translator, cache=cache)
    assert translator.asked == 201
    assert len(made) == 200
    assert (report.translated, report.known) == (1, 199)
    assert report.cost.characters == len(docs[77].text)


def test_documents_that_fail_can_be_left_out(tmp_path):
    docs = [annotated(f"Paciente {n} con tos.", ("tos", "X")) for n in range(3)]
    made, report = run(tmp_path, *docs, translator=Failing(" 1 "), drop_failed=True)
    assert [doc.text for doc in made] == ["Patient 0 with cough.", "Patient 2 with cough."]
    assert report.failed == {"it died": 1}
    with pytest.raises(ClintlError, match="CL614"):
        run(tmp_path, *docs, translator=Failing("tos"), drop_failed=True)


def test_an_interrupted_run_leaves_the_old_output(tmp_path):
    class Interrupted(LexiconTranslator):
        def _translate(self, texts, source, target):
            raise KeyboardInterrupt

    run(tmp_path, annotated("tos", ("tos", "X")))
    before = (tmp_path / "out.spacy").read_bytes()
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, annotated("tos"), translator=Interrupted(lexicon().lexicons))
    assert (tmp_path / "out.spacy").read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.spacy", "out.spacy"]


def test_markers_project_where_there_are_no_links(tmp_path):
    class Marked(LexiconTranslator):
        def capabilities(self):
            return Capabilities(keeps_markers=True, pairs=frozenset(self.lexicons))

        def _translate(self, texts, source, target):
            made = super()._translate(texts, source, target)
            return [Translation(one.text, untranslated=one.untranslated) for one in made]

    text = "Paciente con dolor torácico y tos."
    doc = annotated(text, ("dolor torácico", "X"), ("tos", "Y"))
    docs, report = run(
        tmp_path, doc, translator=Marked(lexicon().lexicons), projector=MarkerProjector()
    )
    assert docs[0].text == "Patient with chest pain y cough."
    assert entities(docs[0]) == [("chest pain", "X"), ("cough", "Y")]
    assert report.entities["X"] == {"kept": 1}
    assert report.entities["Y"] == {"kept": 1}
    doc = annotated("Niega tos, astenia y fiebre", ("tos", "Y"), ("astenia", "X"), ("fiebre", "Y"))
    docs, report = run(
        tmp_path, doc, translator=Marked(lexicon().lexicons), projector=MarkerProjector()
    )
    assert entities(docs[0]) == [("cough", "Y"), ("astenia", "X"), ("fever", "Y")]
    assert report.entities["X"] == {"untranslated": 1}
    assert report.entities["Y"] == {"kept": 2}


def test_a_projector_that_learns_sees_all_pairs_first(tmp_path):
    class Learning(Projector):
        name = "Learning"
        needs_pairs = True

        def prepare(self, pairs, source, target):
            self.pairs, self.languages = list(pairs), (source, target)

        def project(self, source_text, target_text, entities, links=None):
            assert len(self.pairs) == 130
            return make_provenance_v1().project(source_text, target_text, entities, links)

    projector = Learning()
    docs = [annotated(f"tos {n}", ("tos", "X")) for n in range(130)]
    made, _ = run(tmp_path, *docs, projector=projector)
    assert len(made) == 130
    assert projector.pairs[5] == ("tos 5", "cough 5")
    assert projector.languages == ("es", "en")


def test_progress_counts_documents(tmp_path):
    told = []
    docs = [annotated("tos") for _ in range(130)]
    run(tmp_path, *docs, progress=lambda done, total: told.append((done, total)))
    assert told == [(64, 130), (128, 130), (130, 130)]


def test_an_old_output_among_the_inputs_is_not_read(tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    write(folder / "a.spacy", annotated("Paciente con tos.", ("tos", "X")))
    translated = []
    settings = (lexicon(), make_provenance_v1(), "es", "en")
    for _ in range(2):
        report = translate_corpus(folder, folder / "en.spacy", *settings)
        translated.append((report.documents, read_docbin(folder / "en.spacy", Vocab())[0].text))
    assert translated == [(1, "Patient with cough.")] * 2
    # An output of several files, too.
    (folder / "en.spacy").rename(tmp_path / "part-00000.spacy")
    (folder / "en.spacy").mkdir()
    (tmp_path / "part-00000.spacy").rename(folder / "en.spacy" / "part-00000.spacy")
    n, _ = estimate_corpus(folder, *settings, out=folder / "en.spacy")
    assert n == 1
    assert translate_corpus(folder, folder / "en.spacy", *settings).documents == 1
    # A file may be replaced by its translation, though a folder without any other holds nothing.
    (folder / "a.spacy").unlink()
    with pytest.raises(ClintlError, match="CL161"):
        translate_corpus(folder, folder / "en.spacy", *settings)
    path = write(tmp_path / "b.spacy", annotated("tos"))
    translate_corpus(path, path, *settings)
    assert read_docbin(path, Vocab())[0].text == "cough"
    with pytest.raises(ClintlError, match="CL152"):
        translate_corpus(write(tmp_path / "none.spacy"), tmp_path / "o.spacy", *settings)


def test_bad_languages_and_files_are_named(tmp_path):
    path = write(tmp_path / "in.spacy", annotated("tos"))
    with pytest.raises(ClintlError, match=r"CL608.*'qq'"):
        translate_corpus(path, tmp_path / "o.spacy", lexicon(), make_provenance_v1(), "qq", "en")
    with pytest.raises(ClintlError, match=r"CL600.*es-fr"):
        translate_corpus(path, tmp_path / "o.spacy", lexicon(), make_provenance_v1(), "es", "fr")
    with pytest.raises(ClintlError, match="CL100"):
        translate_corpus(
            tmp_path / "no", tmp_path / "o.spacy", lexicon(), make_provenance_v1(), "es", "en"
        )
