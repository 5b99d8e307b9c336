import gzip
import json

import pytest
from spacy.vocab import Vocab

from spacy_clintl.data.convert import convert
from spacy_clintl.data.docbin import read_docbin
from spacy_clintl.data.formats import check_options
from spacy_clintl.data.formats.tokens import read_tokens
from spacy_clintl.data.records import ConversionCounts, Span
from spacy_clintl.errors import ClintlError
from tests.corpora import DATA, needs_data


def read(*paths, **options):
    counts = ConversionCounts()
    return list(read_tokens(list(paths), counts, **options)), counts


def write(path, *lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


def test_tags_of_all_schemes_and_what_else_a_line_holds(tmp_path):
    path = tmp_path / "a.train.jsonl"
    lines = [
        {"id": 7, "tokens": ["No", "10\u00a0mg", "cafe\u0301"], "ner_tags": ["O", "B-D", "I-D"]},
        {"tokens": ["🤕", "now"], "ner_tags": ["S-X", "O"], "doc_id": "n1", "pos": [1, 2]},
        {"tokens": ["a", "b", "c"], "ner_tags": ["I-X", "I-Y", "B-Y"]},
        {"tokens": ["x"], "ner_tags": None},
        {"tokens": ["x"], "ner_tags": ["O"]},
    ]
    path.write_text("\ufeff" + "\r\n".join(map(json.dumps, lines)), encoding="utf-8")
    records, counts = read(path)
    assert not counts.skipped
    assert records[0].text == "No 10\u00a0mg cafe\u0301"
    assert [r.spans for r in records] == [
        [Span(3, 14, "D")],
        [Span(0, 1, "X")],
        [Span(0, 1, "X"), Span(2, 3, "Y"), Span(4, 5, "Y")],
        None,
        [],
    ]
    assert [r.repaired for r in records] == [0, 0, 2, 0, 0]
    assert [r.id for r in records[:2]] == ["7", "a-2"]
    assert records[1].meta == {"document": "n1", "tokens": {"pos": [1, 2]}}
    assert records[1].where == f"{path}:2"
    assert records[1].sentences is None


def test_numbers_need_names(tmp_path):
    path = write(tmp_path / "a.jsonl", {"words": ["a", "b", "c"], "ner": [0, 1, 2]})
    keys = {"tokens": "words", "tags": "ner"}
    with pytest.raises(ClintlError, match=r"CL180.*a.jsonl:1"):
        read(path, **keys)
    names = ["O", "B-X", "I-X"]
    feature = {"feature": {"names": names, "_type": "ClassLabel"}, "_type": "Sequence"}
    sources = {
        "labels.txt": "\n".join(names) + "\n",
        "list.json": json.dumps(names),
        "dataset_info.json": json.dumps({"features": {"id": {"names": [1]}, "ner": feature}}),
        "card.json": json.dumps({"ner": {"class_label": {"names": dict(zip("012", names))}}}),
    }
    for name, content in sources.items():
        (tmp_path / name).write_text(content)
        [record], _ = read(path, labels_from=tmp_path / name, **keys)
        assert record.spans == [Span(2, 5, "X")], name
    options = check_options("tokens", read_tokens, {"labels": "O,B-X,I-X", **keys})
    assert read(path, **options)[0] == [record]
    with pytest.raises(ClintlError, match="CL149"):
        read(path, labels=names, labels_from=tmp_path / "labels.txt", **keys)
    with pytest.raises(ClintlError, match=r"CL181.*Label 1 "):
        read(path, labels=["O", "X"], **keys)
    for content in ("{}", '{"ner": 3}', "[[", "[1]"):
        (tmp_path / "bad.json").write_text(content)
        with pytest.raises(ClintlError, match=r"CL1(36|48).*bad.json"):
            read(path, labels_from=tmp_path / "bad.json", **keys)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ({"tokens": ["secret"]}, "'ner_tags'.*--option tags"),
        ({"ner_tags": ["O"]}, "'tokens'.*--option tokens"),
        ({"tokens": [], "ner_tags": []}, "not a list of tokens"),
        ({"tokens": "secret", "ner_tags": ["O"]}, "not a list of tokens"),
        ({"tokens": ["secret", ""], "ner_tags": ["O", "O"]}, "empty"),
        ({"tokens": ["secret", 3], "ner_tags": ["O", "O"]}, "empty or no text"),
        ({"tokens": ["secret"], "ner_tags": ["O", "O"]}, "as many as tokens"),
        ({"tokens": ["secret"], "ner_tags": "O"}, "as many as tokens"),
        ({"tokens": ["a", "b"], "ner_tags": ["O", "secret"]}, "tag number 2"),
        ({"tokens": ["a"], "ner_tags": [True]}, "tag number 1"),
        ({"tokens": ["a"], "ner_tags": [3]}, "tag 3 .* 3 labels"),
        ({"tokens": ["a"], "ner_tags": [-1]}, "tag -1"),
        (["secret"], "not a JSON object"),
    ],
)
def test_bad_lines_are_skipped_and_named_without_their_text(tmp_path, line, reason):
    good = {"tokens": ["a"], "ner_tags": ["O"]}
    path = write(tmp_path / "a.jsonl", good, line, good)
    records, counts = read(path, labels=["O", "B-X", "I-X"])
    assert [r.where[-1] for r in records] == ["1", "3"]
    [(where, given)] = counts.skipped
    assert where == f"{path}:2"
    assert "secret" not in given
    with pytest.raises(ClintlError, match=f"CL134.*1 lines.*{reason}"):
        read(write(path, line), labels=["O", "B-X", "I-X"])


