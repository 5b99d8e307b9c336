import pytest
import spacy

from spacy_clintl.data.convert import convert, write_back
from spacy_clintl.data.docbin import read_docbin
from spacy_clintl.data.docs import to_doc
from spacy_clintl.data.formats.iob import decode_tags, read_iob, write_iob
from spacy_clintl.data.records import ConversionCounts, Record, Span
from spacy_clintl.errors import ClintlError


def read(path, **options):
    return list(read_iob([path], ConversionCounts(), **options))


@pytest.mark.parametrize(
    ("tags", "entities", "repaired"),
    [
        ("O B-A I-A O B-A", [(1, 3, "A"), (4, 5, "A")], 0),
        ("B-A B-A I-A", [(0, 1, "A"), (1, 3, "A")], 0),
        ("B-A I-B I-B O", [(0, 1, "A"), (1, 3, "B")], 1),
        ("I-A I-A B-A O I-B", [(0, 2, "A"), (2, 3, "A"), (4, 5, "B")], 2),
        ("S-A B-A E-A B-B I-B E-B S-B", [(0, 1, "A"), (1, 3, "A"), (3, 6, "B"), (6, 7, "B")], 0),
        ("U-A B-A L-A O", [(0, 1, "A"), (1, 3, "A")], 0),
        ("B-A E-A I-A", [(0, 2, "A"), (2, 3, "A")], 1),
        ("O E-A E-A", [(1, 2, "A"), (2, 3, "A")], 2),
        ("B-A-x I-A-x B-A", [(0, 2, "A-x"), (2, 3, "A")], 0),
        ("", [], 0),
    ],
)
def test_all_tag_schemes(tags, entities, repaired):
    assert decode_tags(tags.split()) == (entities, repaired)


def test_columns_sentences_and_documents(tmp_path):
    path = tmp_path / "notes.iob"
    path.write_text(
        "-DOCSTART- -X- O\n\nMild NN B-SIGN\nfever NN I-SIGN\n\n \n. . O\n\n"
        "-DOCSTART- d2 O\n\n10\u00a0mg\tNN\tI-DOSE\n",
        encoding="utf-8",
    )
    records = read(path)
    assert [r.text for r in records] == ["Mild fever", ".", "10\u00a0mg"]
    assert [r.spans for r in records] == [[Span(0, 10, "SIGN")], [], [Span(0, 5, "DOSE")]]
    assert [r.meta["document"] for r in records] == ["1", "1", "d2"]
    assert [r.repaired for r in records] == [0, 0, 1]
    assert records[0].where == f"{path}:3"
    # Groups end where a document ends.
    assert [r.text for r in read(path, group=2)] == ["Mild fever .", "10\u00a0mg"]
    assert len({r.id for r in records}) == 3


def test_files_that_mark_no_documents_are_documents(tmp_path):
    unmarked, marked = tmp_path / "visit-1.iob", tmp_path / "visit-2.iob"
    unmarked.write_text("a O\n\nb O\n")
    marked.write_text("c O\n\n-DOCSTART- d2 O\n\nd O\n")
    records = list(read_iob([unmarked, marked], ConversionCounts()))
    assert [r.meta["document"] for r in records] == ["visit-1", "visit-1", "visit-2", "d2"]
    # One file is the corpus, and not a document of it.
    assert [r.meta for r in read(unmarked)] == [{}, {}]
    for n in (1, 2):
        source, target = tmp_path / f"in-{n}", tmp_path / f"{n}.spacy"
        source.mkdir()
        for path in (unmarked, marked)[:n]:
            (source / path.name).write_text(path.read_text())
        convert("iob", source, target)
        docs = read_docbin(target, spacy.blank("en").vocab)
        found = [doc.user_data.get("meta", {}).get("document") for doc in docs]
        assert found == [[None] * 2, ["visit-1", "visit-1", "visit-2", "d2"]][n - 1]


def test_groups_join_sentences_but_not_entities(tmp_path):
    path = tmp_path / "a.iob"
    path.write_text("a B-X\nbb I-X\n\nccc I-X\n\nd O\n")
    [first, last] = read(path, group=2)
    assert first.text == "a bb ccc"
    assert first.spans == [Span(0, 4, "X"), Span(5, 8, "X")]
    assert (last.text, last.spans) == ("d", [])
    counts = ConversionCounts()
    doc = to_doc(first, spacy.blank("en"), counts)
    assert [ent.text for ent in doc.ents] == ["a bb", "ccc"]
    assert counts.repaired == 1
    with pytest.raises(ClintlError, match="--group"):
        read(path, group=0)


def test_other_columns(tmp_path):
    path = tmp_path / "a.tsv"
    path.write_text("1\tfever\tB-A\tO\n2\tnow\tO\tO\n")
    [record] = read(path, label_column=2, token_column=1)
    assert (record.text, record.spans) == ("fever now", [Span(0, 5, "A")])
    with pytest.raises(ClintlError, match=r"a.tsv:1.*4 columns"):
        read(path, label_column=7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a O\nsecret O O\n", r"CL137.*a.iob:2.*3 columns, 2"),
        ("a O\n\nsecret\n", r"CL137.*a.iob:3"),
        ("secret\n", r"CL137.*a.iob:1.*1 columns, 2"),
        ("a O\nsecret secret\n", r"CL138.*a.iob:2"),
        ("a O\nsecret B-\n", r"CL138.*a.iob:2"),
        ("a\tO\n\tO\n", r"CL138.*a.iob:2"),
        ("\n\n", "CL134.*a.iob"),
        ("", "CL134.*a.iob"),
    ],
)
def test_broken_files_name_the_line_but_not_its_text(tmp_path, text, message):
    path = tmp_path / "a.iob"
    path.write_text(text)
    with pytest.raises(ClintlError, match=message) as caught:
        read(path)
    assert "secret" not in str(caught.value)


def test_round_trip_keeps_all_that_the_format_can_hold(tmp_path):
    source = tmp_path / "a.iob"
    source.write_text(
        "-DOCSTART-\tn1\n\nNo\tO\nsevere\tB-SIGN\nfever\tI-SIGN\n\nPain\tB-SIGN\nfever\tB-SIGN\n\n"
        "-DOCSTART-\tn2\n\n5\u00a0mg\tB-DOSE\n\n"
    )
    for group in (1, 3):
        convert("iob", source, tmp_path / "a.spacy", options={"group": group})
        assert write_back("iob", tmp_path / "a.spacy", tmp_path / "b.iob") == 4 - group + (
            group > 1
        )
        assert (tmp_path / "b.iob").read_text() == source.read_text()


def test_writing_iobes_and_overlaps(tmp_path):
    record = Record(
        "no severe chest pain",
        tokens=["no", "severe", "chest", "pain"],
        spans=[Span(10, 15, "PART"), Span(3, 20, "SIGN"), Span(0, 2, "NEG")],
    )
    write_iob([record], tmp_path / "a.iob", scheme="iobes")
    assert (tmp_path / "a.iob").read_text() == (
        "no\tS-NEG\nsevere\tB-SIGN\nchest\tI-SIGN\npain\tE-SIGN\n\n"
    )
    with pytest.raises(ClintlError, match="CL133"):
        write_iob([record], tmp_path / "c.iob", scheme="bio")
    with pytest.raises(ClintlError, match=r"CL155.*here:3"):
        write_iob([Record("x", tokens=["x"], where="here:3")], tmp_path / "c.iob")
    assert not (tmp_path / "c.iob").exists()
