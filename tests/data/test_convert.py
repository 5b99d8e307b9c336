import json
import warnings

import catalogue
import pytest
import spacy
from spacy.tokens import DocBin, Span

from spacy_clintl.data.convert import convert, write_back
from spacy_clintl.data.docbin import read_docbin
from spacy_clintl.data.formats import formats
from spacy_clintl.data.records import Record
from spacy_clintl.errors import ClintlError
from tests.corpora import DATA, needs_data

VOCAB = spacy.blank("en").vocab


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "in"
    folder.mkdir()
    for name in "cab":
        (folder / f"{name}.iob").write_text("".join(f"{name}{i} B-X\n\n" for i in range(10)))
    (folder / ".hidden").write_text("no columns at all")
    return folder


def texts(path):
    return [doc.text.strip() for doc in read_docbin(path, VOCAB)]


def test_a_folder_is_read_in_order_and_counted(folder, tmp_path):
    target, report = tmp_path / "new" / "out.spacy", tmp_path / "report.json"
    counts = convert("iob", folder, target, options={"group": 10}, report=report)
    assert [text[:2] for text in texts(target)] == ["a0", "b0", "c0"]
    assert (counts.documents, counts.tokens, counts.entities) == (3, 30, {"X": 30})
    data = json.loads(report.read_text())
    assert (data["documents"], data["entities"], data["options"]) == (3, {"X": 30}, {"group": 10})
    assert read_docbin(target, VOCAB)[0].user_data["id"] == "a-1"


def test_the_output_is_not_its_own_input(folder, tmp_path):
    for _ in range(2):
        convert("iob", folder, folder / "out.spacy")
    assert len(texts(folder / "out.spacy")) == 30


def test_pattern(folder, tmp_path):
    (folder / "README.md").write_text("Some words about the data")
    with pytest.raises(ClintlError, match=r"README.md:1"):
        convert("iob", folder, tmp_path / "out.spacy")
    convert("iob", folder, tmp_path / "out.spacy", pattern="[ab].iob")
    assert len(texts(tmp_path / "out.spacy")) == 20
    with pytest.raises(ClintlError, match="CL144"):
        convert("iob", folder, tmp_path / "out.spacy", pattern="*.ann")


def test_a_folder_of_folders_is_read_if_it_holds_no_file_itself(folder, tmp_path):
    target = tmp_path / "out.spacy"
    whole = convert("iob", folder, target).documents
    (tmp_path / "above").mkdir()
    folder.rename(tmp_path / "above" / "x")
    (tmp_path / "above" / ".hidden").mkdir()
    (tmp_path / "above" / ".hidden" / "z.iob").write_text("a\tO\n")
    assert convert("iob", tmp_path / "above", target).documents == whole
    (tmp_path / "above" / "one.iob").write_text("a\tO\n")
    assert convert("iob", tmp_path / "above", target).documents == 1


def test_limit_takes_the_first_and_a_seed_draws(folder, tmp_path):
    target = tmp_path / "out.spacy"
    convert("iob", folder, target, limit=4)
    assert texts(target) == ["a0", "a1", "a2", "a3"]
    drawn = []
    for seed in (1, 1, 2):
        counts = convert("iob", folder, target, limit=4, seed=seed)
        assert counts.documents == counts.entities["X"] == 4
        drawn.append(texts(target))
    assert drawn[0] == drawn[1] == sorted(drawn[0])
    assert drawn[0] != drawn[2]
    convert("iob", folder, target, limit=1000, seed=1)
    assert len(texts(target)) == 30


def test_nothing_is_written_when_a_line_is_broken(folder, tmp_path):
    target = tmp_path / "out.spacy"
    convert("iob", folder, target)
    before = target.read_bytes()
    (folder / "z.iob").write_text("a b c\n")
    with pytest.raises(ClintlError, match=r"z.iob:1"):
        convert("iob", folder, target)
    assert target.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in", "out.spacy"]


@pytest.fixture
def labelled(tmp_path):
    source = tmp_path / "a.iob"
    source.write_text("fever B-SIGN\nin O\nMay B-DATE\n\naspirin B-DRUG\n\nnone O\n")
    return source


def ents(path):
    return [[(e.text, e.label_) for e in doc.ents] for doc in read_docbin(path, VOCAB)]


