import itertools

import numpy as np
import pytest
import spacy
import torch
from spacy.tokens import Doc
from thinc.api import Adam, Model
from transformers import AlbertConfig, AlbertModel, ElectraConfig, ElectraModel

from spacy_clintl.errors import ClintlError
from spacy_clintl.models.adapted_transformer import adapted_transformer_v1
from spacy_clintl.models.freezing import apply_freezing, is_trained, rate_of
from spacy_clintl.models.iob import decode
from spacy_clintl.models.packing import pack_by_length, padded_shape
from spacy_clintl.models.windows import window_starts
from tests.encoders import BUILDERS, SENTENCES, make_wordpiece_bert

ODD = ["", " ", "a\n\nb\t c", "fever\u00a040\u202f°C", "e\u0301tat fe\u0301brile 👩🏽‍⚕️", "x" * 300]


@pytest.fixture(scope="module", params=["bert", "roberta", "xlmr", "deberta"])
def folder(request, tmp_path_factory):
    return BUILDERS[request.param](tmp_path_factory.mktemp(request.param))


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return make_wordpiece_bert(tmp_path_factory.mktemp("bert"))


def build(folder, **settings) -> Model:
    settings = {"precision": "fp32", "dropout": 0.0, **settings}
    model = adapted_transformer_v1(str(folder), **settings)
    model.initialize()
    return model


def docs_of(texts):
    nlp = spacy.blank("en")
    return [nlp.make_doc(text) for text in texts]


def token_vectors(data):
    """Mean of each token's word pieces."""
    rows = data.model_output.last_hidden_state.reshape(-1, data.width)
    borders = np.cumsum(data.align.lengths)[:-1]
    parts = np.split(data.align.dataXd.ravel().astype(int), borders)
    zeros = np.zeros(data.width)
    return np.array([rows[part].mean(axis=0) if len(part) else zeros for part in parts])


@pytest.mark.parametrize("kind", ["bert", "roberta"])  # the stock wants a vocabulary file
def test_vectors_are_those_of_the_stock_architecture(tmp_path, kind):
    from spacy_transformers import registry

    get_spans = registry.span_getters.get("spacy-transformers.doc_spans.v1")()
    folder = BUILDERS[kind](tmp_path)
    create = registry.architectures.get("spacy-transformers.TransformerModel.v3")
    stock = create(str(folder), get_spans, {"use_fast": True})
    stock.initialize()
    docs = docs_of(SENTENCES)
    ours = build(folder).predict(docs).doc_data
    for expected, found in zip(stock.predict(docs).doc_data, ours, strict=True):
        assert np.allclose(token_vectors(expected), token_vectors(found), atol=1e-5)


def test_any_text_gets_finite_vectors(folder):
    docs = docs_of(ODD)
    for doc, data in zip(docs, build(folder).predict(docs).doc_data, strict=True):
        if len(doc):
            assert token_vectors(data).shape == (len(doc), data.width)
            assert np.isfinite(token_vectors(data)).all()


def test_long_document_is_read_once(folder):
    model = build(folder, window=24, overlap=8)
    [doc] = docs_of([" ".join(SENTENCES * 5)])
    [data] = model.predict([doc]).doc_data
    assert data.model_output.last_hidden_state.shape[0] > 3
    assert (data.align.lengths > 0).all()
    strings = np.array(data.wordpieces.strings).ravel()
    borders = np.cumsum(data.align.lengths)[:-1]
    tokenizer = model.shims[0].encoder.tokenizer
    pieces = tokenizer(doc.text, add_special_tokens=False).tokens()
    expected = [piece for piece in pieces if piece not in ("Ġ", "▁")]  # blanks belong to no token
    rows = data.align.dataXd.ravel().astype(int)
    # Each word piece of the text is read from one window, in order.
    kept = [r for i, r in enumerate(rows) if i == 0 or r != rows[i - 1]]
    assert strings[kept].tolist() == expected
    assert len(np.split(rows, borders)) == len(doc)


