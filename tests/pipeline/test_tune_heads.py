"""Heads of a trained pipeline go on learning in another way, or not at all: TuneHeads."""

import pytest
import spacy
from spacy.cli.train import train as spacy_train
from spacy.tokens import DocBin
from spacy.util import registry
from thinc.api import SGD, Config

from spacy_clintl.errors import ClintlError
from spacy_clintl.models.multitask_textcat import heads_of
from spacy_clintl.pipeline import tune_heads
from spacy_clintl.pipeline.tune_heads import make_tune_heads_v1
from tests.pipeline.growth import (
    NOTES,
    OLD,
    TOK2VEC,
    cat_examples,
    ent_examples,
    textcat,
    train,
)

registry.callbacks.register("spacy_clintl.TuneHeads.v1", func=make_tune_heads_v1)

# The example that the module's docstring gives, for these tasks.
INDENTED = [line.strip() for line in tune_heads.__doc__.splitlines() if line.startswith("    ")]
EXAMPLE = "\n".join(INDENTED).replace("diagnosis", "d").replace("findings", "f")
RESUME = """
[nlp]
lang = "en"
pipeline = ["multitask_textcat","iob_ner"]

[components]

[components.multitask_textcat]
source = null

[components.iob_ner]
source = null

[corpora]

[corpora.train]
@readers = "spacy.Corpus.v1"
path = null

[corpora.dev]
@readers = "spacy.Corpus.v1"
path = null

[training]
seed = 0
gpu_allocator = null
max_steps = 3
eval_frequency = 1
train_corpus = "corpora.train"
dev_corpus = "corpora.dev"

[initialize]

"""


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    nlp = textcat()
    model = {"@architectures": "spacy_clintl.IobTagger.v1", "tok2vec": TOK2VEC}
    nlp.add_pipe("iob_ner", config={"model": model, "prior_correction": 0.5})
    examples = all_examples(nlp)
    nlp.initialize(lambda: examples)
    train(nlp, examples, 3)
    nlp.to_disk(folder / "pipeline")
    DocBin(docs=[eg.reference for eg in examples]).to_disk(folder / "notes.spacy")
    return folder


def all_examples(nlp):
    return [*cat_examples(nlp, OLD), *ent_examples(nlp, NOTES)]


def heads(nlp):
    layers = dict(heads_of(nlp.get_pipe("multitask_textcat").model))
    layers["entities"] = nlp.get_pipe("iob_ner").model
    return {
        name: layer.get_ref("output_layer").get_param("W").tolist()
        for name, layer in layers.items()
    }


def moved(before, after):
    return {name for name, weights in before.items() if after[name] != weights}


def test_command_keeps_frozen_heads(trained, tmp_path):
    pipeline, notes = str(trained / "pipeline"), str(trained / "notes.spacy")
    overrides = {
        "components.multitask_textcat.source": pipeline,
        "components.iob_ner.source": pipeline,
        "corpora.train.path": notes,
        "corpora.dev.path": notes,
    }
    Config().from_str(RESUME + EXAMPLE).to_disk(tmp_path / "resume.cfg")
    spacy_train(tmp_path / "resume.cfg", tmp_path / "out", overrides=overrides)
    nlp = spacy.load(tmp_path / "out" / "model-last")
    assert moved(heads(spacy.load(pipeline)), heads(nlp)) == {"f"}
    # The settings are saved, and hold for what goes on from there.
    tasks = nlp.get_pipe("multitask_textcat").tasks
    assert (tasks["d"].frozen, tasks["f"].frozen, nlp.get_pipe("iob_ner").frozen) == (1, 0, 1)
    assert (tasks["d"].weight, tasks["f"].weight, tasks["f"].warm_up) == (1.0, 0.5, 100)
    assert nlp.get_pipe("multitask_textcat").cfg["warm_up"] == {"f": 4}
    assert "cats_d_macro_f" in nlp.meta["performance"]
    before = heads(nlp)
    train(nlp, all_examples(nlp), optimizer=SGD(0.1))
    assert moved(before, heads(nlp)) == {"f"}


