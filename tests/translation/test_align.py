import json
import warnings
from functools import lru_cache

import pytest
import spacy
from spacy.tokens import SpanGroup

from spacy_clintl.data.docbin import docbin_writer, read_docbin
from spacy_clintl.data.docs import to_doc, to_record
from spacy_clintl.data.records import ConversionCounts, Record, Span
from spacy_clintl.errors import ClintlError
from spacy_clintl.pairs import SEPARATOR, join_pair, split_pair
from spacy_clintl.translation.align import align_corpus
from spacy_clintl.translation.alignment import make_alignment_v1
from spacy_clintl.translation.alignment.links import Aligner
from spacy_clintl.translation.alignment.projector import AlignmentProjector
from spacy_clintl.translation.alignment.statistical import StatisticalAligner
from spacy_clintl.translation.pairing import LONGEST, cut_document, iter_beads, make_task
from spacy_clintl.translation.plans import LOST

from .bitexts import NOUNS, WORDS, sentence_pairs

blank = lru_cache(spacy.blank)


def annotated(text, *entities, lang="en", **more):
    """A Doc with entities as (text, label), or (texts, label) of a discontinuous one; None: not
    annotated for entities."""
    spans = []
    for part, label in entities:
        if part is None:
            continue
        parts = (part,) if isinstance(part, str) else part
        places = tuple((text.index(one), text.index(one) + len(one)) for one in parts)
        spans.append(
            Span(places[0][0], places[-1][1], label, fragments=places if parts[1:] else ())
        )
    record = Record(text, spans=spans if entities else None, **more)
    return to_doc(record, blank(lang), ConversionCounts())


NONE = (None, "")


def write(path, docs):
    with docbin_writer(path) as add:
        for doc in docs:
            add(doc)
    return path


def run(tmp_path, ours, theirs, projector=None, **settings):
    out = tmp_path / "out.spacy"
    report = align_corpus(
        write(tmp_path / "source.spacy", ours),
        write(tmp_path / "target.spacy", theirs),
        out,
        projector or make_alignment_v1(),
        **{"source": "en", "target": "es", **settings},
    )
    return read_docbin(out, blank("es").vocab), report


def entities(doc):
    return [(ent.text, ent.label_) for ent in doc.ents]


def bitext(n=60):
    """A labelled corpus of a toy language pair, its translation, and the right labels."""
    sources, targets, gold = [], [], []
    for source, target in sentence_pairs(n):
        nouns = [word for word in source if word in NOUNS]
        sources.append(annotated(" ".join(source), *((word, "SIGN") for word in nouns), NONE))
        targets.append(annotated(" ".join(target), lang="es"))
        gold.append({(WORDS[word], "SIGN") for word in nouns})
    return sources, targets, gold


def agreement(docs, gold):
    hits = sum(len(set(entities(doc)) & one) for doc, one in zip(docs, gold))
    return 2 * hits / (sum(len(doc.ents) for doc in docs) + sum(map(len, gold)))


def test_labels_are_carried_by_what_the_pairs_teach(tmp_path):
    sources, targets, gold = bitext()
    # No lexicon: all is learned from the pairs.
    docs, report = run(tmp_path, sources, targets, make_alignment_v1(embedded=False))
    assert agreement(docs, gold) > 0.97
    assert [doc.text for doc in docs] == [doc.text for doc in targets]
    counts = report.entities["SIGN"]
    assert sum(counts.values()) == sum(map(len, gold))
    assert counts["kept"] > 0.95 * sum(map(len, gold))
    assert report.segments == report.documents == report.written == 60

    class Broken(StatisticalAligner):
        def train(self, pairs, source="", target=""):
            return self.align(pairs)

    class Nothing(Aligner):
        def align(self, pairs):
            found = StatisticalAligner(embedded=False).align(pairs)
            return [type(one)(0 * one.forward, 0 * one.backward) for one in found]

    for aligner in (Broken(embedded=False), Nothing()):
        docs, _ = run(tmp_path, sources, targets, AlignmentProjector(aligner))
        assert agreement(docs, gold) < 0.8, aligner


