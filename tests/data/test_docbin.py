import catalogue
import numpy
import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from spacy_clintl.data.docbin import docbin_files, docbin_writer, iter_docbin

DATA = {"id": "n1", "meta": {"a": [1, {"b": None}]}, "scores": numpy.arange(3.0)}


def make(n):
    vocab = spacy.blank("en").vocab
    docs = [Doc(vocab, words=["a", str(i)], spaces=[True, False]) for i in range(n)]
    for doc in docs:
        doc.user_data.update(DATA)
    return docs


def same(data):
    assert (data["id"], data["meta"]["a"][1]) == ("n1", {"b": None})
    numpy.testing.assert_array_equal(data["scores"], DATA["scores"])


def test_spacy_reads_what_we_write_and_we_what_spacy_writes(tmp_path):
    with docbin_writer(tmp_path / "a.spacy", tokens_a_file=5) as add:
        for doc in make(3):
            add(doc)
    files = docbin_files(tmp_path / "a.spacy")
    docs = [doc for file in files for doc in DocBin().from_disk(file).get_docs(Vocab())]
    assert ([doc.text for doc in docs], len(files)) == (["a 0", "a 1", "a 2"], 2)
    for doc in docs:
        same(doc.user_data)
    DocBin(docs=make(2), store_user_data=True).to_disk(tmp_path / "b.spacy")
    docs = list(iter_docbin(tmp_path / "b.spacy", Vocab()))
    assert [doc.text for doc in docs] == ["a 0", "a 1"]
    for doc in docs:
        same(doc.user_data)


@pytest.mark.parametrize("store", [True, False])
def test_docs_without_user_data(tmp_path, store):
    docs = [Doc(Vocab(), words=["x"])] * 2
    DocBin(docs=docs, store_user_data=store).to_disk(tmp_path / "a.spacy")
    assert [doc.user_data for doc in iter_docbin(tmp_path / "a.spacy", Vocab())] == [{}, {}]


def test_registries_are_not_searched_once_a_document(tmp_path, monkeypatch):
    calls = []
    search = catalogue.Registry.get_all
    monkeypatch.setattr(
        catalogue.Registry, "get_all", lambda self: calls.append(self) or search(self)
    )
    docs = make(50)
    calls.clear()
    with docbin_writer(tmp_path / "a.spacy") as add:
        for doc in docs:
            add(doc)
    assert len(list(iter_docbin(tmp_path / "a.spacy", Vocab()))) == 50
    assert len(calls) < 10


def test_words_are_forgotten_after_each_file(tmp_path):
    with docbin_writer(tmp_path / "a.spacy", tokens_a_file=20) as add:
        for doc in make(100):
            add(doc)
    for forget, n in ((False, 101), (True, 11)):
        vocab = Vocab()
        before = len(vocab.strings)
        texts, most = [], 0
        for doc in iter_docbin(tmp_path / "a.spacy", vocab, forget=forget):
            texts.append(doc.text)
            most = max(most, len(vocab.strings) - before)
        assert texts == [f"a {i}" for i in range(100)]
        assert n <= most < n + 20
