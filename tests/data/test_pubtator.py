import gzip

import pytest

from spacy_clintl.data.convert import convert
from spacy_clintl.data.formats.pubtator import read_pubtator
from spacy_clintl.data.records import ConversionCounts, Span
from spacy_clintl.errors import ClintlError

GOOD = (
    "17|t|Lithium and renal and hepatic toxicity\n"
    "17|a|🤕 Fie\u0300vre | after\u00a0lithium.\n"
    "17\t0\t7\tLithium\tChemical\tD008094\n"
    "17\t12\t38\trenal and hepatic toxicity\tDisease\tD007674|D056486\trenal toxicity|hepatic "
    "toxicity\n"
    "17\t41\t48\tFie\u0300vre\tDisease\t-1\n"
    "17\t57\t64\tlithium\tChemical\n"
    "17\tCID\tD008094\tD007674\n"
    "17\tAssociation\tD008094\tD056486\tNovel\n"
    "\n"
    "18|t|No abstract here\n"
)


def read(path, content):
    path.write_bytes(content.encode())
    counts = ConversionCounts()
    return list(read_pubtator([path], counts)), counts


@pytest.mark.parametrize("change", [str, lambda s: "\ufeff" + s.replace("\n", "\r\n")])
def test_documents_mentions_and_relations(tmp_path, change):
    path = tmp_path / "a.txt"
    [first, second], counts = read(path, change(GOOD))
    assert not counts.skipped
    assert first.text == (
        "Lithium and renal and hepatic toxicity\n🤕 Fie\u0300vre | after\u00a0lithium."
    )
    assert first.spans == [
        Span(0, 7, "Chemical", attributes={"identifier": "D008094"}),
        Span(
            12,
            38,
            "Disease",
            attributes={
                "identifier": "D007674|D056486",
                "mentions": ["renal toxicity", "hepatic toxicity"],
            },
        ),
        Span(41, 48, "Disease", attributes={"identifier": "-1"}),
        Span(57, 64, "Chemical"),
    ]
    assert first.meta == {
        "document": "17",
        "pubtator": {
            "relations": [
                ["CID", "D008094", "D007674"],
                ["Association", "D008094", "D056486", "Novel"],
            ]
        },
    }
    assert (first.id, first.where) == ("17", f"{path}:1")
    assert (second.text, second.spans, second.where) == ("No abstract here", [], f"{path}:10")
    counts = convert("pubtator", path, tmp_path / "a.spacy")
    assert counts.entities == {"Chemical": 2, "Disease": 2}
    assert counts.snapped == 0


def test_documents_without_a_blank_line_and_an_empty_title(tmp_path):
    content = (
        "a b|t|\na b|a|x\u2028y fever\ra\na b\t5\t10\tfever\tSIGN\t\nc|t|cough\nc\t0\t5\tcough\tS\n"
    )
    [first, second], counts = read(tmp_path / "a.PubTator", content)
    assert not counts.skipped
    assert (first.text, first.spans) == ("\nx\u2028y fever\ra", [Span(5, 10, "SIGN")])
    assert (second.text, second.spans, second.id) == ("cough", [Span(0, 5, "S")], "c")


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("1\t0\t3\tsecret\tA\tx", "mention is not"),
        ("1\t3\t9\tsecreT\tA\tx", "mention is not"),
        ("1\t3\t99\tsecret\tA\tx", "3-99 do not fit"),
        ("1\t-1\t9\tsecret\tA\tx", "do not fit"),
        ("1\t9\t3\tsecret\tA\tx", "do not fit"),
        ("1\t3\tx\tsecret\tA\tx", "whole numbers"),
        ("1\t3\t" + "9" * 5000 + "\tsecret\tA\tx", "whole numbers"),
        ("1\t3\t9\tsecret\t \tx", "no type"),
        ("1\t3\t9\tsecret", "5 columns, there are 4"),
        ("1\tCID\tsecret", "5 columns"),
        ("2\t3\t9\tsecret\tA\tx", "another document"),
        ("secret", "another document"),
        ("1|a|secret again", "second passage"),
    ],
)
def test_a_bad_line_is_skipped_and_named_without_its_text(tmp_path, line, reason):
    content = f"1|t|No secret\n1|a|x\n{line}\n1\t3\t9\tsecret\tA\tx\n"
    [record], counts = read(tmp_path / "a.txt", content)
    assert [span.label for span in record.spans] == ["A"]
    assert record.text == "No secret\nx"
    [(where, message)] = counts.skipped
    assert where == f"{tmp_path / 'a.txt'}:3"
    assert reason in message
    assert "secret" not in message


def test_blocks_without_a_title_are_noted_once(tmp_path):
    content = "# header\nmore\n\n1|a|x\n1\t0\t1\tx\tA\n\n1|t| \n\n2|t|y\n3|a|z\n3\t0\t1\tz\tA\n"
    [record], counts = read(tmp_path / "a.txt", content)
    assert record.id == "2"
    assert [where.rpartition(":")[2] for where, _ in counts.skipped] == ["1", "4", "7", "10"]


def test_files(tmp_path):
    (tmp_path / "README.md").write_text("text")
    (tmp_path / "b.pdf").write_bytes(b"\xff\xfe")
    (tmp_path / "c.txt").write_text("\n")
    with gzip.open(tmp_path / "d.PubTator.txt.gz", "wt", encoding="utf-8") as file:
        file.write(GOOD)
    counts = ConversionCounts()
    records = list(read_pubtator(sorted(tmp_path.iterdir()), counts))
    assert [record.id for record in records] == ["17", "18"]
    [(where, reason)] = counts.skipped
    assert where == str(tmp_path / "c.txt")
    assert "no document" in reason
    with pytest.raises(ClintlError, match="CL135"):
        list(read_pubtator([tmp_path / "b.pdf"], ConversionCounts()))
    with pytest.raises(ClintlError, match=r"CL134.*c.txt.*no document"):
        convert("pubtator", tmp_path / "c.txt", tmp_path / "c.spacy")


def test_memory_does_not_grow(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("".join(f"{i}|t|fever\n{i}\t0\t5\tfever\tA\tx\n\n" for i in range(5)))
    records = read_pubtator([path], ConversionCounts())
    # The first document is there before the broken end is met.
    with path.open("ab") as file:
        file.write(b"x" * 1_000_000 + b"\n\xff")
    assert next(records).id == "0"
    with pytest.raises(ClintlError, match="CL135"):
        list(records)
