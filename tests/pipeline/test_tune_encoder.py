"""The encoder of a trained pipeline goes on learning in another way: TuneEncoder and InTurn."""

import numpy as np
import pytest
import spacy
import torch
from spacy.cli.train import train as spacy_train
from spacy.training.initialize import init_nlp
from spacy.util import load_config
from thinc.api import SGD, fix_random_seed

from spacy_clintl.data.docbin import docbin_writer
from spacy_clintl.errors import ClintlError
from spacy_clintl.models.encoder_shim import EncoderShim
from spacy_clintl.pipeline import tune_encoder
from spacy_clintl.pipeline.tune_encoder import make_in_turn_v1, make_tune_encoder_v1
from tests.encoders import make_wordpiece_bert
from tests.pipeline.test_resume import MORE, RESUME, weights_of, write_config
from tests.pipeline.test_shared_encoder import NOTES, build, examples_for, reference, train

# The example that the module's docstring gives.
INDENTED = [line for line in tune_encoder.__doc__.splitlines() if line.startswith("    ")]
TUNED = RESUME + "\n[initialize]\n\n" + "\n".join(line.strip() for line in INDENTED)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_wordpiece_bert(tmp_path_factory.mktemp("base") / "encoder")


@pytest.fixture(scope="module")
def trained(base, tmp_path_factory):
    fix_random_seed(0)
    nlp = build(base)
    train(nlp, steps=5)
    folder = tmp_path_factory.mktemp("trained") / "pipeline"
    nlp.to_disk(folder)
    return folder


def shim_of(nlp, component="transformer"):
    layers = nlp.get_pipe(component).model.walk()
    [shim] = [s for layer in layers for s in layer.shims if isinstance(s, EncoderShim)]
    return shim


def dropout_of(shim):
    rates = {m.p for m in shim._model.modules() if isinstance(m, torch.nn.Dropout)}
    return (
        rates,
        shim._model.config.hidden_dropout_prob,
        shim._model.config.attention_probs_dropout_prob,
    )


def changed(nlp, before):
    """Name the parameters that differ, to the last bit."""
    after = weights_of(nlp)
    assert after.keys() == before.keys()
    return {key for key, value in before.items() if not np.array_equal(value, after[key])}


def update(nlp, steps=1, rate=0.1):
    for _ in range(steps):
        nlp.update(examples_for(nlp), sgd=False, drop=0.1)
        for _, pipe in nlp.pipeline:
            pipe.finish_update(SGD(rate))


def test_sourced_pipeline_is_tuned_and_grows(trained, tmp_path):
    config, overrides = write_config(tmp_path, trained, [*NOTES, *MORE], TUNED)
    key = "initialize.after_init.*.tune"
    overrides |= {f"{key}.dropout": 0.4, f"{key}.attention_dropout": 0.2}
    nlp = init_nlp(load_config(config, overrides))
    assert nlp.get_pipe("iob_ner").labels == ("DRUG", "FINDING", "DOSAGE")
    shim = shim_of(nlp)
    # One rate for hidden states, the other for attention weights, which are no module.
    assert dropout_of(shim) == ({0.4, 0.2}, 0.4, 0.2)
    assert dropout_of(shim_of(spacy.load(trained)))[1:] == (0.1, 0.0)
    before = weights_of(nlp)
    assert {k: v.tolist() for k, v in before.items()} == {
        k: v.tolist() for k, v in weights_of(spacy.load(trained)).items()
    }
    update(nlp)
    found = changed(nlp, before)
    encoder = {name for pipe, _, name in before if pipe == "transformer"}
    learned = {name for pipe, _, name in found if pipe == "transformer"}
    assert learned
    assert learned <= {name for name in encoder if name.startswith("embeddings.")}
    assert "embeddings.word_embeddings.weight" in learned
    assert {pipe for pipe, *_ in found} == {"transformer", "multitask_textcat", "iob_ner"}
    # The settings are saved, and hold for what goes on from there.
    nlp.to_disk(tmp_path / "saved")
    loaded = spacy.load(tmp_path / "saved")
    for one in (nlp, loaded):
        block = one.config["components"]["transformer"]["model"]
        assert (block["freeze"], block["rate"]) == ("embeddings_and_head", 0.5)
        assert (block["dropout"], block["attention_dropout"]) == (0.4, 0.2)
        assert shim_of(one).settings == shim.settings
        # What was not named stays.
        assert (block["precision"], shim_of(one).settings.precision) == ("fp32", "fp32")
    assert dropout_of(shim_of(loaded)) == dropout_of(shim)
    before = weights_of(loaded)
    update(loaded)
    learned = {name for pipe, _, name in changed(loaded, before) if pipe == "transformer"}
    assert learned
    assert all(name.startswith("embeddings.") for name in learned)


def test_predictions_stay_as_they_were(trained):
    nlp = spacy.load(trained)
    texts = [text for text, *_ in NOTES]
    expected = [(doc.cats, doc.to_json()["ents"]) for doc in nlp.pipe(texts)]
    make_tune_encoder_v1(freeze="all", rate=0.1, dropout=0.4)(nlp)
    assert [(doc.cats, doc.to_json()["ents"]) for doc in nlp.pipe(texts)] == expected


