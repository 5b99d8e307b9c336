import math

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from spacy_clintl.adaptation.blocks import Blocks
from spacy_clintl.adaptation.masked_lm import (
    ROWS_MULTIPLE,
    MaskingCollator,
    autocasting,
    average_with_base,
    held_out_loss,
    load_masked_lm,
    masked_lm_loss,
    start_at_frequencies,
)
from spacy_clintl.errors import ClintlError
from tests.encoders import BUILDERS, SENTENCES, make_wordpiece_bert


def make_batch(folder, *, length=20, probability=0.3):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ids = tokenizer(" ".join(SENTENCES), add_special_tokens=False)["input_ids"]
    blocks = Blocks(np.asarray(ids, dtype=np.int32), tokenizer, length)
    collator = MaskingCollator(tokenizer, mlm_probability=probability, seed=5)
    rows = [{**blocks[i], "position": i} for i in range(len(blocks))]
    return collator, blocks, collator(rows)


@pytest.mark.parametrize("with_head", [True, False])
@pytest.mark.parametrize("kind", BUILDERS)
def test_masked_only_loss_and_gradients_equal_those_of_the_whole_vocabulary(
    tmp_path, kind, with_head
):
    folder = BUILDERS[kind](tmp_path, with_mlm_head=with_head)
    model, fresh = load_masked_lm(folder)
    assert fresh is not with_head
    model.eval()
    _, _, batch = make_batch(folder)
    assert not batch["attention_mask"].all()
    whole = model(**batch).loss
    whole.backward()
    expected = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad()
    sizes = []
    head = model.get_output_embeddings()
    hook = head.register_forward_hook(lambda m, a, o: sizes.append(o.shape[:-1].numel()))
    loss = masked_lm_loss(model, batch)
    loss.backward()
    hook.remove()
    n_masked = int((batch["labels"] != -100).sum())
    assert sizes == [math.ceil(n_masked / ROWS_MULTIPLE) * ROWS_MULTIPLE]
    assert sizes[0] < batch["labels"].numel()
    assert torch.allclose(loss, whole, atol=1e-5)
    for name, parameter in model.named_parameters():
        if name in expected:
            assert torch.allclose(parameter.grad, expected[name], atol=1e-5), name
    # The hook is gone again.
    assert model(**batch).logits.shape[:2] == batch["input_ids"].shape


@pytest.mark.parametrize("kind", BUILDERS)
def test_batch_without_masks_gives_zero_and_changes_nothing(tmp_path, kind):
    model, _ = load_masked_lm(BUILDERS[kind](tmp_path))
    _, _, batch = make_batch(tmp_path)
    batch["labels"][:] = -100
    loss = masked_lm_loss(model, batch)
    loss.backward()
    assert loss.item() == 0
    assert all(p.grad is None or not p.grad.any() for p in model.parameters())


def test_hook_is_removed_after_an_error(tmp_path):
    model, _ = load_masked_lm(make_wordpiece_bert(tmp_path))
    _, _, batch = make_batch(tmp_path)
    with pytest.raises(TypeError):
        masked_lm_loss(model, {**batch, "no_such_argument": 1})
    assert not model.base_model._forward_hooks


def test_fresh_decoder_is_tied_and_saved_heads_are_found_again(tmp_path):
    model, fresh = load_masked_lm(make_wordpiece_bert(tmp_path / "base"))
    assert fresh
    assert model.get_output_embeddings().weight is model.get_input_embeddings().weight
    model.save_pretrained(tmp_path / "out")
    again, fresh = load_masked_lm(tmp_path / "out")
    assert not fresh
    assert torch.equal(
        again.cls.predictions.transform.dense.weight, model.cls.predictions.transform.dense.weight
    )


def test_weights_of_another_encoder_are_refused(tmp_path):
    make_wordpiece_bert(tmp_path)
    weights = load_file(tmp_path / "model.safetensors")
    kept = {k: v for k, v in weights.items() if "layer.1." not in k}
    save_file(kept, tmp_path / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ClintlError, match=r"CL203.*layer\.1"):
        load_masked_lm(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"nonsense")
    with pytest.raises(ClintlError, match="CL204"):
        load_masked_lm(tmp_path)


@pytest.mark.parametrize("kind", BUILDERS)
def test_fresh_head_starts_at_the_frequencies(tmp_path, kind):
    folder = BUILDERS[kind](tmp_path)
    torch.manual_seed(0)
    model, _ = load_masked_lm(folder)
    collator, blocks, _ = make_batch(folder)
    context = autocasting(torch.device("cpu"), None)
    measure = {"batch_size": 2, "context": context}
    before = held_out_loss(model, blocks, collator, **measure)
    start_at_frequencies(model, blocks.pieces)
    after = held_out_loss(model, blocks, collator, **measure)
    shares = np.unique(blocks.pieces, return_counts=True)[1] / len(blocks.pieces)
    entropy = -(shares * np.log(shares)).sum()
    assert abs(before - np.log(model.config.vocab_size)) < 0.5
    assert abs(after - entropy) < 0.5
    assert after < before - 0.5


