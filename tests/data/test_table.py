import gzip
import json

import pytest

from spacy_clintl.data.formats.table import read_table
from spacy_clintl.data.records import ConversionCounts
from spacy_clintl.errors import ClintlError


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
    [record], _ = read(path, text="note", label=["section"], id_column="ID")
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
