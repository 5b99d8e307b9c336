"""Word alignment without a downloaded model, and projection by it."""

from .projector import make_alignment_v1

__all__ = ["make_alignment_v1"]
