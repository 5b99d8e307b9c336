import gzip
import json
import sys

import pytest

from spacy_clintl.data.convert import convert
from spacy_clintl.data.formats.table import read_table
from spacy_clintl.data.records import ConversionCounts
from spacy_clintl.errors import ClintlError
from tests.corpora import DATA, needs_data


def read(*paths, **options):
    counts = ConversionCounts()
    return list(read_table(list(paths), counts, **options)), counts


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def test_exclusive_csv_lists_every_label_of_all_files(tmp_path):
    one = write(tmp_path / "1.csv", '\ufefflabel,text\nb,"two\nlines, 🤕"\n,"no label"\n')
    two = write(tmp_path / "2.csv", "label,text\n a/x ,z\n")
    records, counts = read(one, two, task="field")
    assert [r.cats for r in records] == [
        {"field/a/x": 0.0, "field/b": 1.0},
        None,
        {"field/a/x": 1.0, "field/b": 0.0},
    ]
    assert records[0].text == "two\nlines, 🤕"
    assert [r.where for r in records] == [f"{one}:2", f"{one}:4", f"{two}:2"]
    assert len({r.id for r in records}) == 3
    assert not counts.skipped


def test_the_label_column_names_the_task_and_ids_are_kept(tmp_path):
    path = write(tmp_path / "a.tsv", "ID\tsection\tnote\n007\tEXAM\tx\n")
    [record], _ = read(path, text=["note"], label=["section"], id_column="ID")
    assert (record.cats, record.id) == ({"section/EXAM": 1.0}, "007")


def test_train_and_dev_share_labels(tmp_path):
    train = write(tmp_path / "train.csv", "label,text\na,x\nb,y\nc,z\n")
    dev = write(tmp_path / "dev.csv", "label,text\nb,x\n")
    [record], _ = read(dev, task="t", labels_from=train)
    assert record.cats == {"t/a": 0.0, "t/b": 1.0, "t/c": 0.0}
    listed = write(tmp_path / "labels.txt", "b\nd\n\n")
    [record], _ = read(dev, task="t", labels_from=listed)
    assert record.cats == {"t/b": 1.0, "t/d": 0.0}
    with pytest.raises(ClintlError, match=r"train.csv:2.*'a'"):
        read(train, labels_from=dev)
    with pytest.raises(ClintlError, match="CL149"):
        read(dev, labels=["b"], labels_from=train)


def test_multi_label_json_lines(tmp_path):
    path = tmp_path / "a.jsonl.gz"
    rows = [
        {"text": "x", "labels": ["a", "b"]},
        {"text": "y", "labels": []},
        {"text": "z", "labels": None},
        {"text": "z"},
        {"text": "u", "labels": "b;c"},
        {"text": "v", "labels": {"a": 1}},
        {"text": "", "labels": ["a"]},
    ]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, rows)).encode() + b"\n{oops\n"))
    records, counts = read(path, label=["labels"], task="t", exclusive=False)
    assert [r.cats for r in records] == [
        {"t/a": 1.0, "t/b": 1.0, "t/c": 0.0},
        {"t/a": 0.0, "t/b": 0.0, "t/c": 0.0},
        None,
        None,
        {"t/a": 0.0, "t/b": 1.0, "t/c": 1.0},
    ]
    assert [(where.split(":")[-1], reason[:12]) for where, reason in counts.skipped] == [
        ("6", "the label is"),
        ("7", "no text"),
        ("8", "invalid JSON"),
    ]


def test_multi_label_csv(tmp_path):
    path = write(tmp_path / "a.csv", "text;labels\nx;a|b\ny;\n")
    options = {"label": ["labels"], "exclusive": False, "task": "t", "label_delimiter": "|"}
    records, _ = read(path, column_delimiter=";", **options)
    assert [r.cats for r in records] == [{"t/a": 1.0, "t/b": 1.0}, {"t/a": 0.0, "t/b": 0.0}]


def test_one_column_a_label_with_gaps(tmp_path):
    path = write(tmp_path / "a.csv", "text,pain,fever\nx,1,0\ny,,1\nz,,\nu,maybe,1\n")
    options = {"label": ["pain", "fever"], "task": "t"}
    records, counts = read(path, exclusive=False, **options)
    assert [r.cats for r in records] == [{"t/pain": 1.0, "t/fever": 0.0}, {"t/fever": 1.0}, None]
    assert [where for where, _ in counts.skipped] == [f"{path}:5"]
    with pytest.raises(ClintlError, match="--multi-label"):
        read(path, **options)


def test_rows_that_cannot_be_used_are_skipped_and_named(tmp_path):
    path = write(tmp_path / "a.csv", 'label,text\na,x\na\nb,"y",z\nb," "\n')
    records, counts = read(path)
    assert len(records) == 1
    assert [where for where, _ in counts.skipped] == [f"{path}:{n}" for n in (3, 4, 5)]
    path = write(tmp_path / "a.jsonl", '{"text": "x", "label": ["a", "b"]}\n[]\n')
    with pytest.raises(ClintlError, match="CL148"):
        read(path)
    with pytest.raises(ClintlError, match=r"2 lines skipped.*2 labels in an exclusive task"):
        read(path, labels=["a", "b"])


