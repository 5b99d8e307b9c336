import json

import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_clintl.data.check import check_corpus
from spacy_clintl.data.docbin import docbin_writer
from spacy_clintl.data.duplicates import SentenceIndex, Text, TwinIndex
from spacy_clintl.errors import ClintlError

NLP = spacy.blank("en")
LONG = (
    "The patient was admitted with shortness of breath and swelling of both ankles for three days "
    "before the visit and was given furosemide in the evening while the chest film showed fluid ."
)
OTHER = (
    "On the second day she complained of pain in the left hip after a fall at home , and the film "
    "of the hip showed a fracture of the neck of the femur that was treated by the surgeons ."
)


def save(path, *docs):
    """Write documents, each (text, cats, meta) or a Doc, as a .spacy file."""
    with docbin_writer(path) as add:
        for number, doc in enumerate(docs):
            if not isinstance(doc, Doc):
                text, cats, meta = doc
                doc = NLP.make_doc(text)
                doc.cats = cats
                doc.user_data["meta"] = meta
            doc.user_data["id"] = f"{path.stem}-{number}"
            add(doc)
    return path


def found(findings):
    return {(f.severity, f.what, f.where): (f.count, f.examples) for f in findings}


def test_a_clean_corpus_gives_no_finding(tmp_path):
    train = save(
        tmp_path / "train.spacy",
        (LONG, {"t/a": 1.0, "t/b": 0.0}, {}),
        ("x", {"t/a": 0.0, "t/b": 1.0}, {}),
    )
    dev = save(
        tmp_path / "dev.spacy",
        (OTHER, {"t/a": 1.0, "t/b": 0.0}, {}),
        ("x", {"t/a": 0.0, "t/b": 1.0}, {}),
    )
    assert check_corpus({"train": train, "dev": dev}) == []


def test_entities_with_whitespace_at_an_edge(tmp_path):
    padded, group = NLP.make_doc("high fever  today"), NLP.make_doc("high fever  today")
    assert padded[2].is_space
    padded.ents = [Span(padded, 1, 3, "SIGN")]
    group.ents = [Span(group, 1, 2, "SIGN")]
    group.spans["signs"] = [Span(group, 2, 4, "SIGN")]
    good = NLP.make_doc("no  cough")
    good.ents = [Span(good, 2, 3, "SIGN")]
    train = save(tmp_path / "train.spacy", padded, good, group)
    findings = found(check_corpus({"train": train}))
    assert findings["error", "entity with whitespace at an edge", "train"] == (
        2,
        ["train-0", "train-2"],
    )


def test_equal_and_near_texts_are_found_between_and_within_parts(tmp_path):
    cats = {"t/a": 1.0}
    near = LONG.replace("three days", "four days")
    train = save(
        tmp_path / "train.spacy", (LONG, cats, {}), (OTHER, cats, {}), (OTHER.upper(), cats, {})
    )
    dev = save(tmp_path / "dev.spacy", (near, cats, {}), (OTHER.replace(" ,", ","), cats, {}))
    findings = found(check_corpus({"train": train, "dev": dev}))
    assert findings == {
        ("error", "near duplicate", "train | dev"): (1, ["train-0 = dev-0"]),
        ("error", "same text", "train | dev"): (1, ["train-1 = dev-1"]),
        ("warning", "same text", "train"): (1, ["train-1 = train-2"]),
    }
    stricter = found(check_corpus({"train": train, "dev": dev}, threshold=0.99))
    assert ("error", "near duplicate", "train | dev") not in stricter
    assert ("error", "same text", "train | dev") in stricter
    assert not check_corpus({"train": train, "dev": dev}, min_words=100)


def test_labelled_texts_are_found_in_adaptation_text_whole_and_within_longer_notes(tmp_path):
    cats = {"t/a": 1.0}
    dev = save(tmp_path / "dev.spacy", (LONG, cats, {}), (OTHER, cats, {}))
    raw = tmp_path / "raw.jsonl"
    filler = "Something that has nothing to do with any of the others was said here at length. "
    note = filler * 20 + OTHER.replace(" ,", ",").replace(" .", ".") + " " + filler * 20
    near = LONG.replace("three days", "four days")
    raw.write_text("".join(json.dumps({"text": text}) + "\n" for text in (filler, near, note)))
    findings = found(check_corpus({"dev": dev}, adaptation=[raw]))
    assert findings == {
        ("error", "near duplicate", "dev | adaptation text"): (1, [f"dev-0 = {raw}, line 2"]),
        ("error", "contained", "dev | adaptation text"): (1, [f"dev-1 = {raw}, line 3"]),
    }
    raw.write_text(json.dumps({"text": LONG}) + "\n")
    findings = found(check_corpus({"dev": dev}, adaptation=[raw]))
    assert list(findings) == [("error", "same text", "dev | adaptation text")]
    lines = tmp_path / "raw.txt"
    lines.write_text(f"{filler}\n{LONG}\n")
    findings = found(check_corpus({"dev": dev}, adaptation=[lines], txt_documents="line"))
    assert findings == {
        ("error", "same text", "dev | adaptation text"): (1, [f"dev-0 = {lines}, line 2"])
    }
    # Two notes that are alike in the pile are no leak.
    raw.write_text((json.dumps({"text": filler}) + "\n") * 2)
    assert not check_corpus({"dev": dev}, adaptation=[raw])