def test_all_tasks_but_one_are_frozen(trained, tmp_path):
    nlp = spacy.load(trained / "pipeline")
    pipe = nlp.get_pipe("multitask_textcat")
    # The config of the pipeline does not list it.
    pipe.add_task("more", ["x", "y"], warm_up=5)
    pipe.cfg["warm_up"]["more"] = 5
    settings = {"frozen": True, "tasks": {"more": {"frozen": False, "weight": 2, "warm_up": 7}}}
    make_tune_heads_v1({"multitask_textcat": settings})(nlp)
    nlp.to_disk(tmp_path)
    for one in (nlp, spacy.load(tmp_path)):
        tasks = one.get_pipe("multitask_textcat").tasks
        assert {name: task.frozen for name, task in tasks.items()} == {"d": 1, "f": 1, "more": 0}
        assert (tasks["more"].weight, tasks["more"].warm_up) == (2, 7)
        assert one.get_pipe("multitask_textcat").cfg["warm_up"] == {}


def test_tagger_is_tuned(trained, tmp_path):
    nlp = spacy.load(trained / "pipeline")
    settings = {"frozen": True, "loss_weight": 0.5, "warm_up": 3, "prior_correction": 0.0}
    make_tune_heads_v1({"iob_ner": settings})(nlp)
    nlp.to_disk(tmp_path)
    for one in (nlp, spacy.load(tmp_path)):
        tagger = one.get_pipe("iob_ner")
        assert {name: getattr(tagger, name) for name in settings} == settings


@pytest.mark.parametrize(
    ("components", "message"),
    [
        ({"ner": {}}, r"CL485.*'ner', but the pipeline has: multitask_textcat, iob_ner"),
        ({"ruler": {}}, r"CL485.*'ruler', which is neither"),
        ({"iob_ner": {"weight": 1}}, r"CL486.*'iob_ner' have 'weight', but can have: frozen, loss"),
        ({"iob_ner": {"frozen": 1}}, r"CL488.*'frozen' of 'iob_ner' is 1, but"),
        ({"iob_ner": {"loss_weight": -1}}, r"CL339.*'loss_weight' of 'iob_ner' is -1"),
        ({"iob_ner": {"loss_weight": "a"}}, r"CL339.*'loss_weight' of 'iob_ner' is a"),
        ({"iob_ner": {"warm_up": 0.5}}, r"CL483.*0\.5"),
        ({"iob_ner": {"warm_up": 1, "frozen": None}}, r"CL488.*None"),
        ({"multitask_textcat": {"weight": 1}}, r"CL486.*'weight', but can have: tasks, frozen"),
        ({"multitask_textcat": {"tasks": {"x": {}}}}, r"CL487.*'x'.*are: d, f"),
        ({"multitask_textcat": {"tasks": {"d": {"loss": None}}}}, r"CL486.*textcat\.tasks\.d'"),
        ({"multitask_textcat": {"tasks": {"d": {"weight": -1}}}}, r"CL303.*'weight' is -1"),
        ({"multitask_textcat": {"frozen": "yes"}}, r"CL303.*'frozen' is 'yes'"),
    ],
)
def test_what_cannot_be_tuned(trained, components, message):
    nlp = spacy.load(trained / "pipeline")
    nlp.add_pipe("entity_ruler", name="ruler")
    config = nlp.config.to_str()
    with pytest.raises(ClintlError, match=message):
        make_tune_heads_v1(components)(nlp)
    assert nlp.config.to_str() == config
    assert not any(task.frozen for task in nlp.get_pipe("multitask_textcat").tasks.values())


def test_what_does_not_learn_is_not_tuned(trained):
    nlp = spacy.load(trained / "pipeline")
    nlp.config["training"]["frozen_components"] = ["iob_ner"]
    with pytest.raises(ClintlError, match=r"CL485.*'iob_ner', which is in 'frozen_components'"):
        make_tune_heads_v1({"iob_ner": {"warm_up": 1}})(nlp)
    nlp.config["training"]["frozen_components"] = []
    nlp.get_pipe("iob_ner").cfg["tokens"] = {}
    with pytest.raises(ClintlError, match=r"CL349.*'iob_ner'"):
        make_tune_heads_v1({"iob_ner": {"prior_correction": 0.5}})(nlp)
