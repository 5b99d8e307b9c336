import json
import warnings
from itertools import chain

import numpy as np
import pytest
from transformers import AutoTokenizer

from spacy_clintl.adaptation import blocks as module
from spacy_clintl.adaptation.blocks import (
    BlockOrder,
    Blocks,
    read_pieces,
    special_frame,
    write_pieces,
)
from tests.encoders import BUILDERS, SENTENCES


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
