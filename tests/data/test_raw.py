import gzip
import json
import os

import pytest
import spacy
from spacy.tokens import DocBin

from spacy_clintl.data.raw import ReadCounts, find_text_files, read_texts
from spacy_clintl.errors import ClintlError

SECRET = "Jane Example of Sampletown"


def texts_of(*paths, counts=None):
    return [found.text for found in read_texts(paths, counts=counts)]


def test_reads_every_kind(tmp_path):
    (tmp_path / "a.txt").write_text("one\n\nstill one", encoding="utf-8")
    (tmp_path / "b.txt.gz").write_bytes(gzip.compress(b"\xef\xbb\xbftwo"))
    lines = '{"text": "three"}\n\n{"text": "f\u2028our", "id": 4}\n'
    (tmp_path / "c.jsonl").write_bytes(lines.encode())
    (tmp_path / "d.jsonl.gz").write_bytes(gzip.compress(b'{"text": "five"}'))
    nlp = spacy.blank("en")
    DocBin(docs=[nlp("six  things."), nlp("seven")]).to_disk(tmp_path / "e.spacy")
    names = ["a.txt", "b.txt.gz", "c.jsonl", "d.jsonl.gz", "e.spacy"]
    expected = ["one\n\nstill one", "two", "three", "f\u2028our", "five", "six  things.", "seven"]
    assert texts_of(*(tmp_path / name for name in names)) == expected


