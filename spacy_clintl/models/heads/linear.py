"""The plainest head: pool the tokens, then one affine layer."""

from thinc.api import (
    Dropout,
    Linear,
    Model,
    chain,
    list2ragged,
    reduce_first,
    reduce_max,
    reduce_mean,
)
from thinc.types import Floats2d

from ...errors import ClintlError, Errors

POOLINGS = {"mean": reduce_mean, "max": reduce_max, "first": reduce_first}


def linear_head_v1(pooling: str = "mean", dropout: float = 0.1) -> Model[list[Floats2d], Floats2d]:
    """Build a linear head.

    pooling (str): How token vectors become one vector: "mean", "max" or "first".
    dropout (float): Dropout of the pooled vector.
    RETURNS (Model[List[Floats2d], Floats2d]): The head.
    """
    if pooling not in POOLINGS:
        raise ClintlError(Errors.CL311.format(pooling=pooling, known=", ".join(POOLINGS)))
    output: Model[Floats2d, Floats2d] = Linear(None, None)
    model: Model[list[Floats2d], Floats2d] = chain(
        list2ragged(), POOLINGS[pooling](), Dropout(dropout), output
    )
    model.set_ref("output_layer", output)
    return model
