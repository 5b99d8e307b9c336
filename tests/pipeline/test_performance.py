"""What a trained and packaged pipeline says of its performance."""

import json

import pytest
import spacy
from spacy.cli.package import package
from spacy.cli.train import train as spacy_train
from spacy.tokens import DocBin
from spacy.training import Example

from spacy_clintl.pipeline.score_weights import (
    CALLBACK,
    drop_unscored,
    make_drop_unscored_v1,
    name_all_scores,
)
from tests.pipeline.growth import (
    DOSES,
    NOTES,
    OLD,
    TEXTS,
    TOK2VEC,
    cat_examples,
    ent_examples,
    textcat,
)

spacy.registry.callbacks.register(CALLBACK, func=make_drop_unscored_v1)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("performance")
    nlp = textcat(rare={"exclusive": False})
    model = {"@architectures": "spacy_clintl.IobTagger.v1", "tok2vec": TOK2VEC}
    nlp.add_pipe("iob_ner", config={"model": model})
    notes = ent_examples(nlp, [*NOTES, *DOSES])
    cats = cat_examples(nlp, OLD)
    rare = cat_examples(nlp, [{"rare/x": 1.0}, {"rare/x": 0.0}], TEXTS[2:])
    for name, examples in {"train": [*notes, *cats, *rare], "dev": [*notes, *cats]}.items():
        DocBin(docs=[eg.reference for eg in examples]).to_disk(folder / f"{name}.spacy")
    config = nlp.config.copy()
    for name in ("train", "dev"):
        paths = [str(folder / f"{name}.spacy")]
        config["corpora"][name] = {"@readers": "spacy_clintl.MixedCorpus.v1", "paths": paths}
    config["training"] |= {"max_steps": 20, "eval_frequency": 20, "dropout": 0.0}
    config.to_disk(folder / "config.cfg")
    spacy_train(folder / "config.cfg", folder / "out")
    return folder


def test_meta_of_what_was_trained(trained):
    nlp = spacy.load(trained / "out" / "model-best")
    found = nlp.meta["performance"]
    docs = DocBin().from_disk(trained / "dev.spacy").get_docs(nlp.vocab)
    scores = nlp.evaluate([Example(nlp.make_doc(doc.text), doc) for doc in docs])
    kinds = ("macro_f", "macro_p", "macro_r", "micro_f", "acc", "macro_auc", "n")
    keys = [f"cats_{task}_{kind}" for task in "df" for kind in kinds]
    keys += ["multitask_macro_f", "ents_f", "ents_p", "ents_r", "ents_per_type"]
    keys += [f"cats_{task}_{kind}_per_type" for task in "df" for kind in ("f", "auc")]
    assert {key: found[key] for key in keys} == {key: scores[key] for key in keys}
    assert set(found["cats_f_f_per_type"]) == {"fever", "pain"}
    assert set(found["cats_f_f_per_type"]["pain"]) == {"p", "r", "f"}
    assert set(found["ents_per_type"]) >= {"DRUG", "DOSE"}
    assert found["cats_d_n"] == 2
    # No development document is annotated for it.
    assert not [key for key in found if key.startswith("cats_rare_")]
    assert set(found) >= {"multitask_textcat_loss", "iob_ner_loss"}
    weights = nlp.config["training"]["score_weights"]
    assert weights["cats_d_macro_f"] is None
    assert weights["multitask_macro_f"] == weights["ents_f"] == 0.5


def test_what_no_component_scored_is_left_out():
    nlp = textcat()
    nlp.add_pipe("iob_ner")
    nlp.add_pipe("iob_ner", name="drugs", config={"spans_key": "drugs"})
    examples = cat_examples(nlp, OLD)
    nlp.get_pipe("multitask_textcat").initialize(lambda: examples, nlp=nlp)
    assert nlp.config["training"]["before_to_disk"] == {"@callbacks": CALLBACK}
    with nlp.select_pipes(enable="multitask_textcat"):
        examples[0].predicted.cats = examples[1].predicted.cats = nlp("fever").cats
    for _, pipe in nlp.pipeline:
        pipe.score(examples)
    keys = [
        "ents_f",
        "ents_per_type",
        "spans_drugs_f",
        "cats_d_acc",
        "multitask_macro_f",
        "tag_acc",
    ]
    nlp.meta["performance"] = dict.fromkeys(keys, 0.0)
    assert drop_unscored(nlp) is nlp
    assert set(nlp.meta["performance"]) == {"cats_d_acc", "multitask_macro_f", "tag_acc"}
    # Another component has scored what ours did not.
    nlp.meta["performance"] = {"ents_f": 0.5}
    assert drop_unscored(nlp).meta["performance"] == {"ents_f": 0.5}
    # A callback of one's own stays.
    nlp.config["training"]["before_to_disk"] = {"@callbacks": "mine"}
    name_all_scores(nlp)
    assert nlp.config["training"]["before_to_disk"] == {"@callbacks": "mine"}


def test_package_carries_it(trained):
    performance = performance_in(trained / "out" / "model-best")
    package(trained / "out" / "model-best", trained, create_sdist=False, silent=True)
    (folder,) = trained.glob("en_*")
    name = folder.name.split("-")[0]
    for path in (folder, folder / name / folder.name):
        assert performance_in(path) == performance
    assert "CATS_D_MACRO_F" in (folder / "README.md").read_text()


def performance_in(folder):
    return json.loads((folder / "meta.json").read_text())["performance"]
