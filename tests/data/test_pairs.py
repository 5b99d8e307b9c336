import json

import pytest
import spacy

from spacy_clintl.data.convert import convert
from spacy_clintl.data.docbin import iter_docbin
from spacy_clintl.data.formats.pairs import read_pairs
from spacy_clintl.data.records import ConversionCounts
from spacy_clintl.errors import ClintlError
from spacy_clintl.pairs import join_pair, pair_spans, split_pair

NLP = spacy.blank("en")


def read(*paths, **options):
    counts = ConversionCounts()
    return list(read_pairs(list(paths), counts, **options)), counts


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
    path.write_text(text, encoding="utf-8")
    return path


def lines(path, *rows):
    return write(path, "\n".join(json.dumps(row, ensure_ascii=False) for row in rows))


def mednli(first, second, label, name):
    return {
        "gold_label": label,
        "pairID": name,
        "sentence1": first,
        "sentence1_parse": "(ROOT )",
        "sentence2": second,
    }


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Denies fever.", "No fever."),
        ("BP 120/80\n\nHR 70 ", " He\u00a0is fine (e\u0301)."),
        ("🤕", "x"),
        ("\t ", "x"),
    ],
)
def test_both_sides_come_back_tokenized_as_alone(first, second):
    text = join_pair(first, second)
    assert split_pair(text) == (first, second)
    spans = pair_spans(NLP(text))
    for span, side in zip(spans, (first, second)):
        words = [token.text for token in span if not token.is_space]
        assert words == [token.text for token in NLP(side) if not token.is_space]


def test_what_is_no_pair():
    assert split_pair("a\n\nb") is pair_spans(NLP("a\n\nb")) is None
    assert split_pair("a\u2029b\u2029c") is pair_spans(NLP("a\u2029\u2029b")) is None
    with pytest.raises(ValueError, match=r"U\+2029"):
        join_pair("a\u2029", "b")


def test_mednli(tmp_path):
    path = lines(
        tmp_path / "mli_train_v1.jsonl",
        mednli("Denies fever.", "He is hot.", "contradiction", "a1"),
        mednli("Denies fever.", "He is well.", "neutral", "a2"),
        mednli("Has pain.", "It hurts.", "-", "a3"),
        mednli("Has pain.", "It hurts.", "", "a4"),
        mednli("Has pain.", " ", "neutral", "a5"),
        mednli("Has\u2029pain.", "It hurts.", "neutral", "a6"),
        {"sentence1": "Has pain.", "gold_label": "neutral"},
    )
    records, counts = read(path)
    assert [r.id for r in records] == ["a1", "a2", "a4"]
    assert split_pair(records[0].text) == ("Denies fever.", "He is hot.")
    assert [r.cats for r in records] == [
        {"nli/contradiction": 1.0, "nli/neutral": 0.0},
        {"nli/contradiction": 0.0, "nli/neutral": 1.0},
        None,
    ]
    # Pairs of one premise stay together in a split.
    documents = [r.meta["document"] for r in records]
    assert documents[0] == documents[1] != documents[2]
    assert counts.skipped == [
        (f"{path}:3", "no consensus on the label ('-')"),
        (f"{path}:5", "a side of the pair is missing or empty"),
        (f"{path}:6", "a side holds U+2029, the character that divides pairs"),
        (f"{path}:7", "a side of the pair is missing or empty"),
    ]
    convert("pairs", path, tmp_path / "a.spacy")
    docs = list(iter_docbin(tmp_path / "a.spacy", NLP.vocab))
    assert [str(side) for side in pair_spans(docs[1])] == ["Denies fever.", "He is well."]
    assert docs[1].user_data["meta"]["document"] == documents[0]


def test_other_tables(tmp_path):
    path = write(tmp_path / "a.tsv", 'left\tright\tsame\tnote\nx "y"\tz\t1\tn7\nu\tv\t0\tn8\n')
    named = {"first": "left", "second": "right"}
    records, _ = read(path, label="same", task="same", document_column="note", **named)
    assert [split_pair(r.text) for r in records] == [('x "y"', "z"), ("u", "v")]
    assert [r.cats for r in records] == [
        {"same/0": 0.0, "same/1": 1.0},
        {"same/0": 1.0, "same/1": 0.0},
    ]
    assert [(r.meta, r.id) for r in records] == [
        ({"document": "n7"}, "a-2"),
        ({"document": "n8"}, "a-3"),
    ]
    with pytest.raises(ClintlError, match=r"CL190.*a.tsv.*left, right, same, note.*--option first"):
        read(path)
    with pytest.raises(ClintlError, match=r"CL145.*'nobody'"):
        read(path, first="left", second="nobody")
    with pytest.raises(ClintlError, match=r"CL145.*'nobody'"):
        read(path, label="nobody", **named)
    # The label column has another name than expected: no quiet corpus without labels.
    with pytest.raises(ClintlError, match="CL148"):
        read(path, **named)
    records, _ = read(path, labels=["1"], **named)
    assert [r.cats for r in records] == [None, None]