@pytest.mark.parametrize("rate", [0.25, 0.5])
def test_rate_is_the_encoders_share(trained, rate):
    moves = []
    for share in (1.0, rate):
        fix_random_seed(0)
        nlp = spacy.load(trained)
        make_tune_encoder_v1(rate=share, dropout=0.0, layer_decay=1.0)(nlp)
        before = weights_of(nlp)
        fix_random_seed(0)
        nlp.update(examples_for(nlp), sgd=False)
        nlp.get_pipe("transformer").finish_update(SGD(0.1, grad_clip=0.0))
        after = weights_of(nlp)
        moves.append({k: after[k] - v for k, v in before.items() if k[0] == "transformer"})
    key = next(k for k in moves[0] if k[2] == "encoder.layer.1.output.dense.weight")
    assert np.abs(moves[0][key]).max() > 0
    assert moves[1][key] == pytest.approx(rate * moves[0][key], rel=1e-2, abs=1e-7)


def test_unfreezing_begins_at_the_top(trained):
    nlp = spacy.load(trained)
    make_tune_encoder_v1(unfreeze_every=2)(nlp)
    learned = []
    for _ in range(6):
        before = weights_of(nlp)
        update(nlp)
        names = {name for pipe, _, name in changed(nlp, before) if pipe == "transformer"}
        learned.append(
            {".".join(name.split(".")[:3]) if "layer" in name else "embeddings" for name in names}
        )
    top, below = "encoder.layer.1", "encoder.layer.0"
    assert learned[:2] == [{top}] * 2
    assert learned[2:4] == [{top, below}] * 2
    assert learned[4:] == [{top, below, "embeddings"}] * 2


def test_encoder_that_was_put_into_the_tagger(trained, tmp_path):
    nlp = spacy.load(trained)
    nlp.replace_listeners("transformer", "iob_ner", ["model.tok2vec"])
    tune = make_tune_encoder_v1("iob_ner", freeze="embeddings_and_head", dropout=0.4)
    tune(nlp)
    assert dropout_of(shim_of(nlp, "iob_ner"))[1] == 0.4
    assert dropout_of(shim_of(nlp))[1] == 0.1
    assert shim_of(nlp).settings.freeze == "none"
    before = weights_of(nlp)
    update(nlp)
    found = changed(nlp, before)
    learned = {name for pipe, _, name in found if pipe == "iob_ner" and "layer." in name}
    assert not learned
    assert any(pipe == "iob_ner" and name.startswith("embeddings.") for pipe, _, name in found)
    assert any(pipe == "transformer" and "layer." in name for pipe, _, name in found)
    nlp.to_disk(tmp_path / "saved")
    loaded = spacy.load(tmp_path / "saved")
    assert shim_of(loaded, "iob_ner").settings == shim_of(nlp, "iob_ner").settings
    assert dropout_of(shim_of(loaded, "iob_ner"))[1] == 0.4
    assert shim_of(loaded).settings.freeze == "none"


def test_callbacks_in_turn():
    calls = []

    def named(name):
        def call(nlp):
            calls.append(name)
            return spacy.blank(name)

        return call

    assert make_in_turn_v1(named("es"), named("fr"))(spacy.blank("en")).lang == "fr"
    assert calls == ["es", "fr"]
    nlp = spacy.blank("en")
    assert make_in_turn_v1()(nlp) is nlp


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"component": "encoder"}, r"CL498.*'encoder', but the pipeline has: transformer, mult"),
        ({"component": "iob_ner"}, r"CL498.*'iob_ner', which has no such encoder"),
        ({"component": "ruler"}, r"CL498.*'ruler', which has no such encoder"),
        ({"freeze": "head"}, r"CL206.*'head'.*'bottom:N'"),
        ({"freeze": "bottom:3"}, r"CL206.*'bottom:3'.*0 to 2"),
        ({"unfreeze_every": -1}, r"CL220.*-1"),
        ({"dropout": 1.5}, r"CL221.*'dropout'.*1\.5"),
        ({"attention_dropout": -0.1}, r"CL221.*'attention_dropout'.*-0\.1"),
    ],
)
def test_what_cannot_be_tuned(trained, settings, message):
    nlp = spacy.load(trained)
    nlp.add_pipe("entity_ruler", name="ruler")
    config = nlp.config.to_str()
    with pytest.raises(ClintlError, match=message):
        make_tune_encoder_v1(**{"rate": 0.5, **settings})(nlp)
    assert nlp.config.to_str() == config


def test_frozen_transformer_cannot_be_tuned(trained, tmp_path):
    frozen = {"training.frozen_components": ["transformer"]}
    config, overrides = write_config(tmp_path, trained, NOTES, TUNED, **frozen)
    with pytest.raises(ClintlError, match=r"CL498.*'transformer', which is frozen"):
        init_nlp(load_config(config, overrides))


def test_config_of_the_transfer(trained, tmp_path):
    with docbin_writer(tmp_path / "notes.spacy") as add:
        for note in (*NOTES, MORE[-1]):
            add(reference(spacy.blank("en").vocab, *note))
    paths = {f"paths.{part}": str(tmp_path / "notes.spacy") for part in ("train", "dev")}
    overrides = {**paths, "paths.start": str(trained), "training.max_steps": 3}
    spacy_train("configs/tagger_transfer.cfg", tmp_path / "out", overrides=overrides)
    nlp = spacy.load(tmp_path / "out" / "model-last")
    assert nlp.pipe_names == ["transformer", "iob_ner"]
    assert nlp.get_pipe("iob_ner").labels == ("DRUG", "FINDING", "DOSE")
    assert nlp.config["components"]["transformer"]["model"]["freeze"] == "embeddings_and_head"
    before = weights_of(spacy.load(trained, exclude=["multitask_textcat"]))
    after = weights_of(nlp)
    moved = {
        name
        for (pipe, number, name), value in before.items()
        if pipe == "transformer" and not np.array_equal(value, after[pipe, number, name])
    }
    assert moved
    assert all(name.startswith("embeddings.") for name in moved)
