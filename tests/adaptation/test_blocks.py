import json
import warnings
from itertools import chain

import numpy as np
import pytest
from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from spacy_clintl.adaptation import blocks as module
from spacy_clintl.adaptation.blocks import (
    BlockOrder,
    Blocks,
    read_pieces,
    special_frame,
    write_pieces,
)
from tests.encoders import BUILDERS, SENTENCES, make_wordpiece_bert


@pytest.fixture(params=BUILDERS)
def tokenizer(request, tmp_path):
    return AutoTokenizer.from_pretrained(BUILDERS[request.param](tmp_path / "encoder"))


def write_texts(path, texts):
    path.write_text("".join(json.dumps({"text": t}) + "\n" for t in texts), encoding="utf-8")
    return path


def pieces_of(tmp_path, tokenizer, texts, *, held_out=0.0, seed=0):
    write_pieces(
        [write_texts(tmp_path / "t.jsonl", texts)],
        tokenizer,
        tmp_path,
        held_out=held_out,
        seed=seed,
    )
    return read_pieces(tmp_path)


def test_pieces_are_those_of_the_tokenizer(tmp_path, tokenizer):
    train, held, counts = pieces_of(tmp_path, tokenizer, SENTENCES)
    expected = []
    for text in SENTENCES:
        expected += [
            *tokenizer(text, add_special_tokens=False)["input_ids"],
            tokenizer.sep_token_id,
        ]
    assert train.tolist() == expected
    assert train.dtype == np.int32
    assert len(held) == 0
    assert (counts.documents, counts.pieces) == (len(SENTENCES), len(expected))
    assert counts.words == sum(len(text.split()) for text in SENTENCES)
    assert not (tmp_path / "all.bin").exists()


@pytest.mark.parametrize("names", ["cls and sep", "bos and eos", "none"])
def test_documents_have_borders_without_a_post_processor(tmp_path, names):
    tokenizer = AutoTokenizer.from_pretrained(make_wordpiece_bert(tmp_path / "encoder"))
    state = json.loads(tokenizer.backend_tokenizer.to_str())
    backend = Tokenizer.from_str(json.dumps({**state, "post_processor": None}))
    cls, sep = names.split(" and ") if names != "none" else (None, None)
    given = {f"{cls}_token": "[CLS]", f"{sep}_token": "[SEP]"} if cls else {}
    bare = PreTrainedTokenizerFast(tokenizer_object=backend, pad_token="[PAD]", **given)
    assert bare("a")["input_ids"] == bare("a", add_special_tokens=False)["input_ids"]
    assert special_frame(bare) == (special_frame(tokenizer) if cls else ([], []))
    train, _, _ = pieces_of(tmp_path, bare, SENTENCES[:3])
    assert (train == tokenizer.sep_token_id).sum() == (3 if cls else 0)


def test_blocks_are_full_framed_and_cover_the_text_once(tmp_path, tokenizer):
    train, _, _ = pieces_of(tmp_path, tokenizer, SENTENCES)
    blocks = Blocks(train, tokenizer, 16)
    rows = [blocks[i] for i in range(len(blocks))]
    assert {len(row["input_ids"]) for row in rows} == {16}
    assert all(row["attention_mask"].all() for row in rows[:-1])
    begin, end = special_frame(tokenizer)
    assert begin == [tokenizer.cls_token_id]
    assert end == [tokenizer.sep_token_id]
    inner = [row["input_ids"][row["attention_mask"] == 1][1:-1].tolist() for row in rows]
    assert list(chain(*inner)) == train.tolist()
    for row in rows:
        assert row["input_ids"][0] == tokenizer.cls_token_id
        special = np.isin(row["input_ids"], tokenizer.all_special_ids)
        assert (row["special_tokens_mask"] == special).all()
        assert (row["input_ids"][row["attention_mask"] == 0] == tokenizer.pad_token_id).all()
    with pytest.raises(IndexError):
        blocks[len(blocks)]


def test_long_documents_are_cut_for_the_tokenizer_only(tmp_path, tokenizer, monkeypatch, caplog):
    text = " ".join(SENTENCES * 3) + "\n" + " ".join(SENTENCES)
    whole, _, _ = pieces_of(tmp_path, tokenizer, [text])
    whole = whole.tolist()
    monkeypatch.setattr(module, "PORTION", 100)
    for batch in (10**6, 50):
        monkeypatch.setattr(module, "BATCH_CHARACTERS", batch)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            train, _, _ = pieces_of(tmp_path, tokenizer, [text])
        # SentencePiece-like vocabularies may put a lone blank at the seam of two portions.
        blank = tokenizer.convert_tokens_to_ids("▁")
        assert [i for i in train.tolist() if i != blank] == [i for i in whole if i != blank]
    assert "longer than" not in caplog.text


def test_portions_of_text_without_spaces():
    text = "x" * 250_000
    portions = list(module.portions(text))
    assert "".join(portions) == text
    assert max(map(len, portions)) <= module.PORTION


