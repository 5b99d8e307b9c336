import json

import pytest
from transformers import AutoTokenizer, TrainerCallback

from spacy_clintl.adaptation import blocks
from spacy_clintl.adaptation import cut as cutting
from spacy_clintl.adaptation.adapt import adapt
from spacy_clintl.adaptation.corpus import choose_documents
from spacy_clintl.adaptation.cut import cut_if_large
from spacy_clintl.adaptation.settings import AdaptSettings
from tests.encoders import SENTENCES, make_wordpiece_bert


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_wordpiece_bert(tmp_path_factory.mktemp("cut") / "base", with_mlm_head=True)


def write(path, n_lines, first=0):
    lines = (f"{SENTENCES[i % 7]} Pneumonitis {i}." for i in range(first, first + n_lines))
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def cut(base, tmp_path, texts, **changes):
    work = tmp_path / "work"
    work.mkdir(exist_ok=True)
    for old in work.iterdir():
        old.unlink()
    settings, told = AdaptSettings(**changes), []
    tokenizer = AutoTokenizer.from_pretrained(base)
    corpus = choose_documents(texts, work, settings, told.append)
    found = cut_if_large(corpus, tokenizer, work, settings, told.append)
    assert cut_if_large(corpus, None, work, settings, print).cut == found.cut
    return found, told


def test_end_of_a_large_document_becomes_one_of_its_own(base, tmp_path):
    texts = [write(tmp_path / "a.txt", 3000), write(tmp_path / "b.txt", 3000, 5000)]
    corpus, told = cut(base, tmp_path, texts)
    found = [text.text for text in corpus.read()]
    assert len(found) == len(corpus) == 3
    assert [line.startswith("All documents are large") for line in told] == [False, True]
    number = corpus.cut[0]
    whole = texts[number].read_text()
    assert found[number] + found[number + 1] == whole
    # At the end of a line, and with about its share of the pieces.
    assert found[number + 1].startswith("\n")
    assert 0.03 < len(found[number + 1]) / sum(map(len, found)) < 0.06
    numbers = {cut(base, tmp_path, texts, seed=seed)[0].cut[0] for seed in range(6)}
    assert numbers == {0, 1}


def test_a_scrap_beside_large_documents_is_not_all_that_is_held_out(base, tmp_path):
    texts = [write(tmp_path / f"{i}.txt", 3000, 4000 * i) for i in range(3)]
    (tmp_path / "LICENSE.txt").write_text("All rights reserved.", encoding="utf-8")
    corpus, _ = cut(base, tmp_path, [*texts, tmp_path / "LICENSE.txt"])
    assert corpus.cut is not None
    tokenizer = AutoTokenizer.from_pretrained(base)
    for seed in range(5):
        sizes, held = blocks.choose_held_out(corpus.read(), tokenizer, held_out=0.05, seed=seed)
        assert 0.01 < sizes[held].sum() / sizes.sum() < 0.1


def test_end_of_a_single_large_document_is_held_out(base, tmp_path):
    text = write(tmp_path / "a.txt", 3000)
    corpus, told = cut(base, tmp_path, [text])
    found = [text.text for text in corpus.read()]
    assert len(found) == len(corpus) == 2
    assert "".join(found) == text.read_text()
    assert 0.03 < len(found[1]) / sum(map(len, found)) < 0.06
    assert told[-1] == "There is one document, a large one: its end is held out."


@pytest.mark.parametrize(
    ("lines", "changes"),
    [
        ([3000, 40], {}),
        ([300], {}),
        ([3000, 3000], {"held_out": 0}),
        ([150] * 12, {}),
        ([3000] * 2 + [10] * 9, {}),
    ],
)
def test_nothing_is_cut_where_a_document_can_be_held_out(base, tmp_path, lines, changes):
    texts = [write(tmp_path / f"{i}.txt", n, 4000 * i) for i, n in enumerate(lines)]
    corpus, told = cut(base, tmp_path, texts, **changes)
    assert corpus.cut is None
    # Told is only that files of so many lines may be many documents.
    assert all("--txt-documents line" in line for line in told)


class Stop(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 2:
            raise KeyboardInterrupt


@pytest.mark.parametrize("files", [1, 2])
@pytest.mark.parametrize("add_words", [0, 2])
def test_large_files_have_a_perplexity_and_are_trained_on(
    base, tmp_path, add_words, files, monkeypatch
):
    for module in (blocks, cutting):
        monkeypatch.setattr(module, "LARGE_DOCUMENT", 500)
        monkeypatch.setattr(module, "MAX_HELD_OUT_PIECES", 4000)
    texts = [write(tmp_path / f"{i}.txt", 300, 500 * i) for i in range(files)]
    values = {"max_steps": 3, "batch_size": 16, "block_length": 64, "precision": "fp32"}
    settings = AdaptSettings(**values, save_every=1, add_words=add_words, min_count=1)
    told = []
    with pytest.raises(KeyboardInterrupt):
        adapt(base, tmp_path / "out", texts, settings, tell=told.append, callbacks=[Stop()])
    report = adapt(base, tmp_path / "out", texts, settings, tell=told.append)
    assert report["resumed_from_step"] > 0
    text = report["text"]
    assert 0.03 * text["pieces"] < text["held_out_pieces"] < 0.07 * text["pieces"]
    assert (text["documents"], text["held_out_documents"]) == (files + 1, 1)
    assert text["words"] == sum(one["words"] for one in report["corpora"])
    assert report["corpus"]["cut"]
    assert report["held_out_perplexity"]["after"] is not None
    if add_words:
        pieces = report["vocabulary"]["held_out_pieces_per_word"]
        assert 1 < pieces["after"] < pieces["before"]
    assert sum("end" in line and "is held out" in line for line in told) == 2
    card = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert f"Used: {files} documents" in card
    assert f"{files} documents to train on, the end of one held out." in card
    assert report == json.loads((tmp_path / "out" / "adaptation.json").read_text())


def test_documents_that_are_left_out_do_not_count(base, tmp_path):
    long = [write(tmp_path / f"{name}.txt", 3000, n) for n, name in [(0, "a"), (4000, "b")]]
    other = tmp_path / "other.txt"
    # Enough to be held out alone.
    other.write_text("\n".join(f"Nothing else {n}." for n in range(300)))
    assert cut(base, tmp_path, [other, *long])[0].cut is None
    corpus, _ = cut(base, tmp_path, [other, *long], leave_out=(str(other),))
    assert corpus.cut[0] in (1, 2)
    assert len(list(corpus.read())) == len(corpus) == 3