def test_output_is_repeatable_to_the_byte(tmp_path):
    sources, targets, _ = bitext(20)
    outputs, reports = [], []
    for _ in range(2):
        _, report = run(tmp_path, sources, targets)
        outputs.append((tmp_path / "out.spacy").read_bytes())
        reports.append({**report.to_dict(), "seconds": 0})
    assert outputs[0] == outputs[1]
    assert reports[0] == reports[1]


def test_documents_are_paired_by_ids_or_in_order(tmp_path):
    sources = [
        annotated("Patient with fever.", ("fever", "SIGN"), id="a"),
        annotated("Patient with cough.", ("cough", "SIGN"), id="b"),
    ]
    targets = [annotated(f"Paciente con {word}.", lang="es", id=i) for word, i in
               (("tos", "b"), ("fiebre", "a"))]  # fmt: skip
    docs, _ = run(tmp_path, sources, targets)
    assert [entities(doc) for doc in docs] == [[("tos", "SIGN")], [("fiebre", "SIGN")]]
    assert [doc.user_data["id"] for doc in docs] == ["b", "a"]
    for doc, name in zip(targets[::-1], ("x", "y")):
        doc.user_data["id"] = name
    docs, _ = run(tmp_path, sources, targets[::-1])
    assert [entities(doc) for doc in docs] == [[("fiebre", "SIGN")], [("tos", "SIGN")]]
    assert docs[0].user_data["id"] == "x"
    targets[0].user_data["id"] = "a"
    with pytest.raises(ClintlError, match=r"CL662.*1 of the 2 documents.*source\.spacy"):
        run(tmp_path, sources, targets)


def test_documents_whose_ids_repeat_are_paired_in_their_order(tmp_path):
    words = {"fever": "fiebre", "cough": "tos", "aspirin": "aspirina", "pain": "dolor"}
    sources = [
        annotated(f"Patient with {word}.", (word, "SIGN"), id=name)
        for name, word in zip(["a", "b", "b", ""], words)
    ]
    targets = [
        annotated(f"Paciente con {word}.", lang="es", id=name)
        for name, word in [("b", "tos"), ("", "dolor"), ("b", "aspirina"), ("a", "fiebre")]
    ]
    docs, _ = run(tmp_path, sources, targets)
    assert [entities(doc) for doc in docs] == [
        [(word, "SIGN")] for word in ("tos", "dolor", "aspirina", "fiebre")
    ]
    # Sentences of documents, of which the ids are not the same on both sides.
    targets[2].user_data["id"] = "a"
    with pytest.raises(ClintlError, match=r"CL662.*3 of the 4 documents"):
        run(tmp_path, sources, targets)
    # Ids of one side only, or none in common, say nothing of the order.
    for doc in targets:
        doc.user_data["id"] = ""
    docs, _ = run(tmp_path, sources, [targets[3], *targets[:1], targets[2], targets[1]])
    assert [entities(doc)[0][0] for doc in docs] == ["fiebre", "tos", "aspirina", "dolor"]


def test_as_many_documents_are_wanted(tmp_path):
    sources = [annotated("Fever.", ("Fever", "SIGN"))] * 2
    (tmp_path / "out.spacy").write_bytes(b"old")
    with pytest.raises(ClintlError, match=r"CL660.*source\.spacy has 2.*target\.spacy has 1"):
        run(tmp_path, sources, [annotated("Fiebre.", lang="es")])
    assert (tmp_path / "out.spacy").read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "out.spacy", "source.spacy", "target.spacy"
    ]  # fmt: skip


