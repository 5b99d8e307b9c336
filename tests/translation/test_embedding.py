import numpy as np
import pytest

from spacy_clintl.data.records import Span
from spacy_clintl.errors import ClintlError
from spacy_clintl.translation.alignment import make_alignment_v1
from spacy_clintl.translation.alignment.embedding import (
    EmbeddingAligner,
    argmax,
    itermax,
    to_posteriors,
)

from ..encoders import LAYERS, make_bpe_roberta, make_unigram_xlmr, make_wordpiece_bert


@pytest.fixture(scope="module", params=[make_wordpiece_bert, make_unigram_xlmr, make_bpe_roberta])
def folder(request, tmp_path_factory):
    return request.param(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    return make_wordpiece_bert(tmp_path_factory.mktemp("bert"))


def without_places(aligner):
    """A random encoder tells words by their pieces, if not by where they stand."""
    aligner.encoder.module.embeddings.position_embeddings.weight.data.zero_()
    return aligner


def test_equal_words_are_linked(folder):
    words = ["the", "aspirin", "metformin", "fever", "cough"]
    other = ["the", "cough", "aspirin", "fever", "metformin"]
    (links,) = without_places(EmbeddingAligner(folder, layer=1)).train([(words, other)])
    assert [other[j] for j in links.symmetric().argmax(1)] == words
    assert links.forward.shape == links.backward.shape == (5, 5)
    assert (links.forward.sum(0) <= 1).all()
    assert (links.backward.sum(1) <= 1).all()


def test_vectors_are_those_of_the_whole_sentence(folder):
    import torch

    aligner = EmbeddingAligner(folder)
    words = ["dolor", "torácico", "y", "disnea"]
    vectors = aligner.vectors(words)
    assert vectors.shape == (4, aligner.encoder.width)
    tokenizer, module = aligner.encoder.tokenizer, aligner.encoder.module
    coded = tokenizer(" ".join(words), return_tensors="pt", return_offsets_mapping=True)
    offsets = coded.pop("offset_mapping")[0].tolist()
    with torch.inference_mode():
        states = module(**coded, output_hidden_states=True).hidden_states[aligner.layer][0].numpy()
    # The second word by hand: pieces that end in its characters.
    inside = [n for n, (start, end) in enumerate(offsets) if 6 < end <= 14 and end > start]
    assert vectors[1] == pytest.approx(states[inside].mean(0), abs=1e-5)
    assert (vectors == aligner.vectors(words)).all()


def test_long_unknown_and_odd_words(folder):
    aligner = EmbeddingAligner(folder)
    pairs = [
        ([], ["a"]),
        (["a"], []),
        (["fever"] * 400, ["fever"] * 3),
        (["🤒", "\u200b", "\x00", "שלום"], ["[UNK]", "[SEP]", "<s>"]),
    ]
    for (source, target), links in zip(pairs, aligner.align(pairs), strict=True):
        assert links.forward.shape == (len(source), len(target))
        assert np.isfinite(links.forward).all()
        assert np.isfinite(links.backward).all()


def test_methods():
    likeness = np.array([[0.9, 0.6, 0.1], [0.2, 0.58, 0.3]])
    assert argmax(likeness).tolist() == [[1, 0, 0], [0, 0, 0]]
    # Word 1 of the target likes a word that is taken; in the second pass that counts for less.
    assert itermax(likeness).tolist() == [[1, 0, 0], [0, 1, 0]]
    assert itermax(np.eye(3)).tolist() == np.eye(3).tolist()
    links = to_posteriors(np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0]]))
    assert links.forward.tolist() == [[1.0, 0.5, 0.0], [0.0, 0.5, 0.0]]
    assert links.backward.tolist() == [[0.5, 0.5, 0.0], [0.0, 1.0, 0.0]]


def test_layers_methods_and_folders(bert, tmp_path):
    # The eighth of twelve layers in proportion, as this encoder has fewer.
    assert EmbeddingAligner(bert).layer == max(1, round(LAYERS * 2 / 3))
    assert EmbeddingAligner(bert, layer=-1).layer == -1
    with pytest.raises(ClintlError, match=r"CL650.*layer"):
        EmbeddingAligner(bert, layer=-LAYERS - 1)
    with pytest.raises(ClintlError, match=r"CL650.*method.*argmax, itermax"):
        EmbeddingAligner(bert, method="guess")
    with pytest.raises(ClintlError, match=r"CL200.*no such folder"):
        EmbeddingAligner(tmp_path / "nobody")
    other = make_wordpiece_bert(tmp_path / "other", seed=1)
    names = {
        EmbeddingAligner(bert).fingerprint(),
        EmbeddingAligner(other).fingerprint(),
        EmbeddingAligner(bert, method="argmax").fingerprint(),
        EmbeddingAligner(bert, layer=1, method="argmax").fingerprint(),
    }
    assert len(names) >= 3
    assert EmbeddingAligner(bert).fingerprint() in names


def test_projection_by_an_encoder(bert):
    source = "Aspirin and metformin daily"
    target = "daily metformin y aspirin"
    entities = [Span(0, 7, "DRUG"), Span(12, 21, "DRUG")]
    projector = make_alignment_v1(encoder=bert)
    without_places(projector.aligner)
    projector.prepare([(source, target)], "en", "es")
    found = projector.project(source, target, entities)
    assert [target[one.start : one.end] for one in found] == ["aspirin", "metformin"]
    assert "embedding" in projector.fingerprint()