def test_masks_depend_on_seed_and_position_alone(tmp_path):
    make_wordpiece_bert(tmp_path)
    collator, blocks, _ = make_batch(tmp_path)
    rows = [{**blocks[i], "position": i} for i in range(4)]
    state = torch.get_rng_state()
    first = collator(rows)
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    again = collator(rows)
    later = collator([{**row, "position": row["position"] + 4} for row in rows])
    other = MaskingCollator(collator.tokenizer, mlm_probability=0.3, seed=6)(rows)
    for key in first:
        assert torch.equal(first[key], again[key])
    assert not torch.equal(first["labels"], later["labels"])
    assert not torch.equal(first["labels"], other["labels"])
    assert "position" not in first
    parts = [collator(rows[:1]), collator(rows[1:])]
    for key in first:
        assert torch.equal(first[key], torch.cat([part[key] for part in parts]))


def test_chosen_pieces_become_the_mask_a_random_piece_or_stay(tmp_path):
    make_wordpiece_bert(tmp_path)
    collator, blocks, _ = make_batch(tmp_path, probability=0.5)
    rows = [{**blocks[0], "position": i} for i in range(2000)]
    ids = np.stack([row["input_ids"] for row in rows])
    batch = collator(rows)
    chosen = (batch["labels"] != -100).numpy()
    became, was = batch["input_ids"].numpy()[chosen], ids[chosen]
    assert (batch["labels"].numpy()[chosen] == was).all()
    assert (batch["input_ids"].numpy()[~chosen] == ids[~chosen]).all()
    inner = np.stack([row["special_tokens_mask"] for row in rows]) == 0
    assert chosen[inner].mean() == pytest.approx(0.5, abs=0.01)
    masked, stayed = became == collator.tokenizer.mask_token_id, became == was
    assert masked.mean() == pytest.approx(0.8, abs=0.01)
    assert stayed.mean() == pytest.approx(0.1, abs=0.01)
    others = became[~masked & ~stayed]
    assert len(np.unique(others)) > 0.85 * len(collator.tokenizer)


def test_special_pieces_and_filling_are_never_masked(tmp_path):
    make_wordpiece_bert(tmp_path)
    collator, _, batch = make_batch(tmp_path, probability=0.99)
    assert not np.isin(batch["labels"], collator.tokenizer.all_special_ids).any()
    assert (batch["labels"][batch["attention_mask"] == 0] == -100).all()
    assert (batch["labels"] != -100).float().mean() > 0.7


def test_held_out_loss_is_the_mean_over_pieces_for_any_batch_size(tmp_path):
    model, _ = load_masked_lm(make_wordpiece_bert(tmp_path))
    collator, blocks, _ = make_batch(tmp_path)
    context = autocasting(torch.device("cpu"), None)
    one = held_out_loss(model, blocks, collator, batch_size=1, context=context)
    assert one == held_out_loss(model, blocks, collator, batch_size=1, context=context)
    empty = Blocks(np.empty(0, dtype=np.int32), collator.tokenizer, 20)
    assert held_out_loss(model, empty, collator, batch_size=1, context=context) is None


def test_bf16_gives_nearly_the_same_loss(tmp_path):
    model, _ = load_masked_lm(make_wordpiece_bert(tmp_path))
    model.eval()
    _, _, batch = make_batch(tmp_path)
    exact = masked_lm_loss(model, batch).item()
    with autocasting(torch.device("cpu"), torch.bfloat16)():
        near = masked_lm_loss(model, batch).item()
    assert near != exact
    assert abs(near - exact) < 0.05


def test_average_moves_the_encoder_towards_its_base(tmp_path):
    model, _ = load_masked_lm(make_wordpiece_bert(tmp_path))
    base = {k: v.clone() for k, v in model.base_model.state_dict().items()}
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 1.0
    head = model.cls.predictions.transform.dense.weight.clone()
    average_with_base(model, tmp_path, 0.25)
    for name, value in model.base_model.named_parameters():
        assert torch.allclose(value, base[name] + 0.75, atol=1e-5), name
    assert torch.equal(model.cls.predictions.transform.dense.weight, head)


def test_at_least_one_piece_of_each_block_is_masked(tmp_path):
    collator, blocks, batch = make_batch(make_wordpiece_bert(tmp_path), probability=1e-9)
    assert (batch["labels"] == -100).all()
    rows = [{**blocks[i], "position": i} for i in range(len(blocks))]
    labels = collator(rows, at_least_one=True)["labels"]
    assert ((labels != -100).sum(dim=1) == 1).all()