def test_words_across_a_cut_count_once(tmp_path, tokenizer, monkeypatch):
    monkeypatch.setattr(module, "PORTION", 20)
    texts = ["x" * 90, "a " * 45 + "y" * 50 + " b\n\n" + "z" * 30, "fever " * 9, "c" * 20 + "\td"]
    _, _, counts = pieces_of(tmp_path, tokenizer, texts)
    assert counts.words == sum(len(text.split()) for text in texts)


def test_held_out_documents_are_seeded_and_whole(tmp_path, tokenizer):
    texts = [f"{SENTENCES[i % 7]} {i}" for i in range(40)]
    train, held, counts = pieces_of(tmp_path, tokenizer, texts, held_out=0.1)
    rows = [
        [*tokenizer(t, add_special_tokens=False)["input_ids"], tokenizer.sep_token_id]
        for t in texts
    ]
    held = held.copy()  # further runs write to the file behind it
    ends = np.flatnonzero(held == tokenizer.sep_token_id) + 1
    chosen = [part.tolist() for part in np.split(held, ends[:-1])]
    assert counts.held_out_documents == len(chosen) == 4
    assert all(row in rows for row in chosen)
    assert len(train) + len(held) == counts.pieces
    again = pieces_of(tmp_path, tokenizer, texts, held_out=0.1)[1].tolist()
    other = pieces_of(tmp_path, tokenizer, texts, held_out=0.1, seed=1)[1].tolist()
    assert held.tolist() == again
    assert again != other


@pytest.mark.parametrize(
    ("n", "share", "expected"), [(1, 0.5, 0), (2, 0.01, 1), (2, 0.9, 1), (9, 0, 0)]
)
def test_something_is_left_to_train_on(n, share, expected):
    sizes = np.full(n, 10)
    assert module._choose_held_out(sizes, share, 0).sum() == expected


def test_held_out_part_is_limited():
    sizes = np.full(100_000, 100)
    chosen = module._choose_held_out(sizes, 0.5, 0)
    assert 0 <= sizes[chosen].sum() - module.MAX_HELD_OUT_PIECES < 100


def test_large_documents_are_not_held_out_where_others_are():
    cap = module.MAX_HELD_OUT_PIECES
    for seed in range(20):
        chosen = module._choose_held_out(np.asarray([70_000, 2_000]), 0.05, seed)
        assert chosen.tolist() == [False, True]
        # Below the cap, and still most of the text; also where no document is long.
        assert not module._choose_held_out(np.asarray([20_000, 500]), 0.05, seed)[0]
        assert not module._choose_held_out(np.asarray([3_000, 500]), 0.05, seed)[0]
        some = np.asarray([30_000, *[600] * 99])
        assert module._choose_held_out(some, 0.05, seed)[1:].sum() == 5
        many = np.asarray([9_000] * 40 + [400] * 400)
        held = many[module._choose_held_out(many, 0.5, seed)].sum()
        assert 0.7 * cap < held < cap + 400
        assert not module._choose_held_out(np.asarray([70_000, 70_000]), 0.05, seed).any()


def test_documents_of_usual_length_are_chosen_as_ever():
    # A run that goes on, or is done again, has the held-out part that it had.
    numbers = np.random.default_rng(0)
    for seed, share, n in [(0, 0.05, 400), (1, 0.05, 5_000), (2, 0.5, 900), (3, 0.1, 60)]:
        sizes = numbers.lognormal(5, 1, n).astype(int).clip(0, module.LARGE_DOCUMENT)
        order = np.random.default_rng([seed, n]).permutation(n)[: round(share * n)]
        before = np.cumsum(sizes[order]) - sizes[order]
        expected = sorted(order[before < module.MAX_HELD_OUT_PIECES])
        assert np.flatnonzero(module._choose_held_out(sizes, share, seed)).tolist() == expected


def test_half_written_pieces_do_not_count(tmp_path, tokenizer):
    pieces_of(tmp_path, tokenizer, SENTENCES)
    (tmp_path / module.COUNTS_FILE).unlink()
    assert read_pieces(tmp_path) is None


def test_order_goes_through_every_block_each_pass_and_can_be_entered_anywhere(tmp_path, tokenizer):
    blocks = Blocks(np.arange(1000, dtype=np.int32) + 100, tokenizer, 12)
    n = len(blocks)
    run = BlockOrder(blocks, first=0, count=2 * n + 5, seed=3)
    rows = [run[i] for i in range(len(run))]
    first = [tuple(row["input_ids"]) for row in rows[:n]]
    second = [tuple(row["input_ids"]) for row in rows[n : 2 * n]]
    assert (
        sorted(first) == sorted(second) == sorted(tuple(blocks[i]["input_ids"]) for i in range(n))
    )
    assert first != second
    assert [row["position"] for row in rows] == list(range(2 * n + 5))
    late = BlockOrder(blocks, first=n - 2, count=9, seed=3)
    assert [tuple(late[i]["input_ids"]) for i in range(9)] == (first + second)[n - 2 : n + 7]
    with pytest.raises(IndexError):
        late[9]