def test_an_old_output_among_the_inputs_is_not_read(tmp_path):
    folder = tmp_path / "notes"
    folder.mkdir()
    write(folder / "a.spacy", [annotated("Fever.", ("Fever", "SIGN"))])
    target = write(tmp_path / "es.spacy", [annotated("Fiebre.", lang="es")])
    for _ in range(2):
        report = align_corpus(
            folder, target, folder / "es.spacy", make_alignment_v1(), source="en", target="es"
        )
        assert report.documents == 1


def test_the_output_is_whole_or_absent(tmp_path):
    class Breaks(AlignmentProjector):
        def project_all(self, tasks):
            raise KeyboardInterrupt

    sources, targets, _ = bitext(3)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, sources, targets, Breaks(StatisticalAligner()))
    assert not (tmp_path / "out.spacy").exists()


def test_languages_are_told_from_the_words(tmp_path):
    sources = [annotated("The patient was admitted with fever and pain in the chest.",
                         ("fever", "SIGN"))]  # fmt: skip
    targets = [annotated("La paciente ingresó con dolor en el pecho y fiebre.", lang="es")]
    docs, report = run(tmp_path, sources, targets, source=None, target=None)
    assert (report.source, report.target) == ("en", "es")
    assert entities(docs[0]) == [("fiebre", "SIGN")]
    # A language that the lexicon has not.
    targets = [annotated("Potilas otettiin osastolle kuumeen vuoksi.", lang="xx")]
    _, report = run(tmp_path, sources, targets, source=None, target=None)
    assert (report.source, report.target) == ("en", "")
    with pytest.raises(ClintlError, match="CL608"):
        run(tmp_path, sources, targets, target="qq")


def test_documents_of_several_sentences(tmp_path):
    source = "Patient with fever. No cough today. Takes aspirin 100 mg. Comes back in two days."
    target = "Paciente con fiebre. Hoy sin tos. Toma aspirina 100 mg. Vuelve en dos días."
    parts = (("fever", "SIGN"), ("cough", "SIGN"), ("aspirin 100 mg", "DRUG"))
    docs, report = run(tmp_path, [annotated(source, *parts)], [annotated(target, lang="es")])
    wanted = [("fiebre", "SIGN"), ("tos", "SIGN"), ("aspirina 100 mg", "DRUG")]
    assert entities(docs[0]) == wanted
    assert report.segments == 4
    told = docs[0].user_data["translation"]["entities"]
    assert [docs[0].text[one["start"] : one["end"]] for one in told] == [text for text, _ in wanted]
    # One sentence more, in the middle, that the source does not have.
    more = target.replace("Hoy", "El médico habló con la familia del paciente. Hoy")
    docs, report = run(tmp_path, [annotated(source, *parts)] * 2,
                       [annotated(text, lang="es") for text in (target, more)])  # fmt: skip
    assert entities(docs[1]) == wanted
    assert report.segments == 9


def test_lines_of_notes_are_paired(tmp_path):
    source = "Dx: fever, cough\nRx: aspirin\n\nAllergies: none"
    target = "Dx: fiebre, tos\nRx: aspirina\nAlergias: ninguna"
    parts = (("fever", "SIGN"), ("cough", "SIGN"), ("aspirin", "DRUG"))
    docs, report = run(tmp_path, [annotated(source, *parts)], [annotated(target, lang="es")])
    assert entities(docs[0]) == [("fiebre", "SIGN"), ("tos", "SIGN"), ("aspirina", "DRUG")]
    assert report.segments == 3
    # Lines that end where the room does are no sentences.
    cut = cut_document(annotated("The patient was seen\nwith fever. No cough\nwas reported."))
    assert [len(side.sentences) for side in cut.sides] == [2]
    assert cut.sides[0].lines == []
    # An entity across two lines holds them together.
    doc = annotated("Dx: high\nFever\nRx: aspirin", ("high\nFever", "SIGN"))
    assert [len(line) for line in cut_document(doc).sides[0].lines] == [1, 1]