def test_folders_are_read_in_sorted_order_and_other_files_counted(tmp_path):
    for name in ("b/z.txt", "b/a.txt", "a/k.txt", ".hidden/x.txt", "a/.y.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "b" / "readme.md").write_text("no")
    counts = ReadCounts()
    assert texts_of(tmp_path, counts=counts) == ["a/k.txt", "b/a.txt", "b/z.txt"]
    assert (counts.documents, counts.passed_over) == (3, 1)
    assert [p.name for p in find_text_files([tmp_path])] == ["k.txt", "a.txt", "z.txt"]


def test_links_to_folders_are_followed_once_and_in_no_circle(tmp_path):
    for name in ("texts/a.txt", "elsewhere/b.txt", "elsewhere/below/c.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "texts" / "more").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "texts" / "again").symlink_to(tmp_path / "elsewhere" / "below")
    (tmp_path / "elsewhere" / "circle").symlink_to(tmp_path / "texts")
    found = ["texts/a.txt", "elsewhere/below/c.txt", "elsewhere/b.txt"]
    assert texts_of(tmp_path / "texts") == found


def test_folder_that_cannot_be_read(tmp_path, monkeypatch):
    def refuse(path):
        if str(path).endswith("private"):
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    scandir = os.scandir
    (tmp_path / "private").mkdir()
    (tmp_path / "a.txt").write_text("a")
    monkeypatch.setattr("os.scandir", refuse)
    with pytest.raises(ClintlError, match=r"CL112.*private.*Permission denied"):
        texts_of(tmp_path)


@pytest.mark.parametrize("marks", [["adaptation.json"], ["config.json", "tokenizer.json"]])
def test_encoders_in_a_folder_are_passed_over(tmp_path, marks):
    for name in ("a.txt", "config.json", "models/out/vocab.txt", "models/out/more/b.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "models" / "out" / "training_log.jsonl").write_text('{"step": 1}\n')
    found = ["a.txt", "models/out/more/b.txt", "models/out/vocab.txt"]
    counts = ReadCounts()
    assert texts_of(tmp_path, counts=counts) == found
    assert counts.bad == 1
    for name in marks:
        (tmp_path / "models" / "out" / name).write_text("{}")
    counts = ReadCounts()
    assert texts_of(tmp_path, counts=counts) == found[:1]
    assert (counts.bad, counts.passed_over) == (0, 1 + 2 + len(marks))
    with pytest.raises(ClintlError, match="CL110"):
        texts_of(tmp_path / "models" / "out")


def test_bad_records_are_counted_and_named_but_not_quoted(tmp_path):
    path = tmp_path / "notes.jsonl"
    lines = [
        json.dumps({"text": "good"}).encode(),
        b'{"text": "' + SECRET.encode(),
        json.dumps({"body": SECRET}).encode(),
        json.dumps({"text": 7, "note": SECRET}).encode(),
        b'{"text": "\xff' + SECRET.encode() + b'"}',
        b'{"text": "\\ud800 ' + SECRET.encode() + b'"}',
        b'["text"]',
        b"null",
        b'{"text": null}',
        b'{"text": "  \\n"}',
        json.dumps({"text": "good too"}).encode(),
    ]
    path.write_bytes(b"\n".join(lines))
    counts = ReadCounts()
    found = list(read_texts([path], counts=counts))
    assert [one.text for one in found] == ["good", "good too"]
    assert found[1].where == f"{path}, line 11"
    assert (counts.documents, counts.bad, counts.empty) == (2, 8, 1)
    report = "\n".join(counts.bad_named)
    for number in range(2, 10):
        assert f"{path}, line {number}: " in report
    assert "Jane" not in report
    assert "not valid JSON" in counts.bad_named[0]
    assert "no key 'text'" in counts.bad_named[1]


def test_only_the_first_bad_records_are_named(tmp_path):
    path = tmp_path / "notes.jsonl"
    path.write_text("{\n" * 500)
    counts = ReadCounts()
    assert texts_of(path, counts=counts) == []
    assert counts.bad == 500
    assert len(counts.bad_named) == 20


def test_text_file_in_another_encoding_is_a_bad_record(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes("dolor torácico".encode("latin-1"))
    counts = ReadCounts()
    assert texts_of(path, counts=counts) == []
    assert counts.bad_named == [f"{path}: not UTF-8"]


@pytest.mark.parametrize("cut", [10, 40])
def test_damaged_gzip_names_the_file(tmp_path, cut):
    path = tmp_path / "notes.jsonl.gz"
    path.write_bytes(gzip.compress(b'{"text": "a text that is long enough"}\n' * 9)[:cut])
    with pytest.raises(ClintlError, match=r"CL112.*notes\.jsonl\.gz"):
        texts_of(path)


@pytest.mark.parametrize(
    ("name", "content", "code"),
    [
        ("x.txt.gz", b"no gzip", "CL112"),
        ("x.spacy", b"no DocBin", "CL151"),
        ("x.spacy", b"", "CL151"),
    ],
)
def test_files_that_are_not_what_they_are_called(tmp_path, name, content, code):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ClintlError, match=rf"{code}.*{name}"):
        texts_of(tmp_path / name)


def test_missing_unknown_and_empty_paths(tmp_path):
    with pytest.raises(ClintlError, match="CL100"):
        texts_of(tmp_path / "nothing.txt")
    (tmp_path / "table.csv").write_text("a,b")
    with pytest.raises(ClintlError, match=r"CL111.*table\.csv"):
        texts_of(tmp_path / "table.csv")
    with pytest.raises(ClintlError, match="CL110"):
        texts_of(tmp_path)


def test_files_are_read_as_they_are_asked_for(tmp_path):
    path = tmp_path / "notes.jsonl"
    path.write_text('{"text": "a"}\n' * 100_000)
    counts = ReadCounts()
    next(read_texts([path], counts=counts))
    assert counts.documents == 1


LINES = b"\xef\xbb\xbfone\r\n\r\n  \ntwo,\xe2\x80\xa8still two\nthr\xffee\nfour"


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize(
    ("unit", "texts", "places", "bad"),
    [
        ("line", ["one", "two,\u2028still two", "four"], [1, 4, 6], ["line 5"]),
        ("paragraph", ["one"], [1], ["line 4"]),
        ("file", [], [], [""]),
    ],
)
def test_documents_of_a_text_file(tmp_path, pack, unit, texts, places, bad):
    path = tmp_path / f"notes.txt{'.gz' if pack is gzip.compress else ''}"
    path.write_bytes(pack(LINES))
    counts = ReadCounts()
    found = list(read_texts([path], counts=counts, txt_documents=unit))
    assert [one.text for one in found] == texts
    assert [one.where for one in found] == [f"{path}, line {place}" for place in places]
    assert counts.bad_named == [f"{path}{', ' if at else ''}{at}: not UTF-8" for at in bad]
    assert (counts.documents, counts.empty) == (len(texts), 0)


def test_paragraphs_of_a_text_file(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("\n\none,\nstill one\n\t\n\ntwo\n")
    found = list(read_texts([path], txt_documents="paragraph"))
    assert [(one.text, one.where) for one in found] == [
        ("one,\nstill one", f"{path}, line 3"),
        ("two", f"{path}, line 7"),
    ]


def test_unknown_kind_of_document_in_a_text_file(tmp_path):
    (tmp_path / "notes.txt").write_text("one")
    with pytest.raises(ClintlError, match=r"CL113.*'row'.*file, line, paragraph"):
        list(read_texts([tmp_path / "notes.txt"], txt_documents="row"))
