import unicodedata

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_clintl.data.docs import Policy, to_doc, to_record
from spacy_clintl.data.records import ConversionCounts, Record, Span
from spacy_clintl.errors import ClintlError


@pytest.fixture(scope="module")
def nlp():
    return spacy.blank("en")


def through_docbin(doc, vocab):
    data = DocBin(docs=[doc], store_user_data=True).to_bytes()
    return next(iter(DocBin().from_bytes(data).get_docs(vocab)))


def entities(doc):
    return [(ent.text, ent.label_) for ent in doc.ents]


def test_missing_and_empty_annotation_stay_apart_in_a_docbin(nlp):
    counts = ConversionCounts()
    missing = through_docbin(to_doc(Record("no fever"), nlp, counts), nlp.vocab)
    empty = through_docbin(to_doc(Record("no fever", spans=[], cats={}), nlp, counts), nlp.vocab)
    assert not missing.has_annotation("ENT_IOB")
    assert empty.has_annotation("ENT_IOB")
    assert not empty.ents
    assert counts.documents == 2
    assert counts.documents_with_entities_annotated == 1
    assert counts.documents_with_categories_annotated == 1


def test_cats_id_and_meta_survive_a_docbin(nlp):
    record = Record(
        "Fieber.", cats={"field/a/b": 1.0, "field/c": 0.0}, id="n1", meta={"lang": "de", "x": [1]}
    )
    counts = ConversionCounts()
    doc = through_docbin(to_doc(record, nlp, counts), nlp.vocab)
    assert doc.cats == {"field/a/b": 1.0, "field/c": 0.0}
    assert doc.user_data["id"] == "n1"
    assert doc.user_data["meta"]["lang"] == "de"
    assert counts.categories == {"field/a/b": 1}


@pytest.mark.parametrize(
    "text",
    [
        "  two  spaces\tand\n\na tab ",
        "10\u00a0mg\u202f/\u00a0d",
        unicodedata.normalize("NFD", "crème brûlée à l'hôpital"),
        "pain 🤕👨‍👩‍👧 since\u2028Monday",
        "",
    ],
)
def test_text_is_kept_to_the_character(nlp, text):
    doc = to_doc(Record(text, spans=[]), nlp, ConversionCounts())
    assert doc.text == text
    assert through_docbin(doc, nlp.vocab).text == text


def test_entities_count_characters_not_bytes(nlp):
    text = "🤕 " + unicodedata.normalize("NFD", "fièvre") + "\u00a0élevée"
    start = text.index("f")
    counts = ConversionCounts()
    doc = to_doc(Record(text, spans=[Span(start, len(text), "SIGN")]), nlp, counts)
    assert entities(doc) == [(text[2:], "SIGN")]
    assert (counts.snapped, counts.dropped, counts.trimmed) == (0, 0, 0)


@pytest.mark.parametrize(("policy", "found"), [("snap", [("100mg/day", "DOSE")]), ("drop", [])])
def test_entities_off_token_borders(nlp, policy, found):
    record = Record("took 100mg/day", spans=[Span(5, 10, "DOSE")])
    counts = ConversionCounts()
    record = Record(
        record.text, spans=record.spans, tokens=["took", "100mg/day"], spaces=[True, False]
    )
    doc = to_doc(record, nlp, counts, Policy(policy))
    assert entities(doc) == found
    assert doc.has_annotation("ENT_IOB")
    assert (counts.snapped, counts.dropped) == ((1, 0) if found else (0, 1))


def test_edge_whitespace_is_trimmed_and_entities_of_whitespace_dropped(nlp):
    text = "mild\u00a0 fever \n today"
    spans = [Span(4, 14, "SIGN"), Span(11, 14, "SIGN"), Span(3, 3, "SIGN")]
    counts = ConversionCounts()
    doc = to_doc(Record(text, spans=spans), nlp, counts)
    assert entities(doc) == [("fever", "SIGN")]
    assert (counts.trimmed, counts.dropped, counts.snapped) == (1, 2, 0)


