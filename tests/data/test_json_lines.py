import json

import pytest

from spacy_clintl.data.formats.json_lines import json_files, load_object, read_objects
from spacy_clintl.data.records import ConversionCounts


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"text": "secret', "invalid JSON"),
        ("[1]", "not a JSON object"),
        ('{"text": "\\ud83d"}', "surrogate"),
        ('{"n": 99999999999999999999}', "64 bits"),
        ('{"n": ' + "9" * 5000 + "}", "64 bits"),
        ('{"n": ' + "[" * 150 + "]" * 150 + "}", "100 levels"),
        ('{"n": ' + "[" * 50_000, "100 levels"),
    ],
)
def test_what_no_doc_can_hold_is_refused(line, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        load_object(line)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "data",
    [
        {"text": "\U0001f9ec \\ud83d"},
        {"n": [2**64 - 1, -(2**63), 1234567890123456789.5]},
        {"text": "9" * 40, "spans": [{"start": i} for i in range(300)]},
    ],
)
def test_odd_but_good_objects(data):
    assert load_object(json.dumps(data)) == data


def test_bad_lines_are_counted_and_other_files_passed_over(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"a": 1}\r\n\r\n{"a": \n{"a": 2}')
    counts = ConversionCounts()
    assert [(w, o["a"]) for w, o in read_objects(path, counts)] == [
        (f"{path}:1", 1),
        (f"{path}:4", 2),
    ]
    assert [where for where, _ in counts.skipped] == [f"{path}:3"]
    other = tmp_path / "README"
    assert json_files([other], counts) == [other]
    assert counts.n_skipped == 1
    assert json_files([other, path], counts) == [path]
    assert counts.skipped[-1][0] == str(other)