def test_sides_of_pairs_stay_apart(tmp_path):
    source = join_pair("Patient with fever.", "The patient has no cough.")
    target = join_pair("Paciente con fiebre.", "El paciente no tiene tos.")
    given = annotated(source, ("fever", "SIGN"), ("cough", "SIGN"), cats={"nli/neutral": 1.0})
    docs, report = run(tmp_path, [given], [annotated(target, lang="es")])
    assert split_pair(docs[0].text) == ("Paciente con fiebre.", "El paciente no tiene tos.")
    assert entities(docs[0]) == [("fiebre", "SIGN"), ("tos", "SIGN")]
    assert docs[0].cats == {"nli/neutral": 1.0}
    assert report.segments == 2
    # An entity across both is not looked for, but told.
    given = annotated(source, (f"fever.{SEPARATOR}The patient", "ODD"), ("cough", "SIGN"))
    docs, report = run(tmp_path, [given], [annotated(target, lang="es")])
    assert entities(docs[0]) == [("tos", "SIGN")]
    assert report.entities["ODD"] == {"dropped": 1}
    # Nor are the others of both sentences called outside of entities.
    assert report.masked == {LOST: 2}
    assert {token.ent_iob_ for token in docs[0] if token.is_alpha} == {"", "B"}
    assert docs[0].user_data["translation"]["entities"][-1]["status"] == "dropped"
    # The translation of a pair that came as one text.
    whole = target.replace(SEPARATOR, " ")
    docs, _ = run(tmp_path, [annotated(source, ("cough", "SIGN"))], [annotated(whole, lang="es")])
    assert entities(docs[0]) == [("tos", "SIGN")]


def test_corpora_that_are_no_translations_are_told(tmp_path):
    drugs = ["aspirin", "ibuprofen", "omeprazole", "insulin", "heparin", "morphine", "digoxin"]
    words = ["aspirina", "ibuprofeno", "omeprazol", "insulina", "heparina", "morfina", "digoxina"]
    ours = [annotated(f"She takes {a} and {b} {n} mg.", (a, "DRUG"))
            for n, a in enumerate(drugs, 11) for b in drugs if b != a]  # fmt: skip
    theirs = [annotated(f"Toma {a} y {b} {n} mg.", lang="es")
              for n, a in enumerate(words, 11) for b in words if b != a]  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(tmp_path, ours, theirs)
        run(tmp_path, ours[:10], theirs[10:20])
    with pytest.warns(UserWarning, match=r"CW660.*source.spacy.*order"):
        run(tmp_path, ours, theirs[9:] + theirs[:9])


def test_sentences_cut_elsewhere_keep_their_entities(tmp_path):
    # The full stops of abbreviations end sentences on one side.
    target = (
        "Mujer con dolor abdominal. Rev. por sistemas normal. Trat. con omeprazol; niega "
        "paracetamol. Alta el 3 de marzo."
    )
    source = (
        "A woman with pain. It was abdominal. Her review was normal. Treated with omeprazole. "
        "She denies paracetamol. Discharged on March 3."
    )
    given = annotated(source, ("omeprazole", "DRUG"), ("paracetamol", "DRUG"))
    docs, _ = run(tmp_path, [given], [annotated(target, lang="es")])
    assert entities(docs[0]) == [("omeprazol", "DRUG"), ("paracetamol", "DRUG")]