def test_the_longest_of_overlapping_entities_is_kept(nlp):
    spans = [Span(0, 5, "A"), Span(0, 12, "B"), Span(6, 12, "A"), Span(13, 18, "A")]
    counts = ConversionCounts()
    doc = to_doc(Record("acute kidney fails", spans=spans), nlp, counts)
    assert entities(doc) == [("acute kidney", "B"), ("fails", "A")]
    assert counts.overlapping == 2
    assert counts.entities == {"A": 1, "B": 1}


def test_given_tokens_are_kept_and_their_spaces_marked_unknown(nlp):
    record = Record("Parkinson 's disease", tokens=["Parkinson", "'s", "disease"], spans=[])
    doc = through_docbin(to_doc(record, nlp, ConversionCounts()), nlp.vocab)
    assert [token.text for token in doc] == record.tokens
    assert doc.has_unknown_spaces
    known = Record("Parkinson's", tokens=["Parkinson", "'s"], spaces=[False, False])
    doc = to_doc(known, nlp, ConversionCounts())
    assert (doc.text, doc.has_unknown_spaces) == ("Parkinson's", False)


def test_an_empty_document(nlp):
    counts = ConversionCounts()
    doc = through_docbin(to_doc(Record("", spans=[], cats={"a/b": 0}), nlp, counts), nlp.vocab)
    assert isinstance(doc, Doc)
    assert len(doc) == 0
    assert doc.cats == {"a/b": 0.0}


def test_bad_offsets_and_policies_are_errors(nlp):
    with pytest.raises(ClintlError, match=r"notes:7.*2-99") as caught:
        to_doc(Record("secret", spans=[Span(2, 99, "A")], where="notes:7"), nlp, ConversionCounts())
    assert "secret" not in str(caught.value)
    with pytest.raises(ClintlError, match="CL141"):
        to_doc(Record("x"), nlp, ConversionCounts(), Policy("grow"))


def test_counts_fit_into_json():
    counts = ConversionCounts()
    counts.skip("a.jsonl:3", "no text")
    counts.entities.update("ba")
    data = counts.to_dict()
    assert data["skipped"] == [{"where": "a.jsonl:3", "reason": "no text"}]
    assert list(data["entities"]) == ["a", "b"]


DISCONTINUOUS = Span(
    0, 20, "SIGN", fragments=((0, 4), (14, 20)), id="T1", attributes={"x": [1]}, notes=("why",)
)


@pytest.mark.parametrize(
    ("policy", "found", "dropped"),
    [("hull", ["pain in arm and should"], 0), ("longest", ["should"], 0), ("drop", [], 1)],
)
def test_discontinuous_entities(nlp, policy, found, dropped):
    text = "pain in arm and should"
    span = Span(0, 22, "SIGN", fragments=((0, 4), (16, 22)))
    counts = ConversionCounts()
    doc = to_doc(Record(text, spans=[span]), nlp, counts, Policy(discontinuous=policy))
    assert [ent.text for ent in doc.ents] == found
    assert (counts.discontinuous, counts.dropped) == (1, dropped)
    # Whatever the Doc can hold, the source is not lost.
    assert to_record(through_docbin(doc, nlp.vocab)).spans == [span]
    with pytest.raises(ClintlError, match=r"CL141.*discontinuous.*hull, longest, drop"):
        Policy(discontinuous="all")


