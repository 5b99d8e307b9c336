"""What is wrong with a plan is told as one message, before anything is trained."""

import pytest
from typer.testing import CliRunner

from spacy_clintl.cli import app
from spacy_clintl.experiments.plan_file import read_plan
from tests.experiments.plans import plan_of, write_plan


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
        ("sizes", [-1], "CL502", "sizes"),
        ("sizes", [0], "CL502", "sizes"),
        ("seeds", {"0.1": [0]}, "CL502", "seeds"),
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
    assert not runs.exists()
