"""Every reader against mutated inputs; ten thousand of them with --slow."""

import pytest

from tests.data.fuzz import survives

GOOD = {
    "iob": {
        "a.iob": b"-DOCSTART-\tO\n\nNo\tO\nsevere\tB-SIGN\nfever\tI-SIGN\n\nTook\tO\n5\tB-DOSE\n"
    },
    "records": {
        "a.jsonl": b'{"id": "1", "text": "No fever.", "cats": {"a/b": 1, "a/c": 0}, "spans": '
        b'[{"start": 3, "end": 8, "label": "SIGN", "fragments": [[3, 4], [6, 8]]}]}\n'
        b'{"text": "a b", "tokens": ["a", "b"], "spaces": [true, false], "sentences": [0]}\n'
    },
    "table": {"a.csv": b'id,text,label\n1,"No, fever",a\n2,"Said ""ouch""",b\n'},
}


@pytest.mark.parametrize("name", sorted(GOOD))
def test_mutated_inputs(name):
    survives(name, GOOD[name])


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", sorted(GOOD))
def test_ten_thousand_mutated_inputs(name):
    survives(name, GOOD[name], examples=10_000)