@pytest.mark.parametrize("changes", [{"subbatch_pieces": 1}, {"kept_pieces": 0}])
def test_packing_and_recomputation_change_nothing(folder, changes):
    docs = docs_of([*SENTENCES, "", SENTENCES[0] * 3])
    results = []
    for settings in ({}, changes):
        model = build(folder, **settings)
        batch, backprop = model.begin_update(docs)
        tensors = [data.tensors for data in batch.doc_data if len(data.tensors)]
        backprop(batch.unsplit_by_doc([[np.cos(t) for t in ts] for ts in tensors]))
        grads = {n: p.grad for n, p in model.shims[0]._model.named_parameters()}
        results.append(([t for ts in tensors for t in ts], grads))
    (one, one_grads), (two, two_grads) = results
    assert all(np.allclose(a, b, atol=1e-5) for a, b in zip(one, two, strict=True))
    assert any(g is not None for g in one_grads.values())
    for name, grad in one_grads.items():
        if grad is not None:
            assert torch.allclose(grad.to_dense(), two_grads[name].to_dense(), atol=1e-4), name


@pytest.mark.parametrize(
    ("freeze", "moving"),
    [("all", set()), ("embeddings_and_head", {0}), ("bottom:1", {2}), ("none", {0, 1, 2})],
)
def test_freezing(bert, freeze, moving):
    assert depths_that_move(build(bert, freeze=freeze)) == moving


def test_gradual_unfreezing(bert):
    model = build(bert, unfreeze_every=2)
    expected = [{2}, {2}, {1, 2}, {1, 2}, {0, 1, 2}, {0, 1, 2}]
    assert [depths_that_move(model) for _ in expected] == expected
    # What is frozen for good stays so.
    model = build(bert, unfreeze_every=1, freeze="bottom:1")
    assert [depths_that_move(model) for _ in range(3)] == [{2}] * 3


def depths_that_move(model):
    """The layers that an update changes, the lowest being 1; 0 is the embeddings."""
    module = model.shims[0]._model
    before = {n: p.detach().clone() for n, p in module.named_parameters()}
    batch, backprop = model.begin_update(docs_of(SENTENCES))
    backprop(batch.unsplit_by_doc([[np.cos(t) for t in d.tensors] for d in batch.doc_data]))
    model.finish_update(Adam(0.01, L2=0.1))
    changed = {n for n, p in module.named_parameters() if not torch.equal(p, before[n])}
    return {0 if n.startswith("embeddings") else 1 + int(n.split(".")[2]) for n in changed}


def test_rate_of_zero_moves_nothing(bert):
    model = build(bert, rate=0.0)
    before = model.to_bytes()
    batch, backprop = model.begin_update(docs_of(SENTENCES))
    backprop(batch.unsplit_by_doc([list(d.tensors) for d in batch.doc_data]))
    model.finish_update(Adam(0.01, L2=0.1))
    assert model.to_bytes() == before


def test_copies_and_bytes(bert):
    model = build(bert)
    docs = docs_of(SENTENCES)
    expected = [token_vectors(d) for d in model.predict(docs).doc_data]
    copied = model.copy()
    loaded = adapted_transformer_v1("nowhere", precision="fp32").from_bytes(model.to_bytes())
    assert copied.shims[0].id != model.shims[0].id
    for other in (copied, loaded):
        found = [token_vectors(d) for d in other.predict(docs).doc_data]
        assert all(np.allclose(a, b, atol=1e-6) for a, b in zip(expected, found, strict=True))


def test_bad_settings(bert, tmp_path):
    with pytest.raises(ClintlError, match="topmost"):
        build(bert, freeze="topmost")
    with pytest.raises(ClintlError, match="'unfreeze_every' is -1"):
        build(bert, unfreeze_every=-1)
    with pytest.raises(ClintlError, match="fp8"):
        build(bert, precision="fp8")
    with pytest.raises(ClintlError, match="100000"):
        build(bert, window=100_000)
    with pytest.raises(ClintlError, match="nothing-here"):
        build(tmp_path / "nothing-here")
    with pytest.raises(ClintlError, match="initialize"):
        adapted_transformer_v1(str(bert)).predict([Doc(spacy.blank("en").vocab, words=["a"])])
    with pytest.raises(ClintlError, match="bottom:9"):
        is_trained("embeddings.x", "bottom:9", 2)


