"""The fused steps are those of Thinc's own Adam."""

import numpy as np
import pytest
import torch
from thinc.api import SGD, Adam, RAdam

from spacy_clintl.models.fused_adam import can_fuse, update_parameters

SHAPES = {"a": (7, 5), "b": (5,), "c": (1,)}
RATES = {"a": 1.0, "b": 0.5, "c": 0.5}


def values(seed):
    generator = np.random.default_rng(seed)
    return {name: generator.normal(size=shape).astype("f") for name, shape in SHAPES.items()}


@pytest.mark.parametrize(
    "settings",
    [
        {"L2": 0.0, "grad_clip": 0.0},
        {"L2": 0.5, "L2_is_weight_decay": True, "grad_clip": 0.7},
        {"L2": 0.1, "L2_is_weight_decay": False, "eps": 0.1},
        {"learn_rate": 0.0, "L2": 0.1},
    ],
)
def test_steps_are_those_of_thinc(settings):
    settings = {"learn_rate": 0.1, **settings}
    own, fused = Adam(**settings), Adam(**settings)
    expected = values(0)
    parameters = {name: torch.nn.Parameter(torch.tensor(v)) for name, v in expected.items()}
    for step in range(1, 6):
        gradients = values(step)
        for name in SHAPES:
            if step == 2 and name == "b":
                continue  # a parameter may miss an update
            gradient = gradients[name].copy()
            expected[name], _ = own((1, name), expected[name], gradient, lr_scale=RATES[name])
        entries = []
        for name, parameter in parameters.items():
            if step == 2 and name == "b":
                continue
            parameter.grad = torch.tensor(gradients[name])
            entries.append(((1, name), parameter, RATES[name]))
        update_parameters(fused, entries)
        for name, parameter in parameters.items():
            assert np.allclose(parameter.detach().numpy(), expected[name], atol=1e-5), name
    for name in SHAPES:
        assert np.allclose(own.mom1[1, name], fused.mom1[1, name], atol=1e-6)
        assert np.allclose(own.mom2[1, name], fused.mom2[1, name], atol=1e-6)
    assert own.nr_update == fused.nr_update


def test_other_optimizers_are_left_to_thinc():
    assert can_fuse(Adam(0.1), torch.device("cpu"))
    assert not can_fuse(Adam(0.1), torch.device("cuda"))
    assert not can_fuse(SGD(0.1), torch.device("cpu"))
    assert not can_fuse(RAdam(0.1), torch.device("cpu"))
