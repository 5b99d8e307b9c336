"""Documents that are pairs, in the windows of the encoder."""

import numpy as np
import pytest
import spacy
import torch

from spacy_clintl.errors import ClintlError
from spacy_clintl.models.adapted_transformer import adapted_transformer_v1
from spacy_clintl.models.windows import SpecialPieces, cut_windows
from spacy_clintl.pairs import join_pair, pair_spans
from tests.encoders import BUILDERS, SENTENCES

NLP = spacy.blank("en")
FIRST = "She takes metformin 500 mg\ttwice daily "
SECOND = " Metformin, e\u0301tat fe\u0301brile 👩🏽‍⚕️."


@pytest.fixture(scope="module", params=list(BUILDERS))
def folder(request, tmp_path_factory):
    return BUILDERS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return BUILDERS["bert"](tmp_path_factory.mktemp("bert"))


def build(folder, **settings):
    model = adapted_transformer_v1(str(folder), precision="fp32", dropout=0.0, **settings)
    model.initialize()
    return model


def tokenizer_of(model):
    return model.shims[0].encoder.tokenizer


def cut(model, docs, window=128, overlap=4):
    shim = model.shims[0]
    return cut_windows(docs, tokenizer_of(model), shim.special, window=window, overlap=overlap)


@pytest.mark.parametrize(("first", "second"), [(FIRST, SECOND), ("", SECOND), (FIRST, "")])
def test_pair_is_encoded_as_the_tokenizer_encodes_two(folder, first, second):
    model = build(folder)
    doc = NLP.make_doc(join_pair(first, second))
    [windows] = cut(model, [doc])
    # As a batch, since alone an empty second side counts as none.
    expected = tokenizer_of(model)([first], [second], return_token_type_ids=True)
    assert windows.input_ids.tolist() == expected["input_ids"]
    assert windows.types.tolist() == expected["token_type_ids"]
    assert windows.strings == [expected.tokens()]
    # Each token of each side is found where its side is.
    rows = np.split(windows.rows, np.cumsum(windows.lengths)[:-1])
    side_of_row = expected.sequence_ids()
    for side, span in enumerate(pair_spans(doc)):
        for token in span:
            assert {side_of_row[row] for row in rows[token.i]} <= {side}
            assert token.is_space or len(rows[token.i])
    # The one that divides them has no piece, beside that of a blank that belongs to it.
    between = rows[pair_spans(doc)[0].end]
    assert {windows.strings[0][row] for row in between} <= {"▁", "Ġ"}


def test_vectors_are_those_of_the_encoder_itself(folder):
    model = build(folder)
    tokenizer, module = tokenizer_of(model), model.shims[0]._model
    data = model.predict([NLP.make_doc(join_pair(FIRST, SECOND))]).doc_data[0]
    with torch.no_grad():
        expected = module(**tokenizer(FIRST, SECOND, return_tensors="pt")).last_hidden_state
    np.testing.assert_allclose(data.model_output.last_hidden_state, expected.numpy(), atol=1e-5)


def test_documents_that_are_no_pair_know_nothing_of_it(folder):
    model = build(folder)
    texts = [*SENTENCES, "", "a\u2029b\u2029c", "a\n\nb"]
    docs = [NLP.make_doc(text) for text in texts]
    special = SpecialPieces.of(tokenizer_of(model), 1)
    assert len(special.ids) == 2
    for doc, windows in zip(docs, cut(model, docs), strict=True):
        if len(doc):
            assert windows.types is None
            assert windows.input_ids.tolist() == [tokenizer_of(model)(doc.text)["input_ids"]]
    calls = []
    model.shims[0]._model.register_forward_pre_hook(
        lambda module, args, kwargs: calls.append(set(kwargs)), with_kwargs=True
    )
    expected = model.predict(docs).doc_data
    assert calls
    assert all(call == {"input_ids", "attention_mask"} for call in calls)
    # Beside a pair, too.
    found = model.predict([*docs, NLP.make_doc(join_pair(FIRST, SECOND))]).doc_data
    for one, two in zip(expected, found):
        if len(one.tensors):
            np.testing.assert_allclose(one.tensors[0], two.tensors[0], atol=1e-5)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (" ".join(SENTENCES * 3), "No fever, no cough."),
        ("No fever, no cough.", " ".join(SENTENCES * 3)),
        (" ".join(SENTENCES * 2), " ".join(SENTENCES)),
        (" ".join(SENTENCES * 3), ""),
    ],
)
def test_pair_longer_than_a_window(folder, first, second):
    model = build(folder)
    doc = NLP.make_doc(join_pair(first, second))
    [windows] = cut(model, [doc], window=48)
    n_windows, n_pieces = windows.input_ids.shape
    assert n_windows > 2
    assert n_pieces <= 48
    tokenizer = tokenizer_of(model)
    rows = np.split(windows.rows, np.cumsum(windows.lengths)[:-1])
    strings = np.array(windows.strings).ravel()
    types = windows.types.ravel()
    short = [len(side) < 40 for side in (first, second)]
    sides = [tokenizer(side, add_special_tokens=False) for side in (first, second)]
    pair = tokenizer("a", "a", return_token_type_ids=True)
    for side, span in enumerate(pair_spans(doc)):
        side_type = pair["token_type_ids"][pair.sequence_ids().index(side)]
        for token in span:
            start = token.idx - (len(first) + 1 if side else 0)
            pieces = [
                piece
                for piece, (begin, end) in zip(sides[side].tokens(), sides[side][0].offsets)
                if begin < start + len(token) and end > start
            ]
            # A side that fits is read from all windows, a longer one from one window each.
            times = n_windows if short[side] else 1
            assert strings[rows[token.i]].tolist() == pieces * times
            assert set(types[rows[token.i]]) == {side_type}
    # Every window is an encoding of two sides.
    special = SpecialPieces.of(tokenizer, 2)
    for row in windows.input_ids.tolist():
        text = " ".join(map(str, row))
        assert text.startswith(" ".join(map(str, special.ids[0])))
        assert " ".join(map(str, special.ids[1])) in text


def test_gradients_flow_to_both_sides_of_a_long_pair(bert):
    model = build(bert, window=32, overlap=4)
    docs = [NLP.make_doc(join_pair(" ".join(SENTENCES), "No fever.")), NLP.make_doc(SENTENCES[0])]
    batch, backprop = model.begin_update(docs)
    gradient = [[np.ones_like(tensor) for tensor in data.tensors] for data in batch.doc_data]
    backprop(batch.unsplit_by_doc(gradient))
    types = model.shims[0]._model.embeddings.token_type_embeddings.weight.grad
    assert (types.abs().sum(dim=1) > 0).all()


def test_window_without_room_for_both_sides(bert):
    model = build(bert)
    assert cut(model, [NLP.make_doc("a b c")], window=4, overlap=0)[0].input_ids.shape[1] == 4
    with pytest.raises(ClintlError, match="CL209"):
        cut(model, [NLP.make_doc(join_pair("a b", "c"))], window=4, overlap=0)
    [windows] = cut(model, [NLP.make_doc(join_pair("a b", "c d"))], window=5, overlap=0)
    assert (windows.lengths[[0, 1, 3, 4]] > 0).all()
