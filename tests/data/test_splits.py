from collections import Counter

import pytest
import spacy
from spacy.tokens import Doc, Span

from spacy_clintl.data.docbin import docbin_writer, iter_docbin
from spacy_clintl.data.splits import fold_corpus, labels_of, split_corpus, stratify
from spacy_clintl.errors import ClintlError

VOCAB = spacy.blank("en").vocab
SHARES = {"train": 0.6, "dev": 0.2, "test": 0.2}


@pytest.fixture
def corpus(tmp_path):
    """200 documents of 40 patients with three uneven labels, one of them rare."""
    path = tmp_path / "all.spacy"
    with docbin_writer(path, tokens_a_file=100) as add:
        for i in range(200):
            doc = Doc(VOCAB, words=["note", str(i)])
            doc.cats = {"t/a": float(i % 2), "t/b": float(i % 5 == 0), "t/rare": float(i % 20 == 0)}
            doc.user_data["id"] = str(i)
            doc.user_data["meta"] = {"patient": i // 5}
            add(doc)
    return path


def read(folder, names=SHARES):
    return {name: list(iter_docbin(folder / f"{name}.spacy", VOCAB)) for name in names}


def ids(docs):
    return [doc.user_data["id"] for doc in docs]


def test_a_split_takes_each_document_once_in_the_given_shares(corpus, tmp_path):
    split = split_corpus(corpus, tmp_path / "out", SHARES)
    parts = read(tmp_path / "out")
    assert sorted(i for docs in parts.values() for i in ids(docs)) == sorted(map(str, range(200)))
    assert {name: len(docs) for name, docs in parts.items()} == {
        "train": 120,
        "dev": 40,
        "test": 40,
    }
    assert {name: part.documents for name, part in split.parts.items()} == {
        "train": 120,
        "dev": 40,
        "test": 40,
    }
    assert parts["dev"][0].user_data["meta"]["patient"] == int(ids(parts["dev"])[0]) // 5


def test_a_split_keeps_the_share_of_every_label(corpus, tmp_path):
    split_corpus(corpus, tmp_path / "out", SHARES)
    for name, docs in read(tmp_path / "out").items():
        counts = Counter(label for doc in docs for label in labels_of(doc))
        assert counts["t/a"] == SHARES[name] * 100
        assert counts["t/b"] == SHARES[name] * 40
        assert counts["t/rare"] == SHARES[name] * 10


def test_the_seed_alone_decides(corpus, tmp_path):
    for name, seed in (("one", 1), ("again", 1), ("two", 2)):
        split_corpus(corpus, tmp_path / name, SHARES, seed=seed)
    one, again, two = (ids(read(tmp_path / name)["dev"]) for name in ("one", "again", "two"))
    assert one == again
    assert one != two


def test_no_group_is_on_two_sides(corpus, tmp_path):
    split = split_corpus(corpus, tmp_path / "out", SHARES, group="patient")
    patients = [
        {doc.user_data["meta"]["patient"] for doc in docs}
        for docs in read(tmp_path / "out").values()
    ]
    assert sum(map(len, patients)) == len(set.union(*patients)) == 40
    assert split.parts["train"].groups == len(patients[0])
    assert split.ungrouped == 0
    for name, docs in read(tmp_path / "out").items():
        rare = sum(doc.cats["t/rare"] for doc in docs)
        assert abs(len(docs) - SHARES[name] * 200) <= 10
        assert abs(rare - SHARES[name] * 10) <= 1


def test_documents_without_the_group_go_their_own_way_and_are_counted(tmp_path):
    with docbin_writer(tmp_path / "a.spacy") as add:
        for i in range(12):
            doc = Doc(VOCAB, words=[str(i)])
            doc.user_data["meta"] = {"patient": "p"} if i < 4 else {"patient": None}
            add(doc)
    split = split_corpus(
        tmp_path / "a.spacy", tmp_path / "out", {"x": 0.5, "y": 0.5}, group="patient"
    )
    assert split.ungrouped == 8
    assert {part.documents for part in split.parts.values()} == {6}
    assert sum(part.groups for part in split.parts.values()) == 9


def test_folds_test_each_document_once_and_train_on_the_others(corpus, tmp_path):
    fold_corpus(corpus, tmp_path / "folds", 5, group="patient")
    tested = []
    for i in range(5):
        fold = read(tmp_path / "folds" / f"fold-{i}", ("train", "test"))
        train, test = set(ids(fold["train"])), set(ids(fold["test"]))
        assert not train & test
        assert len(train | test) == 200
        assert {int(n) // 5 for n in train}.isdisjoint(int(n) // 5 for n in test)
        tested += ids(fold["test"])
    assert sorted(tested) == sorted(map(str, range(200)))


def test_entities_and_tasks_are_spread_too():
    doc = Doc(VOCAB, words=["fever", "and", "cough"])
    assert labels_of(doc) == set()
    doc.set_ents([Span(doc, 0, 1, "SIGN")])
    doc.cats = {"t/x": 1.0, "t/y": 0.0}
    assert labels_of(doc) == {"SIGN", "(entities)", "t/x", "(t)"}
    assert stratify([{"a": 1}] * 4 + [{"b": 1}] * 4, [1] * 8, [1, 1], 0).count(0) == 4


def test_bad_splits_are_named_and_leave_nothing(corpus, tmp_path):
    out = tmp_path / "out"
    for shares in ({"train": 1.0}, {"train": 0.5, "dev": 0.0}, {"train": 2, "dev": -1}):
        with pytest.raises(ClintlError, match="no split"):
            split_corpus(corpus, out, shares)
    with pytest.raises(ClintlError, match="no split"):
        fold_corpus(corpus, out, 1)
    with pytest.raises(ClintlError, match=r"'hospital'.*patient"):
        split_corpus(corpus, out, SHARES, group="hospital")
    with pytest.raises(ClintlError, match="40 groups, too few for 41"):
        fold_corpus(corpus, out, 41, group="patient")
    with pytest.raises(ClintlError, match=r"'tiny'.*empty"):
        split_corpus(corpus, out, {"train": 1.0, "tiny": 1e-9})
    with pytest.raises(ClintlError, match="does not exist"):
        split_corpus(tmp_path / "none.spacy", out, SHARES)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["all.spacy"]