def test_a_doc_gives_its_record_back(nlp):
    record = Record(
        "pain in arm, no shoulder. Fever",
        cats={"a/b": 1.0},
        spans=[DISCONTINUOUS, Span(5, 11, "PART"), Span(8, 9, "LETTER"), Span(26, 31, "SIGN")],
        meta={"patient": "p1"},
        id="n1",
    )
    doc = through_docbin(to_doc(record, nlp, ConversionCounts()), nlp.vocab)
    again = to_record(doc)
    assert (again.text, again.cats, again.spans) == (record.text, record.cats, record.spans)
    assert (again.meta, again.id) == (record.meta, record.id)
    # New entities win over those of the source.
    doc.set_ents([doc.char_span(26, 31, label="NEW")])
    assert to_record(doc).spans == [Span(26, 31, "NEW")]
    assert to_record(nlp("plain")).spans is None


def test_partial_annotation_survives_a_record(nlp):
    doc = nlp("Fever and cough. Pain today")
    doc.set_ents(
        [doc.char_span(0, 5, label="SIGN")], missing=[doc[1:2], doc[4:]], default="outside"
    )
    record = to_record(through_docbin(doc, nlp.vocab))
    assert [record.text[start:end] for start, end in record.missing] == ["and", "Pain today"]
    again = to_doc(record, nlp, ConversionCounts())
    assert [token.ent_iob_ for token in again] == ["B", "", "O", "O", "", ""]
    # What an entity covers is annotated; characters are grown to tokens.
    record = Record("no high fever", spans=[Span(3, 7, "SIGN")], missing=[(0, 1), (5, 9)])
    doc = to_doc(record, nlp, ConversionCounts())
    assert [token.ent_iob_ for token in doc] == ["", "B", ""]
    assert to_record(nlp("plain")).missing == []


def test_ids_of_entities_survive_a_record(nlp):
    doc = nlp("high fever and cough")
    doc.ents = [
        doc.char_span(5, 10, label="SIGN", kb_id="C001", span_id="e1"),
        doc.char_span(15, 20, label="SIGN"),
    ]
    record = to_record(through_docbin(doc, nlp.vocab))
    assert record.spans == [
        Span(5, 10, "SIGN", kb_id="C001", ent_id="e1"),
        Span(15, 20, "SIGN"),
    ]
    again = through_docbin(to_doc(record, nlp, ConversionCounts()), nlp.vocab)
    assert [(ent.kb_id_, ent.id_) for ent in again.ents] == [("C001", "e1"), ("", "")]
    # A Doc holds them without a second copy, but not two for one span, nor those of nested ones.
    assert "spans" not in again.user_data
    spans = [
        Span(0, 10, "SIGN"),
        Span(5, 10, "SIGN", kb_id="C1"),
        Span(15, 20, "SIGN", kb_id="C2"),
        Span(15, 20, "SIGN", kb_id="C3"),
    ]
    doc = through_docbin(to_doc(Record(doc.text, spans=spans), nlp, ConversionCounts()), nlp.vocab)
    assert to_record(doc).spans == spans
    # A linker that comes later names those that it knows.
    doc.ents = [
        doc.char_span(ent.start_char, ent.end_char, ent.label_, kb_id="C4") for ent in doc.ents
    ]
    assert [span.kb_id for span in to_record(doc).spans] == ["C4", "C1", "C2", "C3"]


def test_simple_docs_carry_no_second_copy(nlp):
    doc = to_doc(Record("No fever", spans=[Span(3, 8, "SIGN")]), nlp, ConversionCounts())
    assert not doc.user_data


def test_entities_lie_in_a_group_of_spans_as_well(nlp):
    policy = Policy(spans_key="drugs")
    found, empty, missing = (
        through_docbin(to_doc(record, nlp, ConversionCounts(), policy), nlp.vocab)
        for record in (
            Record("no fever", spans=[Span(3, 8, "Finding")]),
            Record("no fever", spans=[]),
            Record("no fever"),
        )
    )
    assert [(span.text, span.label_) for span in found.spans["drugs"]] == [("fever", "Finding")]
    assert entities(found) == [("fever", "Finding")]
    # An empty group is gold without entities; no group is no gold.
    assert "drugs" in empty.spans
    assert len(empty.spans["drugs"]) == 0
    assert "drugs" not in missing.spans
