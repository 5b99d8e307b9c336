"""What is wrong with a plan is told as one message, before anything is trained."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from spacy_clintl.cli import app
from spacy_clintl.errors import ClintlError
from spacy_clintl.experiments.config import config_of
from spacy_clintl.experiments.heads import score_names
from spacy_clintl.experiments.plan import cells_of
from spacy_clintl.experiments.plan_file import read_plan
from tests.experiments.plans import plan_of, write_plan

PLANS = Path(__file__).parents[2] / "configs" / "experiments"


def clintl(*arguments):
    result = CliRunner().invoke(app, ["experiment", *map(str, arguments)])
    return result.exit_code, " ".join(result.output.split())


def set_in(plan, path, value):
    *tables, last = path.split("/")
    for name in tables:
        plan = plan[name]
    plan[last] = value


@pytest.mark.parametrize(
    ("place", "value", "code", "named"),
    [
        ("learn_rate", 1, "CL501", "learn_rate"),
        ("settings/patience", 3, "CL501", "patience"),
        ("settings/epochs", 0, "CL502", "epochs"),
        ("corpora/mood/extra", 3, "CL501", "the corpus 'mood'"),
        ("corpora/mood/further", {"drugs": "x.spacy"}, "CL502", "drugs"),
        ("corpora/mood/epochs", {"default": 0}, "CL502", "the corpus 'mood'"),
        ("corpora/mood/epochs", {300: 2}, "CL502", "the corpus 'mood'"),
        ("corpora/mood/further", ["x.spacy"], "CL502", "further"),
        ("corpora/mood/score", None, "CL502", "score"),
        ("corpora/mood/dev", "nowhere.spacy", "CL100", "nowhere.spacy"),
        ("corpora/mood/component", "tagger", "CL505", "tagger"),
        ("corpora/mood/task", "sleep", "CL505", "sleep"),
        ("variants/both/corpora", ["mood", "sleep"], "CL503", "sleep"),
        ("variants/both/corpora", [["mood"], []], "CL502", "list of such lists"),
        ("variants/both/corpora", [["mood"], "drugs"], "CL502", "list of such lists"),
        ("variants/both/components", {"sleep": "x"}, "CL503", "sleep"),
        ("variants/both/config", "nowhere.cfg", "CL100", "nowhere.cfg"),
        ("variants/both/overrides", {"nowhere.at.all": 1}, "CL504", "nowhere"),
        ("variants/both/option", 1, "CL501", "the variant 'both'"),
        ("variants", {}, "CL502", "variants"),
        ("variants/both/auxiliary", "mood", "CL502", "a list of names"),
        ("variants/both/auxiliary", ["sleep"], "CL503", "sleep"),
        ("variants/both/auxiliary", ["mood", "drugs"], "CL502", "to be compared by"),
        ("variants/single/auxiliary", ["mood"], "CL502", "to be compared by"),
        ("sizes", [-1], "CL502", "sizes"),
        ("sizes", [0], "CL502", "sizes"),
        ("seeds", {"0.1": [0]}, "CL502", "seeds"),
        ("seeds", [-1], "CL502", "seeds"),
        ("seeds", {"default": [0], 500: [0, 1]}, "CL502", "'default', 1"),
        ("settings/epochs", {1.0: 3, 300: 7}, "CL502", "300"),
        ("variants/both/seeds", {"default": [0], 0.5: [1]}, "CL502", "the variant 'both'"),
        ("variants/both/epochs", {"default": 3, 0.5: 1}, "CL502", "the variant 'both'"),
        ("variants/both/corpora", ["mood", "mood"], "CL502", "each corpus once"),
        ("variants", {"a/../b": {}}, "CL502", "without slashes"),
        ("corpora/mood/further", {"a/b": "x.spacy"}, "CL502", "a/b"),
        ("corpora/mood/score", "cats_mood_macrof", "CL536", "cats_mood_macro_f"),
        ("corpora/drugs/score", "ents_f1", "CL536", "ents_f"),
        ("variants/both/overrides", {"training.droput": 0.2}, "CL535", "dropout"),
        ("variants/both/overrides", {"paths.encodr": "x"}, "CL535", "encoder"),
        ("variants/both/overrides", {"system.sed": 1}, "CL535", "seed"),
        ("variants/both/overrides", {"nlp.btch_size": 1}, "CL535", "batch_size"),
        ("variants/both/overrides", {"corpora.more": {"a": 1}}, "CL535", "train"),
        ("variants/both/overrides", {"trainin.dropout": 0.2}, "CL504", "trainin"),
    ],
)
def test_faults_of_a_plan(tmp_path, place, value, code, named):
    plan = plan_of(tmp_path)
    set_in(plan, place, value)
    runs = tmp_path / "runs.jsonl"
    status, output = clintl(write_plan(tmp_path, plan), runs)
    assert status == 1, output
    assert code in output
    assert named in output
    assert "Traceback" not in output
    assert output.count("[CL") == 1
    assert not runs.exists()


@pytest.mark.parametrize("part", ["dev", "train"])
def test_file_that_is_no_corpus(tmp_path, part):
    plan = plan_of(tmp_path)
    plan["corpora"]["mood"][part] = str(tmp_path / "plan.cfg")
    status, output = clintl(write_plan(tmp_path, plan), tmp_path / "runs.jsonl")
    assert (status, "CL537" in output) == (1, True)
    assert f"'{part}' of the corpus 'mood'" in output
    # The terminal breaks long paths.
    assert str(tmp_path / "plan.cfg") in output.replace(" ", "")


def test_overrides_that_change_something(tmp_path):
    plan = plan_of(tmp_path)
    config = tmp_path / "plan.cfg"
    # A path that the config refers to need not stand in it.
    config.write_text(config.read_text().replace("encoder = null\n", ""))
    plan["variants"]["both"]["overrides"] |= {
        "training.patience": 3,
        "training.batcher.get_length": None,
        "components.drugs_ner.loss_weight": 2.0,
        "components.transformer.model.layer_decay": 0.9,
        "components.multitask_textcat.tasks.mood.head": {"@architectures": "x.v1"},
    }
    status, output = clintl(write_plan(tmp_path, plan), tmp_path / "runs.jsonl", "--list")
    assert status == 0, output


def test_tables_of_sizes_that_some_variant_has(tmp_path):
    plan = plan_of(tmp_path)
    plan["settings"]["epochs"] = {"default": 3, 0.5: 7, 0: 1}
    plan["seeds"] = {"default": [0], 0.5: [0, 1]}
    plan["variants"]["both"]["sizes"] = [0.5]
    path = write_plan(tmp_path, plan)
    with pytest.raises(ClintlError, match="CL502"):
        read_plan(path)
    plan["settings"]["epochs"].pop(0)
    read = read_plan(write_plan(tmp_path, plan))
    assert read.settings[0.5].epochs == 7
    assert read.variants["both"].seeds[0.5] == (0, 1)
    # A variant's own table leaves the sizes that it does not name to the settings.
    plan["variants"]["both"] |= {"sizes": [0.5, 1.0], "epochs": {0.5: 9}}
    read = read_plan(write_plan(tmp_path, plan))
    by_size = {c.size: c.settings.epochs for c in cells_of(read) if c.variant.name == "both"}
    assert by_size == {0.5: 9, 1.0: 3}


def test_epochs_of_a_corpus(tmp_path):
    plan = plan_of(tmp_path)
    plan["settings"]["epochs"] = 3
    plan["sizes"] = [0.5, 1.0]
    plan["corpora"]["mood"]["epochs"] = {0.5: 5}
    plan["variants"]["both"]["epochs"] = {1.0: 4}

    def epochs() -> dict[str, int]:
        cells = cells_of(read_plan(write_plan(tmp_path, plan)))
        return {cell.name: cell.settings.epochs for cell in cells}

    assert epochs() == {
        "single/mood/0.5/seed-0": 5,
        "single/drugs/0.5/seed-0": 3,
        "both/mood+drugs/0.5/seed-0": 5,  # the one of them that wants most
        "single/mood/1/seed-0": 3,
        "single/drugs/1/seed-0": 3,
        "both/mood+drugs/1/seed-0": 4,  # a variant's own go before
    }
    plan["corpora"]["mood"]["epochs"] = 2
    assert epochs()["single/mood/1/seed-0"] == 2
    assert epochs()["both/mood+drugs/0.5/seed-0"] == 3


@pytest.mark.parametrize("path", sorted(PLANS.glob("*.yml")), ids=lambda path: path.stem)
def test_plans_of_the_project(path, monkeypatch):
    monkeypatch.chdir(PLANS.parents[1])
    monkeypatch.setattr(Path, "is_dir", lambda self: True)
    cells = list(cells_of(read_plan(path)))
    assert cells
    for cell in cells:
        config_of(cell)
        assert all(corpus.score in score_names(corpus.task) for corpus in cell.corpora)


def test_several_pipelines_of_a_variant(tmp_path):
    plan = plan_of(tmp_path)
    set_in(plan, "variants/both/corpora", [["mood"], ["drugs", "mood"]])
    groups = read_plan(write_plan(tmp_path, plan)).variants["both"].groups
    assert groups == (("mood",), ("drugs", "mood"))


def test_no_plan_and_no_yaml(tmp_path):
    status, output = clintl(tmp_path / "plan.yml", tmp_path / "runs.jsonl")
    assert (status, "CL100" in output) == (1, True)
    (tmp_path / "plan.yml").write_text("settings: [1, }")
    status, output = clintl(tmp_path / "plan.yml", tmp_path / "runs.jsonl")
    assert (status, "CL500" in output) == (1, True)


def test_stock_component_of_several_corpora(tmp_path):
    plan = plan_of(tmp_path)
    path = tmp_path / "plan.cfg"
    path.write_text(path.read_text().replace('factory = "iob_ner"', 'factory = "ner"'))
    status, output = clintl(write_plan(tmp_path, plan), tmp_path / "runs.jsonl")
    assert (status, "CL506" in output) == (1, True)
    assert "drugs_ner" in output


def test_options(tmp_path, monkeypatch):
    plan = write_plan(tmp_path, plan_of(tmp_path))
    runs = tmp_path / "runs.jsonl"
    status, output = clintl(plan, runs, "--only", "triple")
    assert (status, "CL509" in output) == (1, True)
    monkeypatch.setattr("thinc.util.has_gpu", False)
    status, output = clintl(plan, runs, "--gpu-id", 0)
    assert (status, "CL511" in output) == (1, True)
    status, output = clintl(plan, runs, "--list", "--only", "single")
    assert status == 0
    assert "single/mood/1/seed-0" in output
    assert "both/" not in output
    # Neighbouring parts, but no pieces of parts.
    status, output = clintl(plan, runs, "--list", "--only", "single/mood")
    assert status == 0
    assert "single/mood/1/seed-0" in output
    assert "/drugs/" not in output
    # All documents are 1.0 in a plan.
    for name in ("single/mood/1.0", "single/*/1.0/*"):
        assert "single/mood/1/seed-0" in clintl(plan, runs, "--list", "--only", name)[1]
    for part in ("ingle/mood", "single/moo", "single/seed-0"):
        assert "CL509" in clintl(plan, runs, "--list", "--only", part)[1]
    assert "such as: single/drugs/1" in clintl(plan, runs, "--list", "--only", "singl/drugs/1")[1]
    assert not runs.exists()
