from collections import Counter
from pathlib import Path

import pytest
from spacy.vocab import Vocab

from spacy_clintl.data.convert import convert, source_files
from spacy_clintl.data.docbin import read_docbin
from spacy_clintl.data.formats.crf import read_crf
from spacy_clintl.data.records import ConversionCounts, Span
from spacy_clintl.errors import ClintlError
from tests.corpora import DATA, needs_data


def read(*paths, **options):
    counts = ConversionCounts()
    return list(read_crf(list(paths), counts, **options)), counts


def write(path, text):
    path.write_bytes(text.encode())
    return path


def test_runs_of_one_label_are_entities_within_sentences_and_files(tmp_path):
    one = write(
        tmp_path / "h1.tsv",
        "\ufeffBed\tBED/NO\r\n4\tBED/NO\r\n,\tNA\r\nMr\tNAME\r\n\r\n\r\n10\u00a0mg\tDOSE\r\nnow\tO",
    )
    two = write(tmp_path / "h2.tsv", "Bed BED/NO\n\ne\u0301🤕  X\nb  X\nc  Y\nd  X\n")
    records, counts = read(one, two)
    assert [r.text for r in records] == ["Bed 4 , Mr", "10\u00a0mg now", "Bed", "e\u0301🤕 b c d"]
    assert [r.spans for r in records] == [
        [Span(0, 5, "BED/NO"), Span(8, 10, "NAME")],
        [Span(0, 5, "DOSE")],
        [Span(0, 3, "BED/NO")],
        [Span(0, 5, "X"), Span(6, 7, "Y"), Span(8, 9, "X")],
    ]
    assert [r.meta["document"] for r in records] == ["h1", "h1", "h2", "h2"]
    assert [r.id for r in records] == ["h1-1", "h1-2", "h2-1", "h2-2"]
    assert records[1].where == f"{one}:7"
    assert not counts.skipped
    # Whole documents; a run ends where the sentence ends.
    records, _ = read(one, two, group=1000, file_is_document=False)
    assert [r.text for r in records] == ["Bed 4 , Mr 10\u00a0mg now", "Bed e\u0301🤕 b c d"]
    assert [r.sentences for r in records] == [[0, 4], [0, 1]]
    assert [r.meta for r in records] == [{}, {}]
    [first, _] = read(write(one, "a X\n\nb X\n"), two, group=9)[0]
    assert first.spans == [Span(0, 1, "X"), Span(2, 3, "X")]


def test_columns_and_labels_outside(tmp_path):
    path = write(tmp_path / "a.data", "0 fever NN SIGN GUESS\n1 now RB none O\n")
    options = {"token_column": 1, "label_column": -2, "outside": ["none"]}
    [record], _ = read(path, **options)
    assert (record.text, record.spans) == ("fever now", [Span(0, 5, "SIGN")])
    [record], _ = read(path, **{**options, "outside": None})
    assert record.spans == [Span(0, 5, "SIGN"), Span(6, 9, "none")]
    with pytest.raises(ClintlError, match=r"CL139.*a.data:1.*5 columns"):
        read(path, label_column=5)


def test_tags_are_known_by_themselves(tmp_path):
    path = write(tmp_path / "a.data", "a B-X\nb B-X\nc I-X\nd NA\n\n-DOCSTART- d2 O\n\ne I-Y\n")
    records, _ = read(path)
    assert [r.spans for r in records] == [[Span(0, 1, "X"), Span(2, 5, "X")], [Span(0, 1, "Y")]]
    assert [r.repaired for r in records] == [0, 1]
    assert [r.meta["document"] for r in records] == ["a", "d2"]
    [record, _], _ = read(path, scheme="runs")
    assert record.spans == [Span(0, 3, "B-X"), Span(4, 5, "I-X")]
    other = write(tmp_path / "b.data", "x O\ny secret\n")
    with pytest.raises(ClintlError, match=r"CL182.*a.data:1\).*b.data:1\)") as caught:
        read(path, other)
    assert "secret" not in str(caught.value)
    with pytest.raises(ClintlError, match=r"CL138.*b.data:2"):
        read(path, other, scheme="tags")
    [record], _ = read(write(other, "x O\ny NA\n"))
    assert record.spans == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a O\nsecret O O\n", r"CL137.*a.data:2.*3 columns, 2"),
        ("secret\n", r"CL137.*a.data:1.*1 columns, 2"),
        ("a\tO\n\tO\n", r"CL138.*a.data:2"),
        ("a\tO\nsecret\t\n", r"CL138.*a.data:2"),
        (" \n\n", r"CL134.*a.data"),
        ("", r"CL134.*a.data"),
    ],
)
def test_broken_files_name_the_line_but_not_its_text(tmp_path, text, message):
    path = write(tmp_path / "a.data", text)
    for scheme in ("auto", "runs", "tags"):
        with pytest.raises(ClintlError, match=message) as caught:
            read(path, scheme=scheme)
        assert "secret" not in str(caught.value)
    for wrong in ({"group": 0}, {"scheme": "iob"}):
        with pytest.raises(ClintlError, match="CL133"):
            read(path, **wrong)


def gold(path):
    """Count sentences, tokens and runs of labels, without the package."""
    sentences, tokens, labels, before = 0, 0, Counter(), None
    for line in path.read_text(encoding="utf-8").splitlines():
        label = line.split("\t")[1] if line else None
        tokens += label is not None
        sentences += before is None and label is not None
        labels[label] += label not in (None, "NA", before)
        before = label
    return sentences, tokens, +labels


@needs_data
@pytest.mark.skipif(not (DATA / "nicta_handover").exists(), reason="the corpus is not there")
def test_nicta_handovers(tmp_path):
    folder = DATA / "nicta_handover"
    counts = convert("crf", folder, tmp_path / "a.spacy", options={"label_column": 1})
    found = [gold(path) for path in source_files(folder, "*.tsv")]
    assert counts.documents == sum(sentences for sentences, _, _ in found) == 631
    assert counts.tokens == sum(tokens for _, tokens, _ in found) == 8487
    assert counts.entities == sum((labels for _, _, labels in found), Counter())
    assert (len(counts.entities), counts.entities.total()) == (35, 1993)
    assert [Path(where).name for where, _ in counts.skipped] == ["README.md"]
    options = {"label_column": "1", "group": "100"}
    counts = convert("crf", folder, tmp_path / "b.spacy", options=options, pattern="*.tsv")
    assert (counts.documents, counts.entities.total(), counts.n_skipped) == (101, 1993, 0)
    docs = read_docbin(tmp_path / "b.spacy", Vocab())
    assert sum(len(list(doc.sents)) for doc in docs) == 631
    assert docs[7].user_data["meta"] == {"document": "007"}
