"""Mutated inputs for readers: a clear error, or records that hold together; nothing else."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import spacy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spacy_clintl.data.docs import to_doc
from spacy_clintl.data.formats import get_reader
from spacy_clintl.data.records import ConversionCounts
from spacy_clintl.errors import ClintlError

NLP = spacy.blank("en")
# What breaks parsers: structure, white space of every kind, odd numbers, odd characters, no UTF-8.
PIECES = [
    *(b"\n", b"\r\n", b"\t", b" ", b"\n\n", b"\x00", b"\xff", b"\xc3", b"\xed\xa0\x80", b"\x1c"),
    *("\u2028".encode(), "\ufeff".encode(), "\u00a0".encode(), "\U0001f9ec".encode()),
    *(b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b";", b"|", b"<", b">", b"&", b"'", b"="),
    *(b"null", b"true", b"-1", b"0", b"1e9", b"99999999999999999999", b"NaN", b"1.5", b"{}", b"[]"),
    *(b"T1", b"#1", b"R1", b"B-", b"I-X", b"O", b"-DOCSTART-", b"&x;", b"<!ENTITY x 'y'>"),
]


@st.composite
def mutations(draw: st.DrawFn, content: bytes) -> bytes:
    """Cut, double, move, overwrite or insert at up to four places."""
    for _ in range(draw(st.integers(1, 4))):
        a, b = sorted(draw(st.tuples(*[st.integers(0, len(content))] * 2)))
        b = min(b, a + draw(st.sampled_from([0, 1, 3, 30, 10_000])))
        kind = draw(st.sampled_from(["insert", "delete", "double", "replace", "end", "move"]))
        piece = draw(st.sampled_from(PIECES))
        if kind == "insert":
            content = content[:a] + piece + content[a:]
        elif kind == "delete":
            content = content[:a] + content[b:]
        elif kind == "double":
            content = content[:b] + content[a:]
        elif kind == "replace":
            content = content[:a] + piece + content[b:]
        elif kind == "end":
            content = content[:a]
        else:
            content = content[:a] + content[b:] + content[a:b]
    return content


def survives(
    name: str,
    files: Mapping[str, bytes],
    *,
    examples: int = 300,
    options: Mapping[str, Any] | None = None,
) -> None:
    """Read mutated files; see that only clear errors and sound records come out.

    name (str): The format.
    files (Mapping[str, bytes]): A good input: file names and contents. One of them is mutated; all
        go to the reader.
    examples (int): How many mutated inputs to try.
    options (Mapping[str, Any] | None): Options of the reader.
    """
    reader = get_reader(name)

    @settings(
        max_examples=examples,
        deadline=5000,
        database=None,
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(data=st.data())
    def check(data: st.DataObject) -> None:
        victim = data.draw(st.sampled_from(sorted(files)))
        content = data.draw(mutations(files[victim]))
        with tempfile.TemporaryDirectory() as folder:
            paths = []
            for file, good in sorted(files.items()):
                path = Path(folder, file)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(content if file == victim else good)
                paths.append(path)
            counts = ConversionCounts()
            try:
                records = 0
                for record in reader(paths, counts, **(options or {})):
                    records += 1
                    assert record.where.startswith(folder)
                    for span in record.spans or ():
                        assert 0 <= span.start <= span.end <= len(record.text)
                    with NLP.memory_zone():
                        doc = to_doc(record, NLP, counts)
                        if record.tokens is None:
                            assert doc.text == record.text
            except ClintlError as error:
                assert folder in str(error), error  # noqa: PT017 - either is right
            else:
                # What gives no record is named, unless nothing is left to give one.
                left = [file for file in paths if file.read_bytes().strip()]
                assert records or counts.n_skipped or len(left) < len(paths)
            for where, reason in counts.skipped:
                assert where.startswith(folder)
                assert reason

    check()