def test_entities_wanted_are_kept_and_renamed(labelled, tmp_path):
    target, report = tmp_path / "out.spacy", tmp_path / "report.json"
    counts = convert("iob", labelled, target, entities={"SIGN": "SIGN", "DRUG": "MEDICATION"})
    assert ents(target) == [[("fever", "SIGN")], [("aspirin", "MEDICATION")], []]
    # What is left out is outside, and not missing.
    assert all(doc.has_annotation("ENT_IOB") for doc in read_docbin(target, VOCAB))
    assert "spans" not in read_docbin(target, VOCAB)[0].user_data
    assert counts.entities == {"SIGN": 1, "MEDICATION": 1}
    assert counts.unwanted == 1
    assert counts.source_labels == {"SIGN": 1, "DRUG": 1, "DATE": 1}
    wanted = {"SIGN": "FINDING", "DATE": "FINDING", "SYMPTOM": "FINDING"}
    counts = convert("iob", labelled, target, entities=wanted, report=report)
    assert ents(target) == [[("fever", "FINDING"), ("May", "FINDING")], [], []]
    data = json.loads(report.read_text())
    assert data["entities_wanted"] == wanted
    assert (data["unwanted"], data["entities"]) == (1, {"FINDING": 2})
    assert data["source_labels"] == {"DATE": 1, "DRUG": 1, "SIGN": 1}
    assert convert("iob", labelled, target, entities={}).unwanted == 3
    assert not convert("iob", labelled, target).source_labels


def test_documents_without_annotation_of_entities(labelled, tmp_path):
    target = tmp_path / "out.spacy"
    counts = convert("iob", labelled, target, with_entities=False)
    docs = read_docbin(target, VOCAB)
    assert [len(doc) for doc in docs] == [3, 1, 1]
    assert not any(doc.has_annotation("ENT_IOB") or doc.user_data.get("spans") for doc in docs)
    assert counts.documents_with_entities_annotated == 0
    assert counts.unwanted == 3


def test_categories_for_each_document(labelled, tmp_path):
    target = tmp_path / "out.spacy"
    counts = convert("iob", labelled, target, categories=["domain/spoken", "place/a/b"])
    for doc in read_docbin(target, VOCAB):
        assert doc.cats == {"domain/spoken": 1.0, "place/a/b": 1.0}
    assert counts.categories == {"domain/spoken": 3, "place/a/b": 3}
    assert len(ents(target)[0]) == 2
    # Those that the source gives stay.
    records = tmp_path / "a.jsonl"
    records.write_text('{"text": "fever", "cats": {"d/flu": 1.0, "d/mi": 0.0}}\n')
    convert("records", records, target, categories=["domain/spoken"])
    [doc] = read_docbin(target, VOCAB)
    assert doc.cats == {"d/flu": 1.0, "d/mi": 0.0, "domain/spoken": 1.0}


@pytest.mark.parametrize("category", ["spoken", "/spoken", "domain/", " /x", ""])
def test_categories_need_a_task_and_a_label(labelled, tmp_path, category):
    with pytest.raises(ClintlError, match=rf"CL159.*'{category}'.*TASK/LABEL"):
        convert("iob", labelled, tmp_path / "out.spacy", categories=["a/b", category])
    assert not (tmp_path / "out.spacy").exists()


def test_a_format_of_ones_own_with_its_options(tmp_path):
    @formats("test_mine")
    def read_mine(paths, counts, *, size: int, words: list[str] | None = None, loud: bool = False):
        for path in paths:
            text = " ".join(words or ["x"]) * size
            yield Record(text.upper() if loud else text, where=str(path))

    source, target = tmp_path / "a", tmp_path / "a.spacy"
    source.write_text("")
    try:
        convert("test_mine", source, target, options={"size": "2", "words": "a, b", "loud": "true"})
        assert texts(target) == ["A BA B"]
        for options, message in [
            ({}, r"CL132.*--size"),
            ({"size": "two"}, r"CL133.*--size"),
            ({"size": "1", "loud": "yes"}, r"CL133.*--loud"),
            ({"size": 1, "label_column": 2}, r"CL131.*--label-column.*--size, --words, --loud"),
        ]:
            with pytest.raises(ClintlError, match=message):
                convert("test_mine", source, target, options=options)
        # Options that were not given are no options.
        convert("test_mine", source, target, options={"size": 1, "label_column": None})
    finally:
        catalogue.REGISTRY.pop(("spacy_clintl", "formats", "test_mine"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format_name": "docx"}, r"CL130.*iob, .*records, .*table"),
        ({"source": "nowhere"}, "CL100"),
        ({"target": "out.json"}, r"CL140.*out.json"),
        ({"lang": "qq"}, r"CL143.*qq"),
        ({"limit": 0}, r"CL133.*--limit"),
        ({"options": {"text": "t"}}, r"CL131.*--text"),
    ],
)
def test_wrong_arguments(folder, tmp_path, change, message):
    arguments = {"format_name": "iob", "source": folder, "target": tmp_path / "o.spacy", **change}
    with pytest.raises(ClintlError, match=message):
        convert(**arguments)


