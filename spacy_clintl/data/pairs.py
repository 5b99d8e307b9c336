"""Pairs of texts as the readers make them; see `spacy_clintl.pairs`, which the models use too."""

from ..pairs import SEPARATOR, has_both_sides, join_pair, pair_spans, split_pair

__all__ = ["SEPARATOR", "has_both_sides", "join_pair", "pair_spans", "split_pair"]