def test_labels_that_differ_or_lack_examples_are_found(tmp_path):
    train = save(
        tmp_path / "train.spacy",
        ("a", {"t/a": 1.0, "t/b": 0.0, "t/c": 0.0}, {}),
        ("b", {"t/a": 0.0, "t/b": 1.0, "t/c": 0.0, "u/x": 1.0}, {}),
    )
    dev = save(tmp_path / "dev.spacy", ("c", {"t/a": 1.0, "t/b": 0.0, "t/d": 0.0}, {}))
    findings = found(check_corpus({"train": train, "dev": dev}))
    assert findings == {
        ("error", "t: label sets differ", "train | dev"): (2, ["c", "d"]),
        ("error", "t: label without example", "train"): (2, ["c", "d"]),
        ("warning", "t: label without example", "dev"): (3, ["b", "c", "d"]),
        ("warning", "task not annotated", "dev"): (1, ["u"]),
    }


def test_entity_labels_count_where_they_occur(tmp_path):
    def tagged(*labels):
        doc = NLP.make_doc("fever and cough")
        doc.set_ents([Span(doc, i * 2, i * 2 + 1, label) for i, label in enumerate(labels)])
        return doc

    train = save(tmp_path / "train.spacy", tagged("SIGN"), tagged("SIGN", "DRUG"))
    dev = save(tmp_path / "dev.spacy", tagged("SIGN", "TEST"))
    assert found(check_corpus({"train": train, "dev": dev})) == {
        ("error", "entities: label without example", "train"): (1, ["TEST"]),
        ("warning", "entities: label without example", "dev"): (1, ["DRUG"]),
    }


def test_empty_long_broken_and_unlabelled_texts_are_found(tmp_path):
    cats = {"t/a": 1.0}
    blank = Doc(NLP.vocab, words=["\n", " "])
    blank.cats = cats
    train = save(
        tmp_path / "train.spacy",
        (LONG, cats, {}),
        blank,
        ("The cafÃ© was closed â€™ til noon", cats, {}),
        ("lost \ufffd sign", cats, {}),
        ("no label", {}, {}),
        ("Café, naïve, Ångström, 3 µg, cafe\u0301, 発熱, 🙂", cats, {}),
    )
    assert found(check_corpus({"train": train}, max_words=30)) == {
        ("error", "text with a broken encoding", "train"): (2, ["train-2", "train-3"]),
        ("warning", "empty document", "train"): (1, ["train-1"]),
        ("warning", "document with more than 30 tokens", "train"): (1, ["train-0"]),
        ("warning", "document without any annotation", "train"): (1, ["train-4"]),
    }


def test_groups_on_two_sides_are_found(tmp_path):
    cats = {"t/a": 1.0}
    train = save(tmp_path / "train.spacy", ("a", cats, {"patient": 1}), ("b", cats, {"patient": 2}))
    dev = save(tmp_path / "dev.spacy", ("c", cats, {"patient": "2"}), ("d", cats, {}))
    assert found(check_corpus({"train": train, "dev": dev})) == {
        ("error", "patient on two sides", "train | dev"): (1, ["2"])
    }


def test_each_part_that_holds_a_twin_is_named():
    index = TwinIndex()
    for part in ("train", "dev", "test"):
        pairs = index.add(Text(part, f"{part}-0", LONG))
    assert [(pair.part_a, pair.part_b) for pair in pairs] == [("train", "test"), ("dev", "test")]
    near = index.compare(Text("raw", "raw-0", LONG.replace("three", "four")))
    assert [(pair.kind, pair.part_a) for pair in near] == [
        ("near duplicate", part) for part in ("train", "dev", "test")
    ]
    assert not index.compare(Text("raw", "raw-1", OTHER))


def test_most_of_a_text_must_be_met():
    index = SentenceIndex()
    index.add(Text("dev", "both", f"{LONG} {OTHER}"))
    index.add(Text("dev", "short", "too short to say"))
    index.look_in(Text("raw", "one", LONG))
    assert not list(index.found("raw"))
    index.look_in(Text("raw", "two", OTHER))
    assert [(pair.a, pair.b) for pair in index.found("raw")] == [("both", "one")]


def test_a_threshold_that_makes_no_sense_is_refused(tmp_path):
    for threshold in (0, 1.1, -1):
        with pytest.raises(ClintlError, match="--threshold"):
            check_corpus({"train": tmp_path}, threshold=threshold)
