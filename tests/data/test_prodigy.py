import json

import pytest
import spacy

from spacy_clintl.data.convert import convert, write_back
from spacy_clintl.data.docbin import read_docbin
from spacy_clintl.data.formats.prodigy import read_prodigy
from spacy_clintl.data.formats.prodigy_writer import write_prodigy
from spacy_clintl.data.records import ConversionCounts, Record, Span
from spacy_clintl.errors import ClintlError


def read(*paths, **options):
    counts = ConversionCounts()
    return list(read_prodigy(list(paths), counts, **options)), counts


def write(path, *lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def tokens_of(text, **more):
    doc = spacy.blank("en")(text)
    return [
        {
            "text": t.text,
            "start": t.idx,
            "end": t.idx + len(t),
            "id": t.i,
            "ws": bool(t.whitespace_),
        }
        | more
        for t in doc
    ]


TEXT = "No fe\u0301ver,\n\n10\u00a0mg 🤕 daily"
NER = {
    "text": TEXT,
    "_input_hash": -5,
    "_task_hash": 7,
    "tokens": tokens_of(TEXT),
    "spans": [
        {"start": 3, "end": 9, "label": "SIGN", "token_start": 1, "token_end": 1},
        {"start": 12, "end": 25, "label": "DOSE", "token_start": 4, "token_end": 8, "source": "m"},
        {"start": 12, "end": 14, "label": "N", "text": "10"},
    ],
    "meta": {"source": "ward", "patient": "p1"},
    "answer": "accept",
}
CHOICE = {
    "text": "Chest pain since May",
    "options": [{"id": "cardio", "text": "Cardiology 💓"}, {"id": 2, "text": "Two"}],
    "accept": ["cardio"],
    "answer": "accept",
    "_view_id": "choice",
}
BINARY = {"text": "Chest pain", "label": "cardio", "spans": [{"start": 0, "end": 5, "label": "P"}]}


def test_entities_tokens_and_what_else_a_task_holds(tmp_path):
    [record], counts = read(write(tmp_path / "a.jsonl", NER))
    assert counts.n_skipped == 0
    assert record.text == TEXT
    assert record.tokens == [token.text for token in spacy.blank("en")(TEXT)]
    assert "".join(t + " " * s for t, s in zip(record.tokens, record.spaces)) == TEXT
    assert record.spans == [
        Span(3, 9, "SIGN"),
        Span(12, 25, "DOSE", attributes={"source": "m"}),
        Span(12, 14, "N"),
    ]
    assert record.cats is None
    assert record.meta == {
        "source": "ward",
        "patient": "p1",
        "prodigy": {"_input_hash": -5, "_task_hash": 7, "answer": "accept"},
    }
    assert (record.where, record.id) == (f"{tmp_path}/a.jsonl:1", "a-1")


def test_answers(tmp_path):
    answers = ["accept", "reject", "ignore", "maybe", None]
    lines = [{"text": "x", "spans": [], "answer": answer} for answer in answers]
    records, counts = read(write(tmp_path / "a.jsonl", *lines, {"text": "x", "spans": []}))
    assert [r.where[-1] for r in records] == ["1", "6"]
    assert [where[-1] for where, _ in counts.skipped] == ["2", "3", "4", "5"]
    assert ["reject" in counts.skipped[0][1], "ignore" in counts.skipped[1][1]] == [True, True]


def test_choice_exclusive_and_multi_label(tmp_path):
    lines = [
        CHOICE,
        {**CHOICE, "accept": [2]},
        {**CHOICE, "accept": []},
        {**CHOICE, "accept": [2, "cardio"]},
        {**CHOICE, "answer": "reject"},
    ]
    path = write(tmp_path / "a.jsonl", *lines)
    records, counts = read(path, task="field")
    assert [r.cats for r in records] == [
        {"field/2": 0.0, "field/cardio": 1.0},
        {"field/2": 1.0, "field/cardio": 0.0},
        None,
    ]
    assert [where[-1] for where, _ in counts.skipped] == ["4", "5"]
    assert "--multi-label" in counts.skipped[0][1]
    records, counts = read(path, exclusive=False, labels=["cardio", "2", "neuro"])
    assert [list(r.cats.values()) for r in records] == [[1, 0, 0], [0, 1, 0], [0, 0, 0], [1, 1, 0]]
    assert list(records[0].cats) == ["label/cardio", "label/2", "label/neuro"]
    assert [where[-1] for where, _ in counts.skipped] == ["5"]
    assert all(r.spans is None for r in records)
    with pytest.raises(ClintlError, match=r"CL150.*a.jsonl:1.*cardio"):
        read(path, labels=["2"])
    with pytest.raises(ClintlError, match="CL146"):
        read(path, task="a/b")


def test_binary_labels(tmp_path):
    other = {"text": "Cough", "label": "lung", "answer": "accept"}
    lines = [{**BINARY, "answer": a} for a in ("accept", "reject", "ignore")]
    path = write(tmp_path / "a.jsonl", *lines, other)
    records, counts = read(path, exclusive=False)
    assert [r.cats for r in records] == [
        {"label/cardio": 1.0},
        {"label/cardio": 0.0},
        {"label/lung": 1.0},
    ]
    assert counts.n_skipped == 1
    # Spans beside a label are what the interface showed.
    assert [r.spans for r in records] == [None] * 3
    assert records[0].meta["prodigy"]["spans"] == BINARY["spans"]
    records, _ = read(path)
    assert [r.cats for r in records] == [
        {"label/cardio": 1.0, "label/lung": 0.0},
        {"label/cardio": 0.0},
        {"label/cardio": 0.0, "label/lung": 1.0},
    ]
    train = write(tmp_path / "train.jsonl", CHOICE, other)
    (tmp_path / "labels.txt").write_text("lung\ncardio\n")
    for source, n in ((train, 3), (tmp_path / "labels.txt", 2)):
        records, _ = read(path, labels_from=source)
        assert [len(r.cats) for r in records] == [n, 1, n]
    with pytest.raises(ClintlError, match="CL149"):
        read(path, labels=["a"], labels_from=train)
    with pytest.raises(ClintlError, match=r"CL148.*e.jsonl"):
        read(path, labels_from=write(tmp_path / "e.jsonl"))


def test_who_marked_the_spans(tmp_path):
    spans = [{"start": 0, "end": 5, "label": "P"}]
    tokens = tokens_of("Chest pain")
    text = {"text": "Chest pain"}
    cases = [
        ({"tokens": tokens}, True, False),
        ({"_view_id": "ner_manual"}, True, False),
        ({"_view_id": "ner_manual", "label": "x"}, True, False),
        ({}, False, False),
        ({"spans": spans}, True, False),
        ({"spans": spans, "_view_id": "blocks", "label": "x"}, True, True),
        ({"spans": spans, "tokens": tokens, "label": "x"}, True, True),
        ({"spans": spans, "tokens": tokens, "label": "x", "_view_id": "choice"}, False, True),
        ({"spans": spans, "tokens": tokens, "label": "x", "answer": "reject"}, False, True),
        ({"tokens": tokens, "label": "x"}, False, True),
        ({"spans": spans, "_view_id": "classification"}, False, False),
    ]
    records, _ = read(write(tmp_path / "a.jsonl", *({**text, **more} for more, _, _ in cases)))
    found = [(r.spans is not None, r.cats is not None) for r in records]
    assert found == [(marked, classes) for _, marked, classes in cases]
    assert records[0].spans == []


def test_tokens_that_are_not_the_text(tmp_path):
    pieces = [
        {"text": "[cls]", "start": 0, "end": 0, "id": 0, "tokenizer_id": 101},
        {"text": "no", "start": 0, "end": 2, "id": 1, "tokenizer_id": 5},
        {"text": "##w", "start": 2, "end": 3, "id": 2, "tokenizer_id": 6},
    ]
    gap = [{"text": "a", "start": 0, "end": 1}, {"text": "b", "start": 3, "end": 4}]
    ids = [{**token, "style": {"color": "red"}} for token in tokens_of("Now b")]
    lines = [
        {"text": "Now", "tokens": pieces, "spans": [{"start": 0, "end": 3, "label": "X"}]},
        {"text": "a\t\tb", "tokens": gap},
        {"text": " a", "tokens": [{"text": "a", "start": 1, "end": 2}]},
        {"text": "a b", "tokens": [{"text": "a", "start": 0, "end": 1}]},
        {"text": "Now b", "tokens": ids},
    ]
    records, counts = read(write(tmp_path / "a.jsonl", *lines))
    assert not counts.skipped
    assert [r.tokens for r in records] == [None] * 4 + [["Now", "b"]]
    assert records[0].spans == [Span(0, 3, "X")]
    assert [r.meta["prodigy"]["tokens"] for r in records] == [line["tokens"] for line in lines]


@pytest.mark.parametrize(
    "change",
    [
        {"text": ""},
        {"text": None},
        {"text": ["secret"]},
        {"meta": "secret"},
        {"spans": {"secret": 1}},
        {"spans": ["secret"]},
        {"spans": [{"start": 0, "end": 6}]},
        {"spans": [{"start": 0, "end": 60, "label": "X"}]},
        {"spans": [{"start": -3, "end": 3, "label": "X"}]},
        {"spans": [{"start": 3, "end": 3, "label": "X"}]},
        {"spans": [{"start": True, "end": 3, "label": "X"}]},
        {"spans": [{"start": 0, "end": 6, "label": "X", "text": "other"}]},
        {"tokens": [{"text": "other", "start": 0, "end": 6}]},
        {"tokens": [{"text": "secret", "start": 0}]},
        {"tokens": [{"text": "secret", "start": 0, "end": 99}]},
        {"tokens": "secret"},
        {"options": ["secret"], "accept": []},
        {"options": [{"text": "secret"}]},
        {"options": [{"id": "a"}], "accept": ["secret"]},
        {"accept": [1.5]},
        {"accept": [["secret"]]},
        {"answer": ["secret"]},
    ],
    ids=str,
)
def test_bad_tasks_are_skipped_and_named_without_their_text(tmp_path, change):
    good = {"text": "secret words", "spans": []}
    path = write(tmp_path / "a.jsonl", good, {**good, **change}, good)
    records, counts = read(path)
    assert [r.where[-1] for r in records] == ["1", "3"]
    [(where, reason)] = counts.skipped
    assert where == f"{path}:2"
    assert "secret" not in reason
    assert "other" not in reason.replace("another", "")


def test_empty_files_and_broken_lines(tmp_path):
    path = tmp_path / "a.jsonl"
    for content in ("", "\n\n", '{"text": "x", "answer": "ignore"}\n'):
        path.write_text(content)
        with pytest.raises(ClintlError, match=r"CL134.*a.jsonl"):
            read(path)
    path.write_text('\ufeff{"text": "x"}\r\n{"text": \r\n[]\r\n')
    records, counts = read(path)
    assert [r.text for r in records] == ["x"]
    assert [where[-1] for where, _ in counts.skipped] == ["2", "3"]


def plain(line):
    """Leave out what can be told from the rest of a task."""
    line = {key: value for key, value in line.items() if key not in ("id", "_view_id", "tokens")}
    line["spans"] = [
        {key: value for key, value in span.items() if not key.startswith(("token_", "text"))}
        for span in line.get("spans") or ()
    ]
    return {"answer": "accept", **line}


@pytest.mark.parametrize("exclusive", [True, False])
def test_round_trip(tmp_path, exclusive):
    relation = {"head": 0, "child": 1, "label": "R", "color": "#fff"}
    own_tokens = tokens_of("Now b", disabled=False)
    lines = [
        NER,
        CHOICE,
        {**CHOICE, "accept": [2], "meta": {"prodigy": "x", "n": 1}, "id": "n1"},
        {**BINARY, "answer": "accept"},
        {**BINARY, "answer": "reject", "priority": 0.5},
        {"text": "Now b", "tokens": own_tokens, "spans": [], "relations": [relation]},
        {"text": "No fever", "tokens": tokens_of("No fever")},
        {"text": "Ward", "_session_id": None},
    ]
    source = write(tmp_path / "a.jsonl", *lines)
    options = {"task": "t", "exclusive": exclusive}
    convert("prodigy", source, tmp_path / "a.spacy", options=options)
    assert write_back("prodigy", tmp_path / "a.spacy", tmp_path / "b.jsonl") == len(lines)
    written = [json.loads(line) for line in (tmp_path / "b.jsonl").read_text().splitlines()]
    assert [plain(line) for line in written] == [plain(line) for line in lines]
    assert written[0]["tokens"] == NER["tokens"]
    assert written[0]["spans"][0] == NER["spans"][0]
    assert written[5]["tokens"] == own_tokens
    views = ["spans_manual", "choice", "choice", *["classification"] * 2, *["ner_manual"] * 2]
    assert [line["_view_id"] for line in written] == [*views, "text"]
    # And once more: the same documents.
    convert("prodigy", tmp_path / "b.jsonl", tmp_path / "b.spacy", options=options)
    docs = [
        read_docbin(tmp_path / name, spacy.blank("en").vocab) for name in ("a.spacy", "b.spacy")
    ]
    for a, b in zip(*docs, strict=True):
        assert (a.text, a.cats, a.has_annotation("ENT_IOB")) == (
            b.text,
            b.cats,
            b.has_annotation("ENT_IOB"),
        )
        assert [t.text for t in a] == [t.text for t in b]
        assert a.user_data.get("spans") == b.user_data.get("spans")


def test_predictions_and_other_formats_are_written(tmp_path):
    record = Record(
        "No chest pain",
        tokens=["No", "chest", "pain"],
        spans=[Span(3, 13, "SIGN", fragments=((3, 5), (9, 13)), attributes={"negated": True})],
        cats={"a/x": 0.9, "a/y": 0.2, "b/z": 1.0},
        meta={"document": "n1"},
        id="7",
        where="here:1",
    )
    with pytest.raises(ClintlError, match=r"CL183.*here:1.*a, b.*--task"):
        write_prodigy([record], tmp_path / "a.jsonl")
    assert not (tmp_path / "a.jsonl").exists()
    write_prodigy([record], tmp_path / "a.jsonl", task="a")
    assert json.loads((tmp_path / "a.jsonl").read_text()) == {
        "id": "7",
        "text": "No chest pain",
        "tokens": tokens_of("No chest pain"),
        "spans": [
            {"start": 3, "end": 13, "label": "SIGN", "token_start": 1, "token_end": 2}
            | {"fragments": [[3, 5], [9, 13]], "negated": True}
        ],
        "options": [{"id": "x", "text": "x"}, {"id": "y", "text": "y"}],
        "accept": ["x"],
        "answer": "accept",
        "meta": {"document": "n1"},
        "_view_id": "blocks",
    }
    [again], _ = read(tmp_path / "a.jsonl", task="a")
    assert again.cats == {"a/x": 1.0, "a/y": 0.0}
    # A changed category changes the answer.
    [first], _ = read(write(tmp_path / "b.jsonl", CHOICE), task="t")
    changed = Record(first.text, cats={"t/cardio": 0, "t/2": 1, "t/new": 1}, meta=first.meta)
    write_prodigy([changed], tmp_path / "c.jsonl")
    line = json.loads((tmp_path / "c.jsonl").read_text())
    assert line["accept"] == [2, "new"]
    assert [option["id"] for option in line["options"]] == ["cardio", 2, "new"]