def test_categories_and_documents_without_labels(tmp_path):
    text, other = "Patient with fever.", "Paciente con fiebre."
    own = annotated(other, ("Paciente", "OLD"), lang="es", cats={"old/task": 1.0}, id="n1",
                    meta={"ward": "3"})  # fmt: skip
    sources = [
        annotated(text, ("fever", "SIGN"), cats={"urgency/high": 1.0, "urgency/low": 0.0}),
        annotated(text, cats={"urgency/high": 1.0}),
        annotated(text, NONE),
    ]
    docs, report = run(tmp_path, sources, [own] * 3)
    assert docs[0].cats == {"urgency/high": 1.0, "urgency/low": 0.0}
    assert entities(docs[0]) == [("fiebre", "SIGN")]
    # Not annotated for entities: those of the translation stay; and so for categories.
    assert entities(docs[1]) == [("Paciente", "OLD")]
    assert docs[2].cats == {"old/task": 1.0}
    # Annotated, and there is none.
    assert entities(docs[2]) == []
    assert docs[2].has_annotation("ENT_IOB")
    assert all(doc.user_data["meta"] == {"ward": "3"} for doc in docs)
    assert report.to_dict()["entities"]["all"]["entities"] == 1
    nothing = annotated(other, lang="es")
    docs, _ = run(tmp_path, [annotated(text)], [nothing])
    assert not docs[0].has_annotation("ENT_IOB")


def test_nested_overlapping_and_discontinuous_entities(tmp_path):
    source = "Patient with high fever and dry cough."
    target = "Paciente con fiebre alta y tos seca."
    given = annotated(
        source,
        ("high fever", "SIGN"),
        ("fever", "CORE"),
        ("fever and dry cough", "GROUP"),
        (("fever", "cough"), "PARTS"),
    )
    docs, report = run(tmp_path, [given], [annotated(target, lang="es")])
    found = {one.label: target[one.start : one.end] for one in to_record(docs[0]).spans}
    assert found["SIGN"] == "fiebre alta"
    assert found["CORE"] == "fiebre"
    assert found["GROUP"].startswith("fiebre")
    assert set(report.entities) == {"SIGN", "CORE", "GROUP", "PARTS"}
    # What overlaps cannot be in doc.ents, but is kept beside it.
    assert len(docs[0].ents) < 4
    told = {one["label"]: one["status"] for one in docs[0].user_data["translation"]["entities"]}
    assert told["SIGN"] == "kept"
    assert all(sum(counts.values()) == 1 for counts in report.entities.values())


def test_sentences_that_lost_an_entity_are_masked(tmp_path):
    source = "Patient with fever. Good appetite."
    target = "El paciente. Buen apetito."
    sources = [annotated(source, ("fever", "SIGN"), ("appetite", "STATE"))]
    targets = [annotated(target, lang="es")]
    docs, report = run(tmp_path, sources, targets)
    assert report.entities["SIGN"]["dropped"] == 1
    assert sum(report.masked.values()) == 1
    assert [token.ent_iob_ for token in docs[0]] == ["", "", "", "O", "B", "O"]
    docs, report = run(tmp_path, sources, targets, mask=False)
    assert [token.ent_iob_ for token in docs[0]] == ["O", "O", "O", "O", "B", "O"]
    assert not report.masked
    # A sentence that nobody has seen in the source.
    more = target + " Se le ha dado el alta a su casa sin ningún otro tratamiento que el reposo."
    docs, report = run(tmp_path, sources[:1], [annotated(more, lang="es")])
    assert report.masked["without a counterpart in the source"] == 1
    assert {token.ent_iob_ for token in docs[0][6:]} == {""}
    # No counterpart at all.
    docs, report = run(tmp_path, sources, [annotated("", lang="es")])
    assert {label: dict(counts) for label, counts in report.entities.items()} == {
        "SIGN": {"dropped": 1},
        "STATE": {"dropped": 1},
    }


def test_what_nobody_annotated_stays_so(tmp_path):
    doc = annotated("Patient with fever. Pain and cough.", ("fever", "SIGN"))
    doc.set_ents(list(doc.ents), missing=[doc[4:]], default="outside")
    target = annotated("Paciente con fiebre. Dolor y tos.", lang="es")
    for mask in (True, False):
        docs, report = run(tmp_path, [doc], [target], mask=mask)
        assert [token.ent_iob_ for token in docs[0]] == ["O", "O", "B", "O", "", "", "", ""]
        assert report.masked == {"partly annotated in the source": 1}
    # A source without any annotation leaves that of the translation, and its gaps.
    target.set_ents([target.char_span(13, 19, "OLD")], missing=[target[4:]], default="outside")
    docs, _ = run(tmp_path, [annotated("Patient with fever. Pain and cough.")], [target])
    assert [token.ent_iob_ for token in docs[0]] == ["O", "O", "B", "O", "", "", "", ""]