def test_layers_of_other_architectures():
    sizes = {"hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2}
    sizes |= {"intermediate_size": 8, "vocab_size": 10, "embedding_size": 4}
    # Embeddings are narrower than the layers here, and what widens them belongs to them.
    electra = ElectraModel(ElectraConfig(**sizes))
    apply_freezing(electra, "bottom:1")
    learns = {name for name, p in electra.named_parameters() if p.requires_grad}
    assert learns
    assert all(name.startswith("encoder.layer.1.") for name in learns)
    assert rate_of("embeddings_project.weight", 2, 1.0, 0.5) == 0.25
    # All layers are one.
    albert = AlbertModel(AlbertConfig(**sizes))
    for freeze, thawed in (("bottom:1", None), ("none", 1)):
        with pytest.raises(ClintlError, match=r"CL223.*albert"):
            apply_freezing(albert, freeze, thawed)
    apply_freezing(albert, "embeddings_and_head")
    learns = {name for name, p in albert.named_parameters() if p.requires_grad}
    assert {name.split(".")[0] for name in learns} == {"embeddings", "encoder"}
    assert not any("layer_groups" in name for name in learns)


@pytest.mark.slow
def test_document_of_50000_tokens(bert):
    model = build(bert, kept_pieces=2048)
    [doc] = docs_of(["the patient has fever " * 12_500])
    batch, backprop = model.begin_update([doc])
    assert (batch.doc_data[0].align.lengths > 0).all()
    backprop(batch.unsplit_by_doc([list(batch.doc_data[0].tensors)]))


@pytest.mark.parametrize("n", [1, 10, 11, 57, 1000])
def test_windows_cover_the_document(n):
    starts = window_starts(n, 10, 3)
    covered = {i for s in starts for i in range(s, min(s + 10, n))}
    assert covered == set(range(n))
    assert all(b - a <= 7 for a, b in itertools.pairwise(starts))


def test_packs_keep_to_the_budget():
    lengths = [3, 50, 7, 7, 1, 120]
    packs = pack_by_length(lengths, 100)
    assert sorted(i for pack in packs for i in pack) == list(range(6))
    for pack in packs:
        assert len(pack) == 1 or len(pack) * max(lengths[i] for i in pack) <= 100


def test_what_would_be_padded_more_than_a_pass_costs_is_a_pack_of_its_own():
    lengths = [5, 100, 6, 5, 90, 6]
    assert pack_by_length(lengths, 2048) == [[1, 4, 2, 5, 0, 3]]
    assert pack_by_length(lengths, 2048, pass_cost=400) == [[1, 4, 2, 5, 0, 3]]
    assert pack_by_length(lengths, 2048, pass_cost=200) == [[1, 4], [2, 5, 0, 3]]
    assert pack_by_length(lengths, 2048, pass_cost=5) == [[1], [4], [2, 5, 0, 3]]


def test_sub_batches_have_few_shapes_and_keep_to_the_budget():
    rng = np.random.default_rng(0)
    shapes = set()
    for _ in range(200):
        lengths = rng.integers(1, 513, size=rng.integers(1, 200)).tolist()
        for pack in pack_by_length(lengths, 2048):
            rows, length = padded_shape([lengths[i] for i in pack], 512)
            assert rows >= len(pack)
            assert max(lengths[i] for i in pack) <= length <= 512
            assert rows * length <= 2048
            shapes.add((rows, length))
    assert len(shapes) < 512
    # A limit that is no multiple of the step, and a sequence beyond it.
    assert padded_shape([509], 510) == (1, 510)
    assert padded_shape([511], 510) == (1, 511)


def test_spare_rows_change_nothing(bert):
    model = build(bert)
    docs = docs_of([" ".join(SENTENCES[:1]) + " x" * i for i in range(11)])
    together = model.predict(docs).doc_data
    for doc, data in zip(docs, together, strict=True):
        [alone] = model.predict([doc]).doc_data
        expected = alone.model_output.last_hidden_state
        np.testing.assert_allclose(data.model_output.last_hidden_state, expected, atol=1e-5)


def test_decoded_tags_are_the_best_valid_ones():
    rng = np.random.default_rng(0)
    documents = [rng.normal(size=(n, 5)).astype("f") for n in (4, 1, 0, 3)]
    for scores, tags in zip(documents, decode(documents), strict=True):
        best, found = -np.inf, None
        for sequence in np.ndindex(*[5] * len(scores)):
            previous = 0
            for tag in sequence:
                if tag in (2, 4) and previous not in (tag, tag - 1):
                    break
                previous = tag
            else:
                value = sum(scores[i, tag] for i, tag in enumerate(sequence))
                if value > best:
                    best, found = value, list(sequence)
        assert tags.tolist() == found