@pytest.mark.parametrize(
    ("name", "content", "options", "message"),
    [
        ("a.csv", "label,note\na,x\n", {}, r"no column 'text'.*label, note"),
        ("a.csv", "class,text\na,x\n", {}, r"no column 'label'.*class, text"),
        ("a.jsonl", '{"text": "x", "y": 1}\n', {}, r"no column 'label'.*text, y"),
        ("a.csv", "", {}, "CL134"),
        ("a.csv", "label,text\n", {}, "CL134"),
        ("a.csv", "label,text\n,x\n", {}, "CL148"),
        ("a.csv", "label,text\na,x\n", {"task": "a/b"}, "CL146"),
        ("a.csv", "label,text\na,x\n", {"column_delimiter": "::"}, "CL133"),
    ],
)
def test_unusable_tables(tmp_path, name, content, options, message):
    with pytest.raises(ClintlError, match=message):
        read(write(tmp_path / name, content), **options)


def parquet(path, **columns):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow.parquet import write_table

    write_table(pyarrow.table(columns), path)
    return path


def test_parquet_has_the_types_that_columns_have(tmp_path):
    n = 600
    path = parquet(
        tmp_path / "a.parquet",
        text=["Schmerz\u00a0🤕", None, *["x"] * (n - 2)],
        label=[["a", "b"], [], None, *[["c"]] * (n - 3)],
        id=list(range(n)),
        stay=[7.5, None, *[1.0] * (n - 2)],
    )
    options = {"exclusive": False, "task": "t", "document_column": "stay", "meta_columns": ["id"]}
    records, counts = read(path, **options)
    assert len(records) == n - 1
    assert records[0].text == "Schmerz\u00a0🤕"
    assert records[0].cats == {"t/a": 1.0, "t/b": 1.0, "t/c": 0.0}
    assert records[0].meta == {"document": "7.5", "table": {"id": 0}}
    assert [records[1].cats, records[1].id, records[1].where] == [None, "2", f"{path}:3"]
    assert records[-1].where == f"{path}:{n}"
    assert counts.skipped == [(f"{path}:2", "no text")]
    converted = convert("table", path, tmp_path / "a.spacy", options=options)
    assert (converted.documents, converted.categories["t/c"]) == (n - 1, n - 3)


def test_parquet_labels_that_are_numbers(tmp_path):
    path = parquet(tmp_path / "a.parquet", text=["x", "y"], label=[1, 0])
    assert [r.cats for r in read(path)[0]] == [
        {"label/0": 0.0, "label/1": 1.0},
        {"label/0": 1.0, "label/1": 0.0},
    ]


def test_parquet_that_cannot_be_read(tmp_path, monkeypatch):
    path = parquet(tmp_path / "a.parquet", note=["secret"], label=["a"])
    with pytest.raises(ClintlError, match=r"CL145.*'text'.*note, label"):
        read(path)
    whole = path.read_bytes()
    for damaged in (b"", b"PAR1", whole[:-9], whole[:20] + b"xxxxx" + whole[25:]):
        path.write_bytes(damaged)
        with pytest.raises(ClintlError, match=r"CL136.*a.parquet"):
            read(path, text=["note"])
    with pytest.raises(ClintlError, match="CL100"):
        read(tmp_path / "none.parquet")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ClintlError, match=r"CL188.*spacy-clintl\[formats\]"):
        read(path)


def test_texts_joined_groups_and_further_columns(tmp_path):
    path = write(
        tmp_path / "a.csv",
        "stay,who,site,title,body,label,age\n1,p1,A,Head,Body,a,40\n1,, ,,Body,b,\n2,p2,B,, ,b,1\n",
    )
    records, counts = read(
        path,
        text=["title", "body"],
        text_delimiter=r"\n--\n",
        document_column="stay",
        patient_column="who",
        source_column="site",
        meta_columns=["age"],
    )
    assert [r.text for r in records] == ["Head\n--\nBody", "Body"]
    assert records[0].meta == {
        "document": "1",
        "patient": "p1",
        "source": "A",
        "table": {"age": "40"},
    }
    assert records[1].meta == {"document": "1", "table": {"age": ""}}
    assert counts.skipped == [(f"{path}:4", "no text")]
    for option in ("id_column", "patient_column"):
        with pytest.raises(ClintlError, match=r"CL145.*'nobody'"):
            read(path, text=["body"], **{option: "nobody"})


def test_long_cells_line_breaks_nul_and_line_ends(tmp_path):
    text = "Satz,\r\nnoch einer \u2028 e\u0301 \x00\u00a0\n" * 200_000
    path = tmp_path / "a.csv"
    path.write_bytes(b'\xef\xbb\xbftext,label\r\n"' + text.encode() + b'",a\r\ny,b\r\n')
    [long, short], counts = read(path)
    if sys.version_info >= (3, 11):
        assert long.text == text
    assert (short.text, short.where) == ("y", f"{path}:{2 + 400_000 + 1}")
    assert not counts.skipped