def test_read_docbin_names_missing_damaged_and_empty_files(folder, tmp_path):
    target = tmp_path / "out.spacy"
    convert("iob", folder, target)
    whole = target.read_bytes()
    with pytest.raises(ClintlError, match=r"CL100.*none.spacy"):
        read_docbin(tmp_path / "none.spacy", VOCAB)
    for damaged in (b"", b"garbage", whole[: len(whole) // 2], whole[:-1]):
        target.write_bytes(damaged)
        with pytest.raises(ClintlError, match=r"CL151.*out.spacy"):
            read_docbin(target, VOCAB)
    spacy.tokens.DocBin().to_disk(target)
    with pytest.raises(ClintlError, match=r"CL152.*out.spacy"):
        read_docbin(target, VOCAB)
    with pytest.raises(ClintlError, match="CL161"):
        read_docbin(folder, VOCAB)


@needs_data
def test_bc5cdr(tmp_path):
    counts = convert("iob", DATA / "bc5cdr" / "train.tsv", tmp_path / "train.spacy")
    assert counts.documents == 4560
    assert counts.tokens == 118_170
    assert counts.entities == {"Chemical": 5203, "Disease": 4182}
    assert counts.snapped == counts.dropped == counts.overlapping == counts.repaired == 0


@needs_data
@pytest.mark.parametrize(
    ("name", "n"), [("e3c/en.train.iob", 669), ("e3c/es.train.iob", 455), ("e3c/fr.train.iob", 504)]
)
def test_e3c(tmp_path, name, n):
    counts = convert("iob", DATA / name, tmp_path / "e3c.spacy", lang=name[4:6])
    assert counts.documents == n
    assert list(counts.entities) == ["ety"]


@needs_data
def test_medical_abstracts_and_hoc(tmp_path):
    for corpus, suffix, n_train, n_dev, n_labels, options in [
        ("medical_abstracts", "csv", 1900, 257, 5, {"task": "field"}),
        ("hoc", "jsonl", 1300, 152, 10, {"task": "h", "label": "labels", "exclusive": False}),
    ]:
        train, dev = (DATA / corpus / f"{part}.{suffix}" for part in ("train", "dev"))
        counts = convert("table", train, tmp_path / "train.spacy", options=options)
        assert (counts.documents, len(counts.categories)) == (n_train, n_labels)
        counts = convert(
            "table", dev, tmp_path / "dev.spacy", options={**options, "labels_from": train}
        )
        assert counts.documents == n_dev
        docs = read_docbin(tmp_path / "dev.spacy", VOCAB)
        assert {len(doc.cats) for doc in docs} == {n_labels}
        assert not docs[0].has_annotation("ENT_IOB")


def partly_annotated(path, n):
    nlp = spacy.blank("en")
    docs = [nlp(f"Fever since May {i}") for i in range(3)]
    for i, doc in enumerate(docs):
        doc.user_data["id"] = str(i)
        missing = [doc[1:3]] if i < n else []
        doc.set_ents([Span(doc, 0, 1, label="SIGN")], missing=missing, default="outside")
    DocBin(docs=docs, store_user_data=True).to_disk(path)


@pytest.mark.parametrize("name", ["brat", "iob", "prodigy"])
def test_what_a_format_cannot_say_of_partial_annotation_is_told(name, tmp_path):
    partly_annotated(tmp_path / "a.spacy", 2)
    with pytest.warns(UserWarning, match=r"CW161.*2 documents"):
        assert write_back(name, tmp_path / "a.spacy", tmp_path / "out") == 3
    partly_annotated(tmp_path / "b.spacy", 0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert write_back(name, tmp_path / "b.spacy", tmp_path / "out2") == 3


def test_records_keep_partial_annotation_without_a_word(tmp_path):
    partly_annotated(tmp_path / "a.spacy", 2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_back("records", tmp_path / "a.spacy", tmp_path / "out.jsonl")
        convert("records", tmp_path / "out.jsonl", tmp_path / "b.spacy")
    docs = read_docbin(tmp_path / "b.spacy", VOCAB)
    assert [[token.ent_iob for token in doc] for doc in docs] == 2 * [[3, 0, 0, 2]] + [[3, 2, 2, 2]]
