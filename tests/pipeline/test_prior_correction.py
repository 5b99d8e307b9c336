"""`prior_correction` of `iob_ner`: rare labels are decoded more often, and nothing else changes."""

import numpy as np
import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example
from thinc.api import Adam, fix_random_seed

from spacy_clintl.errors import ClintlError
from spacy_clintl.models.iob import gold_tags
from spacy_clintl.pipeline.prior_correction import count_tokens, tag_corrections

# "it" is COMMON three times in four and RARE once: only the frequencies decide.
NOTES = [("give it now", "COMMON")] * 3 + [("give it now", "RARE")]
CRF = pytest.mark.parametrize("crf", [False, True], ids=["softmax", "crf"])


def examples_for(nlp, notes=NOTES):
    result = []
    for text, label in notes:
        doc = Doc(nlp.vocab, words=text.split())
        if label is not None:
            doc.set_ents([Span(doc, 1, 2, label)])
        result.append(Example(Doc(nlp.vocab, words=text.split()), doc))
    return result


def train(crf=False, **settings):
    fix_random_seed(0)
    nlp = spacy.blank("en")
    tok2vec = {"@architectures": "spacy.HashEmbedCNN.v2", "pretrained_vectors": None}
    tok2vec |= {"width": 16, "depth": 1, "embed_size": 100, "window_size": 1}
    tok2vec |= {"maxout_pieces": 2, "subword_features": True}
    model = {"@architectures": "spacy_clintl.IobTagger.v1", "crf": crf, "tok2vec": tok2vec}
    nlp.add_pipe("iob_ner", config={"model": model, **settings})
    nlp.initialize(lambda: examples_for(nlp))
    optimizer = Adam(0.02)
    for _ in range(60):
        nlp.update(examples_for(nlp), sgd=optimizer)
    return nlp


def found(nlp):
    return [(ent.text, ent.label_) for ent in nlp("give it now").ents]


@CRF
def test_a_rare_label_is_decoded_where_frequency_alone_decided(crf, tmp_path):
    plain, corrected = train(crf), train(crf, prior_correction=1.5)
    assert found(plain) == [("it", "COMMON")]
    assert found(corrected) == [("it", "RARE")]
    # The weights are those of training without, and the confidence is the one learned: a quarter.
    output = [nlp.get_pipe("iob_ner").model.get_ref("output_layer") for nlp in (plain, corrected)]
    assert (output[0].get_param("W") == output[1].get_param("W")).all()
    assert corrected("give it now").ents[0]._.confidence == pytest.approx(0.25, abs=0.05)
    corrected.to_disk(tmp_path / "saved")
    again = spacy.load(tmp_path / "saved")
    assert found(again) == [("it", "RARE")]
    # It can be changed after training.
    again.get_pipe("iob_ner").prior_correction = 0.0
    assert found(again) == [("it", "COMMON")]


def test_tokens_are_counted_by_label():
    nlp = spacy.blank("en")
    notes = [*NOTES, ("not annotated", None)]
    counts = count_tokens(examples_for(nlp, notes), ["COMMON", "RARE", "NEW"], gold_tags)
    assert counts == {"": 8, "COMMON": 3, "RARE": 1, "NEW": 0}
    corrections = tag_corrections(counts, ["COMMON", "RARE", "NEW", "JOINED LATER"], 0.5)
    steps = [0.0, *(0.5 * np.log(8 / n) for n in (3, 3, 1, 1, 1, 1, 8, 8))]
    assert corrections == pytest.approx(steps)


def test_bad_settings():
    nlp = spacy.blank("en")
    with pytest.raises(ClintlError, match=r"CL339.*prior_correction"):
        nlp.add_pipe("iob_ner", config={"prior_correction": -1.0})
    nlp = train()
    nlp.get_pipe("iob_ner").prior_correction = 0.5
    with pytest.raises(ClintlError, match="CL349"):
        nlp("give it now")