def test_ids_are_carried_and_groups_of_the_translation_stay(tmp_path):
    doc = annotated("Patient with fever.", ("fever", "SIGN"))
    doc.ents = [doc.char_span(13, 18, label="SIGN", kb_id="C001", span_id="e1")]
    doc.spans["ours"] = [doc[0:1], doc[1:2]]
    target = annotated("Paciente con fiebre.", lang="es")
    part = target.char_span(0, 12, label="SECTION", kb_id="S1", span_id="s1")
    target.spans["theirs"] = SpanGroup(target, spans=[part], attrs={"scores": [0.5]})
    docs, report = run(tmp_path, [doc], [target])
    assert [(ent.text, ent.kb_id_, ent.id_) for ent in docs[0].ents] == [("fiebre", "C001", "e1")]
    assert list(docs[0].spans) == ["theirs"]
    group = docs[0].spans["theirs"]
    assert [(one.text, one.label_, one.kb_id_, one.id_) for one in group] == [
        ("Paciente con", "SECTION", "S1", "s1")
    ]
    assert list(group.attrs["scores"]) == [0.5]
    assert report.to_dict()["spans_of_groups_left_out"] == 2


def test_only_sentences_that_are_there_are_masked(tmp_path):
    sources = [annotated("Patient with fever.", ("fever", "SIGN"))] * 2
    targets = [annotated(text, lang="es") for text in ("El paciente.", "")]
    _, report = run(tmp_path, sources, targets)
    assert report.entities["SIGN"] == {"dropped": 2}
    assert report.masked == {"entity without a place": 1}


@pytest.mark.parametrize(
    ("source", "target", "part"),
    [
        ("", "", None),
        ("Patient with fever.", " \n ", "fever"),
        ("🤒 Patient \u2003 with\u00a0fever 🤒", "🤒\n\nPaciente con\u2003fiebre 🤒", "fever"),
        ("Patient with fever\x00\x1f.", "Paciente con \ufeff fiebre \u200b.", "fever"),
        ("Fever.", "المريض لديه حمى.", "Fever"),
        ("fever " * 400, "fiebre " * 400, "fever"),
    ],
)
def test_unusual_texts(tmp_path, source, target, part):
    parts = [(part, "SIGN")] if part else [NONE]
    docs, report = run(tmp_path, [annotated(source, *parts)], [annotated(target, lang="es")])
    assert docs[0].text == target
    assert report.to_dict()["entities"]["all"]["entities"] == (1 if part else 0)
    json.dumps(report.to_dict())
    for ent in docs[0].ents:
        assert ent.text == "fiebre" or "fiebre" not in target


def test_tokens_of_the_translation_stay(tmp_path):
    words = ["Paciente", "con", "fie", "bre", "al", "ta", "."]
    target = spacy.tokens.Doc(blank("es").vocab, words=words,
                              spaces=[True, True, False, True, False, False, False])  # fmt: skip
    docs, _ = run(tmp_path, [annotated("Patient with fever.", NONE)], [target])
    assert [token.text for token in docs[0]] == words


def test_texts_without_marks_are_cut(tmp_path):
    text = "fever cough " * LONGEST
    cut = cut_document(annotated(text[: 4 * LONGEST], NONE))
    assert max(end - start for start, end in cut.sides[0].sentences) <= LONGEST
    tasks = [make_task(cut, cut, *bead) for bead in iter_beads(cut, cut)]
    assert sum(len(task.source.words) for task in tasks) == len(cut.words)
