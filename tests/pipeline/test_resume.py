"""Training goes on from a saved pipeline, by the command and in Python, and the pipeline grows."""

import numpy as np
import pytest
import spacy
from spacy.cli.train import train as spacy_train
from spacy.tokens import DocBin, Span
from spacy.training import Example
from spacy.training.initialize import init_nlp
from spacy.util import load_config
from thinc.api import SGD, Config, fix_random_seed

from spacy_clintl.errors import ClintlError
from spacy_clintl.pipeline import grow
from spacy_clintl.pipeline.grow import make_grow_v1
from tests.encoders import make_wordpiece_bert
from tests.pipeline.test_shared_encoder import NOTES, build, examples_for, reference, train

spacy.registry.callbacks.register("spacy_clintl.Grow.v1", func=make_grow_v1)

# Everything from the trained pipeline.
RESUME = """
[paths]
trained = null
train = []

[nlp]
lang = "en"
pipeline = ["transformer","multitask_textcat","iob_ner"]

[components]

[components.transformer]
source = ${paths.trained}

[components.multitask_textcat]
source = ${paths.trained}

[components.iob_ner]
source = ${paths.trained}

[corpora]

[corpora.train]
@readers = "spacy_clintl.MixedCorpus.v1"
paths = ${paths.train}

[corpora.dev]
@readers = "spacy_clintl.MixedCorpus.v1"
paths = ${paths.train}

[training]
seed = 0
gpu_allocator = null
dropout = 0.0
max_steps = 1
eval_frequency = 1
train_corpus = "corpora.train"
dev_corpus = "corpora.dev"

[training.optimizer]
@optimizers = "SGD.v1"
learn_rate = 0.1
use_averages = false

[training.batcher]
@batchers = "spacy.batch_by_sequence.v1"
size = 100
"""
# The example that the module's docstring gives.
INDENTED = [line for line in grow.__doc__.splitlines() if line.startswith("    ")]
GROW = "\n".join(line.strip() for line in INDENTED)
ADAM = RESUME.replace("SGD.v1", "Adam.v1").replace("learn_rate = 0.1", "learn_rate = 0.01")
MORE = [
    ("fever at home", {"triage/home": 1.0, "codes/R50": 1.0, "codes/R05": 0.0}, None),
    ("pain for the ward", {"triage/ward": 1.0, "codes/R05": 1.0, "codes/R50": 0.0}, None),
    ("out of breath", {"diagnosis/copd": 1.0}, None),
    ("take 100 mg aspirin", None, [(1, 3, "DOSE"), (3, 4, "DRUG")]),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make_wordpiece_bert(tmp_path_factory.mktemp("base") / "encoder")


@pytest.fixture(scope="module")
def trained(base, tmp_path_factory):
    fix_random_seed(0)
    nlp = build(base, dropout=0.0)
    train(nlp, steps=5)
    folder = tmp_path_factory.mktemp("trained") / "pipeline"
    nlp.to_disk(folder)
    return folder


def write_config(folder, trained, notes, text, **overrides):
    nlp = spacy.blank("en")
    store = DocBin(docs=[reference(nlp.vocab, *note) for note in notes])
    store.to_disk(folder / "notes.spacy")
    Config().from_str(text, interpolate=False).to_disk(folder / "resume.cfg")
    paths = {"paths.trained": str(trained), "paths.train": [str(folder / "notes.spacy")]}
    return folder / "resume.cfg", {**paths, **overrides}


def weights_of(nlp):
    found = {}
    for name, pipe in nlp.pipeline:
        for number, node in enumerate(pipe.model.walk()):
            for param in node.param_names:
                found[name, number, param] = node.get_param(param).copy()
            for shim in node.shims:
                for param, value in shim._model.state_dict().items():
                    found[name, number, param] = value.numpy().copy()
    return found


def update(nlp, notes=NOTES, drop=0.0):
    """Update as `spacy train` does: all gradients first, which then change the weights."""
    fix_random_seed(1)
    nlp.update(examples_for(nlp, notes), sgd=False, drop=drop)
    for _, pipe in nlp.pipeline:
        pipe.finish_update(SGD(0.1))


def exact(nlp, texts=tuple(text for text, *_ in (*NOTES, *MORE))):
    return [
        (doc.cats, [(e.start, e.end, e.label_, e._.confidence) for e in doc.ents])
        for doc in nlp.pipe(texts)
    ]


def assert_equal(one, two):
    assert one.keys() == two.keys()
    for key, value in one.items():
        assert np.array_equal(value, two[key]), key


def test_update_after_loading_is_that_without_saving(base, tmp_path):
    fix_random_seed(0)
    nlp = build(base)
    train(nlp, steps=2)
    update(nlp)
    nlp.to_disk(tmp_path / "saved")
    before = weights_of(nlp)
    update(nlp, drop=0.2)
    loaded = spacy.load(tmp_path / "saved")
    loaded.resume_training()
    assert_equal(before, weights_of(loaded))
    update(loaded, drop=0.2)
    after = weights_of(nlp)
    assert_equal(after, weights_of(loaded))
    changed = {key[0] for key, value in after.items() if (value != before[key]).any()}
    assert changed == {"transformer", "multitask_textcat", "iob_ner"}
    assert exact(nlp) == exact(loaded)


def test_command_resumes(trained, tmp_path):
    config, overrides = write_config(tmp_path, trained, NOTES, RESUME)
    spacy_train(config, tmp_path / "out", overrides=overrides)
    expected = spacy.load(trained)
    before = weights_of(expected)
    for _ in range(2):  # spaCy counts steps from 0 to max_steps
        update(expected)
    found = weights_of(spacy.load(tmp_path / "out" / "model-last"))
    after = weights_of(expected)
    assert found.keys() == after.keys()
    for key, value in after.items():
        # The documents come in another order, and floating-point sums with them.
        np.testing.assert_allclose(found[key], value, atol=1e-5)
    moved = {key for key in after if np.abs(found[key] - before[key]).max() > 1e-4}
    assert {name for name, *_ in moved} == {"transformer", "multitask_textcat", "iob_ner"}


def test_command_grows(trained, tmp_path):
    notes = [*NOTES, *MORE]
    config, overrides = write_config(tmp_path, trained, notes, ADAM + GROW)
    grown = init_nlp(load_config(config, overrides, interpolate=False))
    pipe = grown.get_pipe("multitask_textcat")
    assert pipe.label_data == {
        "diagnosis": ["flu", "mi", "copd"],
        "findings": ["fever", "pain"],
        "triage": ["home", "ward"],
        "codes": ["R05", "R50"],
    }
    assert grown.get_pipe("iob_ner").labels == ("DRUG", "FINDING", "DOSE")
    assert exact(grown) == exact(spacy.load(trained))
    overrides |= {"training.max_steps": 80, "training.eval_frequency": 80}
    spacy_train(config, tmp_path / "out", overrides=overrides)
    nlp = spacy.load(tmp_path / "out" / "model-best")
    assert nlp.get_pipe("multitask_textcat").label_data == pipe.label_data
    scores = nlp.evaluate(examples_for(nlp, notes))
    for task in pipe.tasks:
        assert scores[f"cats_{task}_macro_f"] == 1.0, task
        assert nlp.meta["performance"][f"cats_{task}_macro_f"] == 1.0
    assert scores["ents_per_type"]["DOSE"]["f"] == 1.0
    tasks = nlp.config["components"]["multitask_textcat"]["tasks"]
    assert tasks["triage"]["head"]["pooling"] == "max"
    # The config of what was trained builds it, and its callback finds nothing to do.
    saved = nlp.config.copy()
    saved["initialize"]["components"] = {}
    again = init_nlp(saved)
    assert set(again.get_pipe("multitask_textcat").label_data) == set(pipe.label_data)
    assert again("fever").cats.keys() == nlp("fever").cats.keys()


def test_command_grows_as_one_of_several_callbacks(trained, tmp_path):
    moved = GROW.replace("[initialize.after_init", "[initialize.after_init.*.grow")
    head = '[initialize]\n[initialize.after_init]\n@callbacks = "spacy_clintl.InTurn.v1"\n'
    head += "[initialize.after_init.*]\n"
    text = moved.replace("[initialize]\n", head, 1)
    config, overrides = write_config(tmp_path, trained, [*NOTES, *MORE], ADAM + text)
    grown = init_nlp(load_config(config, overrides, interpolate=False))
    tasks = grown.config["components"]["multitask_textcat"]["tasks"]
    assert tasks["triage"]["head"]["pooling"] == "max"
    assert grown.get_pipe("multitask_textcat").label_data["triage"] == ["home", "ward"]


def test_a_tagger_of_a_group_grows_by_the_labels_of_that_group(tmp_path):
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("iob_ner", name="drugs", config={"spans_key": "drugs"})
    doc = nlp.make_doc("take 100 mg aspirin")
    doc.spans["drugs"] = [Span(doc, 3, 4, "DRUG")]
    nlp.initialize(lambda: [Example(nlp.make_doc(doc.text), doc)])
    nlp.to_disk(tmp_path / "pipeline")
    doc.spans["drugs"] = [Span(doc, 3, 4, "DRUG"), Span(doc, 1, 3, "DOSE")]
    doc.ents = [Span(doc, 3, 4, "FINDING")]
    DocBin(docs=[doc]).to_disk(tmp_path / "notes.spacy")
    text = RESUME.replace('"transformer","multitask_textcat","iob_ner"', '"drugs"')
    for name in ("transformer", "multitask_textcat"):
        text = text.replace(f"[components.{name}]\nsource = ${{paths.trained}}\n", "")
    text = text.replace("components.iob_ner", "components.drugs")
    text += """
[initialize]

[initialize.after_init]
@callbacks = "spacy_clintl.Grow.v1"

[initialize.after_init.components]

[initialize.after_init.components.drugs]
"""
    paths = {"paths.trained": str(tmp_path / "pipeline")}
    config = Config().from_str(
        text, interpolate=False, overrides=paths | {"paths.train": [str(tmp_path / "notes.spacy")]}
    )
    grown = init_nlp(config)
    assert tagger.labels == ("DRUG",)
    assert grown.get_pipe("drugs").labels == ("DRUG", "DOSE")


@pytest.mark.parametrize(
    ("components", "frozen", "match"),
    [
        ({"textcat": {}}, [], "'textcat', but the pipeline has: transformer"),
        ({"transformer": {}}, [], "neither a multitask_textcat nor"),
        ({"iob_ner": {"tasks": {}}}, [], r"'iob_ner' have 'tasks', but can have: labels"),
        ({"iob_ner": {}}, ["iob_ner"], "'iob_ner', which is frozen"),
        ({"multitask_textcat": {"labels": {"x": ["y"]}}}, [], "for the task 'x'"),
    ],
)
def test_callback_says_what_it_cannot_do(trained, components, frozen, match):
    nlp = spacy.load(trained)
    nlp.config["training"]["frozen_components"] = frozen
    with pytest.raises(ClintlError, match=match):
        make_grow_v1(components)(nlp)