def test_labels_are_those_of_all_files_or_given(tmp_path):
    train = lines(tmp_path / "train.jsonl", *(mednli("a", "b", x, x) for x in "xyz"))
    dev = lines(tmp_path / "dev.jsonl", mednli("a", "b", "y", "1"))
    [record], _ = read(dev, labels_from=train)
    assert record.cats == {"nli/x": 0.0, "nli/y": 1.0, "nli/z": 0.0}
    records, _ = read(train, dev)
    assert [len(r.cats) for r in records] == [3, 3, 3, 3]
    with pytest.raises(ClintlError, match=r"CL150.*train.jsonl:1.*'x'"):
        read(train, labels_from=dev)
    with pytest.raises(ClintlError, match="CL149"):
        read(dev, labels=["a"], labels_from=train)


TRIAL = {
    "Clinical Trial ID": "NCT00000001",
    "Eligibility": ["Inclusion:", "  adults e\u0301"],
    "Results": [],
}


def statement(**changes):
    data = {
        "Type": "Single",
        "Section_id": "Eligibility",
        "Primary_id": "NCT00000001",
        "Statement": "For adults.",
        "Label": "Entailment",
        "Primary_evidence_index": [1],
    }
    return {**data, **changes}


@pytest.fixture
def trials(tmp_path):
    write(tmp_path / "CT json" / "NCT00000001.json", TRIAL)
    other = {"Clinical Trial ID": "NCT00000002", "Eligibility": ["Children"]}
    write(tmp_path / "CT json" / "NCT00000002.json", other)
    return tmp_path


def test_nli4ct(trials):
    data = {
        "0a-1": statement(),
        "0a-2": statement(Type="Comparison", Secondary_id="NCT00000002", Label="Contradiction"),
        "0a-3": statement(Primary_id="NCT00000003"),
        "0a-4": statement(Primary_id="../../secret"),
        "0a-5": statement(Section_id="Results"),
        "0a-6": statement(Section_id=["Results"]),
        "0a-7": statement(Type="Triple"),
        "a secret": [],
    }
    path = write(trials / "train.json", data)
    records, counts = read(path, task="ct")
    assert [split_pair(r.text) for r in records] == [
        ("Inclusion:\n  adults e\u0301", "For adults."),
        (
            "Primary trial:\nInclusion:\n  adults e\u0301\nSecondary trial:\nChildren",
            "For adults.",
        ),
    ]
    assert [r.cats for r in records] == [
        {"ct/Contradiction": 0.0, "ct/Entailment": 1.0},
        {"ct/Contradiction": 1.0, "ct/Entailment": 0.0},
    ]
    assert (records[0].id, records[0].where) == ("0a-1", f"{path}, 0a-1")
    assert records[0].meta == {
        "document": "NCT00000001",
        "pairs": {
            "type": "Single",
            "section": "Eligibility",
            "primary": "NCT00000001",
            "primary_evidence_index": [1],
        },
    }
    assert records[1].meta["pairs"]["secondary"] == "NCT00000002"
    assert [where for where, _ in counts.skipped] == [
        f"{path}, {name}" for name in ("0a-3", "0a-4", "0a-5", "0a-6", "0a-7", "8")
    ]
    assert "secret" not in str(counts.skipped)
    # With the trials among the files, and from another folder.
    assert convert("pairs", trials, trials / "a.spacy", pattern="**/*.json").documents == 2
    elsewhere = write(trials / "dev" / "dev.json", {"1": statement()})
    assert len(read(elsewhere, trials=trials / "CT json")[0]) == 1
    with pytest.raises(ClintlError, match=r"CL191.*dev.json.*CT json.*--option trials"):
        read(elsewhere)


def test_nli4ct_without_labels_or_on_one_line(trials):
    path = trials / "test.json"
    data = statement()
    del data["Label"]
    write(path, {"1": data})
    [record], _ = read(path, labels=["Entailment"])
    assert record.cats is None
    with pytest.raises(ClintlError, match="CL148"):
        read(path)


def test_json_lines_in_a_json_file(tmp_path):
    path = lines(tmp_path / "a.json", mednli("a", "b", "x", "1"), mednli("c", "d", "y", "2"))
    assert [r.id for r in read(path)[0]] == ["1", "2"]


def test_files_that_cannot_be_used(trials):
    for content, code in [
        ("[1]", "CL192"),
        ("{}", "CL192"),
        ('{"a": {"b": 1}}', "CL192"),
        ("[" * 100_000, "CL136"),
        ('{\n"a', r"CL136.*line 2"),
        ("", "CL136"),
    ]:
        path = write(trials / "train.json", content)
        with pytest.raises(ClintlError, match=rf"{code}"):
            read(path)
    with pytest.raises(ClintlError, match=r"CL134.*empty.jsonl"):
        read(write(trials / "empty.jsonl", "\n"))
    good = write(trials / "train.json", {"1": statement()})
    broken = write(trials / "CT json" / "NCT00000001.json", "{")
    with pytest.raises(ClintlError, match=rf"CL136.*{broken.name}"):
        read(good)
    twice = json.dumps({"1": statement()})[:-1] + ", " + json.dumps({"1": statement()})[1:]
    write(broken, TRIAL)
    records, counts = read(write(good, twice))
    assert len(records) == 1
    assert counts.skipped == [(str(good), "1 keys stand twice: the last one is taken")]