def test_encodings(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes("text,label\nFièvre à 39°,a\n".encode("cp1252"))
    with pytest.raises(ClintlError, match=r"CL186.*a.csv.*utf-8.*encoding=NAME"):
        read(path)
    [record], _ = read(path, encoding="cp1252")
    assert record.text == "Fièvre à 39°"
    path.write_bytes(gzip.compress("text,label\nFièvre,a\n".encode("utf-16")))
    [record], _ = read(path.rename(tmp_path / "b.csv.gz"), encoding="utf-16")
    assert record.text == "Fièvre"
    for wrong in ("nonsense", "hex", "a\x00b"):
        with pytest.raises(ClintlError, match="CL187"):
            read(path, encoding=wrong)


def test_quotes_are_never_mended_by_guessing(tmp_path):
    path = write(
        tmp_path / "a.csv", 'text,label\n"He said "ouch" twice",a\n5" scar,b\n"no end,b\nx,a\n'
    )
    records, counts = read(path)
    assert [(r.text, r.where) for r in records] == [('5" scar', f"{path}:3")]
    assert [(where, reason.partition(" (")[0]) for where, reason in counts.skipped] == [
        (f"{path}:2", "text behind a closing quote"),
        (f"{path}:4", "a quote is opened and not closed"),
    ]
    tabs = write(tmp_path / "a.tsv", 'text\tlabel\n"Ouch" he said\ta\n"no end\tb\n')
    records, counts = read(tabs, quoted=False)
    assert [r.text for r in records] == ['"Ouch" he said', '"no end']
    assert not counts.skipped


def test_a_quote_without_end_does_not_fill_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("spacy_clintl.data.formats.rows.CELL", 1000)
    import csv

    before = csv.field_size_limit(1000)
    try:
        path = write(tmp_path / "a.csv", 'text,label\nx,a\n"open,a\n' + "y,b\n" * 1000)
        with pytest.raises(ClintlError, match=r"CL136.*a.csv.*not closed.*line 3"):
            read(path)
    finally:
        csv.field_size_limit(before)


def test_json_that_python_or_spacy_cannot_hold(tmp_path):
    path = write(
        tmp_path / "a.jsonl",
        '{"text": "x", "label": "a"}\n{"text": "\\ud800", "label": "a"}\n'
        + "[" * 100_000
        + '\n{"text": "x", "label": '
        + "9" * 5000
        + '}\n{"text": "\\ud83e\\udd15", "label": "a"}\n',
    )
    records, counts = read(path)
    assert [r.text for r in records] == ["x", "🤕"]
    assert [where for where, _ in counts.skipped] == [f"{path}:{n}" for n in (2, 3, 4)]


def test_headers_that_do_not_fit(tmp_path):
    path = write(tmp_path / "a.csv", "text,label,text\nx,a,y\n")
    with pytest.raises(ClintlError, match=r"CL185.*a.csv.*'text' twice"):
        read(path)
    text = "The patient is a secret of the house"
    path = write(tmp_path / "b.csv", f"0,EXAM,{text}\n1,PLAN,x\n")
    with pytest.raises(ClintlError, match=r"CL145.*0, EXAM, \(a name of 36 characters\)"):
        read(path)


def test_other_files_of_the_folder_are_passed_over(tmp_path):
    write(tmp_path / "README.md", "# About")
    write(tmp_path / "notes.txt", "text,label\nx,a\n")
    write(tmp_path / "a.csv", "text,label\nx,a\n")
    counts = convert("table", tmp_path, tmp_path / "out" / "a.spacy")
    assert counts.documents == 1
    assert [where for where, _ in counts.skipped] == [str(tmp_path / "notes.txt")]
    assert convert("table", tmp_path / "notes.txt", tmp_path / "out" / "a.spacy").documents == 1


# Counted with the csv and json modules alone.
@needs_data
@pytest.mark.parametrize(
    ("source", "options", "documents", "n_labels", "categories"),
    [
        (
            "medical_abstracts/train.csv",
            {"task": "t"},
            1900,
            5,
            {"t/neoplasms": 422, "t/general pathological conditions": 616},
        ),
        (
            "hoc/train.jsonl",
            {"task": "t", "label": "labels", "exclusive": "false"},
            1300,
            10,
            {"t/Resisting cell death": 290, "t/Avoiding immune destruction": 69},
        ),
        (
            "mts_dialog",
            {"task": "t", "label": "section_header", "text": "dialogue", "id_column": "ID"},
            1501,
            20,
            {"t/FAM/SOCHX": 418, "t/GENHX": 355, "t/LABS": 4},
        ),
        (
            "mts_dialog/train.csv",
            {"task": "t", "label": "section_header", "text": "section_text,dialogue"},
            1201,
            20,
            {"t/FAM/SOCHX": 351, "t/PROCEDURES": 3},
        ),
    ],
)
def test_public_corpora(tmp_path, source, options, documents, n_labels, categories):
    counts = convert("table", DATA / source, tmp_path / "a.spacy", options=options)
    assert counts.documents == counts.documents_with_categories_annotated == documents
    assert not counts.skipped
    assert len(counts.categories) == n_labels
    assert {name: counts.categories[name] for name in categories} == categories
