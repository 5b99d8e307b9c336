"""What aligners give, and what every aligner offers."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

Words = Sequence[str]
WordPairs = Sequence[tuple[Words, Words]]


@dataclass(frozen=True)
class Links:
    """Posteriors of the links of one sentence pair.

    forward (ndarray): (sources, targets) that the target word comes from the source word; columns
        sum to 1 at most, what is missing is that it comes from none.
    backward (ndarray): (sources, targets) that the source word comes from the target word; rows
        sum to 1 at most.
    """

    forward: np.ndarray
    backward: np.ndarray

    def symmetric(self) -> np.ndarray:
        """RETURNS (ndarray): (sources, targets) the geometric mean of both directions."""
        return np.sqrt(self.forward * self.backward)


class Aligner:
    """What every aligner offers."""

    name: ClassVar[str] = ""
    # More sentence pairs that it learns from.
    parallel: WordPairs = ()

    def train(self, pairs: WordPairs, source: str = "", target: str = "") -> list[Links]:
        """Learn from sentence pairs, and align them.

        pairs (WordPairs): Words of source and target sentences.
        source, target (str): The languages, if known.
        RETURNS (list[Links]): One a pair, in order.
        """
        return self.align(pairs)

    def align(self, pairs: WordPairs) -> list[Links]:
        """Align sentence pairs with what was learned. RETURNS (list[Links]): One a pair."""
        raise NotImplementedError

    def fingerprint(self) -> str:
        """Name all that links depend on, beside the pairs."""
        return self.name
