"""A log-linear model of spans: weights of features, and the probabilities that they give."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import srsly

# Learned by `benchmarks/projection.py --fit`, which says from what.
WEIGHTS = Path(__file__).with_name("weights.json")


class SpanModel:
    """Scores spans. No span at all has score 0.

    weights (Mapping[str, float] | None): By feature; a feature without one does not count. None:
        those that come with the package.
    """

    def __init__(self, weights: Mapping[str, float] | None = None):
        if weights is None:
            weights = srsly.read_json(WEIGHTS)["weights"]
        self.weights = dict(weights)

    def scores(self, features: Mapping[str, np.ndarray]) -> np.ndarray:
        """RETURNS (ndarray): (spans,) weighted sums of features (spans,)."""
        total = np.zeros(len(next(iter(features.values()))))
        for name, values in features.items():
            if weight := self.weights.get(name):
                total += weight * values
        return total


def probabilities(scores: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): (spans + 1,) the first is the probability of no span."""
    whole = np.concatenate([[0.0], scores])
    whole = np.exp(whole - whole.max())
    return whole / whole.sum()
