import pytest

from spacy_clintl.adaptation.settings import AdaptSettings, make_plan
from spacy_clintl.errors import ClintlError


@pytest.mark.parametrize(
    ("changes", "n_blocks", "fresh", "expected"),
    [
        ({}, 3200, True, (25, 100, 3e-4, 0.5)),
        ({}, 3200, False, (0, 100, 1e-4, 0.0)),
        ({"epochs": 20}, 3200, True, (160, 2000, 3e-4, 0.5)),
        ({"epochs": 0.5}, 3200, False, (0, 50, 1e-4, 0.0)),
        ({"max_steps": 60}, 3200, True, (15, 60, 3e-4, 0.5)),
        ({"max_steps": 60, "head_warmup_steps": 0}, 3200, True, (0, 60, 3e-4, 0.5)),
        ({"max_steps": 60, "head_warmup_steps": 59}, 9, False, (59, 60, 1e-4, 0.0)),
        ({"learn_rate": 1e-5, "average": 0.0}, 3200, True, (25, 100, 1e-5, 0.0)),
        ({"average": 0.3}, 3200, False, (0, 100, 1e-4, 0.3)),
        ({}, 1, True, (0, 1, 3e-4, 0.5)),
    ],
)
def test_plan(changes, n_blocks, fresh, expected):
    plan = make_plan(AdaptSettings(**changes), n_blocks=n_blocks, fresh_head=fresh)
    assert (plan.head_steps, plan.steps, plan.learn_rate, plan.average) == expected


def test_head_must_leave_steps_for_the_encoder():
    # Known before any text is read where the steps are.
    with pytest.raises(ClintlError, match=r"CL406.*60"):
        AdaptSettings(max_steps=60, head_warmup_steps=60)
    settings = AdaptSettings(head_warmup_steps=4)
    with pytest.raises(ClintlError, match=r"CL406.*4 steps.*3 steps"):
        make_plan(settings, n_blocks=100, fresh_head=True)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("max_steps", 0),
        ("batch_size", -1),
        ("learn_rate", float("nan")),
        ("mlm_probability", 1.0),
        ("head_warmup_steps", -1),
        ("average", 1.1),
        ("held_out", 1.0),
        ("save_every", 0),
        ("seed", -1),
        ("precision", "fp8"),
    ],
)
def test_values_out_of_range_name_their_option(name, value):
    with pytest.raises(ClintlError, match=f"CL405.*--{name.replace('_', '-')} is {value}"):
        AdaptSettings(**{name: value})