def test_empty_broken_and_other_files(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("\n \n")
    with pytest.raises(ClintlError, match=r"CL134.*a.jsonl"):
        read(path)
    with pytest.raises(ClintlError, match="CL100"):
        read(tmp_path / "none.jsonl")
    write(path, {"tokens": ["a"], "ner_tags": ["O"]})
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(path.read_bytes()))
    (tmp_path / "README.md").write_text("about")
    counts = convert("tokens", tmp_path, tmp_path / "a.spacy")
    assert (counts.documents, counts.n_skipped) == (2, 1)
    assert "README.md" in counts.skipped[0][0]
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(path.read_bytes())[:-9])
    with pytest.raises(ClintlError, match=r"CL136.*b.jsonl.gz"):
        convert("tokens", tmp_path, tmp_path / "a.spacy")


@needs_data
@pytest.mark.parametrize(
    ("name", "documents", "tokens", "entities", "repaired"),
    [
        (
            "groups.dev",
            4496,
            69291,
            {
                "ANAT": 291,
                "CHEM": 1646,
                "DEVI": 67,
                "DISO": 2646,
                "LIVB": 1584,
                "PHYS": 272,
                "PROC": 3790,
            },
            1,
        ),
        (
            "temporal.train",
            12603,
            208415,
            {"Age": 820, "Date": 1203, "Duration": 1597, "Frequency": 297, "Time": 224},
            0,
        ),
    ],
)
def test_ct_ebm_sp(tmp_path, name, documents, tokens, entities, repaired):
    source = DATA / "ct_ebm_sp" / f"{name}.jsonl.gz"
    counts = convert("tokens", source, tmp_path / "a.spacy", lang="es")
    assert (counts.documents, counts.tokens, counts.n_skipped) == (documents, tokens, 0)
    assert (dict(sorted(counts.entities.items())), counts.repaired) == (entities, repaired)
    [first, *_] = read_docbin(tmp_path / "a.spacy", Vocab())
    with gzip.open(source, "rt", encoding="utf-8") as file:
        line = json.loads(next(file))
    assert [token.text for token in first] == line["tokens"]
    starts = [i for i, tag in enumerate(line["ner_tags"]) if tag[0] == "B"]
    assert [ent.start for ent in first.ents] == starts
