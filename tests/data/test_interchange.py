import gzip
import json
from dataclasses import replace

import pytest

from spacy_clintl.data.formats.interchange import parse_record, read_records, write_records
from spacy_clintl.data.records import ConversionCounts, Record, Span
from spacy_clintl.errors import ClintlError


def read(*paths):
    counts = ConversionCounts()
    return list(read_records(list(paths), counts)), counts


def test_what_is_not_given_is_none_and_what_is_empty_is_empty(tmp_path):
    path = tmp_path / "a.jsonl"
    lines = [
        {"id": 1, "text": "x", "lang": "es", "meta": {"k": 1}},
        {"text": "y\u2028z", "cats": {}, "spans": []},
        {"text": "z", "cats": None, "spans": None},
        {
            "text": "fever 🤕",
            "cats": {"t/a/b": True, "t/c": 0},
            "spans": [{"start": 0, "end": 5, "label": "SIGN"}],
        },
    ]
    path.write_text(
        "\ufeff" + "\n\n".join(json.dumps(line, ensure_ascii=False) for line in lines),
        encoding="utf-8",
    )
    records, counts = read(path)
    assert not counts.skipped
    assert [(r.cats, r.spans) for r in records[:3]] == [(None, None), ({}, []), (None, None)]
    assert (records[0].id, records[0].meta) == ("1", {"lang": "es", "k": 1})
    assert records[1].text == "y\u2028z"
    assert records[3].cats == {"t/a/b": 1.0, "t/c": 0.0}
    assert records[3].spans == [Span(0, 5, "SIGN")]
    assert records[3].where == f"{path}:7"


def test_what_is_missing_and_ids_are_written_and_read(tmp_path):
    given = [
        Record("Fever. Cough", spans=[Span(0, 5, "SIGN")], missing=[(7, 12)]),
        Record("Fever. Cough", spans=[]),
        Record("Fever", spans=[Span(0, 5, "SIGN", kb_id="C001", ent_id="e1")]),
    ]
    write_records(given, tmp_path / "a.jsonl")
    records, _ = read(tmp_path / "a.jsonl")
    assert [replace(one, where="") for one in records] == given
    assert "missing" not in (tmp_path / "a.jsonl").read_text().splitlines()[1]


BAD = [
    ('{"text": "secret', "invalid JSON"),
    ('["secret"]', "not a JSON object"),
    ('{"txt": "secret"}', "no text"),
    ('{"text": " \\n"}', "no text"),
    ('{"text": 3}', "no text"),
    ('{"text": "secret", "spans": [{"start": 0, "end": 7, "label": "A"}]}', "0-7 do not fit"),
    ('{"text": "secret", "spans": [{"start": -1, "end": 2, "label": "A"}]}', "do not fit"),
    ('{"text": "secret", "spans": [{"start": 2, "end": 2, "label": "A"}]}', "do not fit"),
    ('{"text": "secret", "spans": [{"start": "0", "end": 2, "label": "A"}]}', "whole numbers"),
    ('{"text": "secret", "spans": [{"start": false, "end": 2, "label": "A"}]}', "whole numbers"),
    ('{"text": "secret", "spans": [{"start": 0, "end": 2}]}', "no start, end or label"),
    ('{"text": "secret", "spans": [7]}', "no start, end or label"),
    ('{"text": "secret", "spans": [{"start": 0, "end": 2, "label": ""}]}', "label"),
    ('{"text": "secret", "spans": {}}', "not a list"),
    ('{"text": "secret", "cats": {"t/a": "1"}}', "not a number"),
    ('{"text": "secret", "cats": {"t/a": NaN}}', "not a number"),
    ('{"text": "secret", "cats": {"a": 1}}', "task/label"),
    ('{"text": "secret", "cats": {"/a": 1}}', "task/label"),
    ('{"text": "secret", "cats": ["t/a"]}', "not an object"),
    ('{"text": "secret", "meta": 5}', "not an object"),
    ('{"text": "secret", "spans": [], "missing": [[0, 7]]}', "'missing' does not fit"),
    ('{"text": "secret", "spans": [], "missing": [["0", "1"]]}', "'missing' does not fit"),
    ('{"text": "secret", "spans": [], "missing": [0, 1]}', "'missing' is not a list"),
    ('{"text": "secret", "spans": [], "missing": 3}', "'missing' is not a list"),
]


@pytest.mark.parametrize(("line", "reason"), BAD)
def test_a_bad_line_is_skipped_and_named_without_its_text(tmp_path, line, reason):
    path = tmp_path / "a.jsonl"
    path.write_text('{"text": "good"}\n' + line + '\n{"text": "also good"}\n')
    records, counts = read(path)
    assert [r.text for r in records] == ["good", "also good"]
    [(where, message)] = counts.skipped
    assert where == f"{path}:2"
    assert reason in message
    assert "secret" not in message


def test_files_without_a_good_record_are_errors(tmp_path):
    empty, bad = tmp_path / "empty.jsonl", tmp_path / "bad.jsonl"
    empty.write_text("\n")
    bad.write_text("{\n{\n")
    with pytest.raises(ClintlError, match=r"empty.jsonl.*empty"):
        read(empty)
    with pytest.raises(ClintlError, match=r"2 lines skipped.*bad.jsonl:2"):
        read(bad)


def test_gzip_encoding_and_damage(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    data = gzip.compress(b"".join(b'{"text": "x %d"}\n' % i for i in range(20_000)))
    path.write_bytes(data)
    records, _ = read(path)
    assert len(records) == 20_000
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(ClintlError, match=r"CL136.*a.jsonl.gz"):
        read(path)
    path.write_bytes(b"no archive")
    with pytest.raises(ClintlError, match="CL136"):
        read(path)
    latin = tmp_path / "latin.jsonl"
    latin.write_bytes('{"text": "fièvre"}'.encode("latin-1"))
    with pytest.raises(ClintlError, match=r"UTF-8"):
        read(latin)
    with pytest.raises(ClintlError, match="CL100"):
        read(tmp_path / "none.jsonl")


def test_parse_record_is_usable_alone():
    assert parse_record('{"text": "a"}').text == "a"
    with pytest.raises(ValueError, match="column 1"):
        parse_record("x")
