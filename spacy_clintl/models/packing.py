"""Sub-batches of windows with little padding, and of few different shapes."""

import math
from collections.abc import Sequence

# Kernels are compiled and cached for each shape they meet: with shapes of every size, a training
# run spends a fifth of its time and gigabytes of memory on that.
LENGTH_STEP, ROW_STEP = 8, 4


def pack_by_length(
    lengths: Sequence[int], budget: int, pass_cost: float = math.inf
) -> list[list[int]]:
    """Sort sequences by length and pack neighbours until a padded sub-batch is full.

    lengths (Sequence[int]): Each sequence's length.
    budget (int): The greatest size of a sub-batch: sequences times the padded length of the
        longest. A sequence that is longer makes a sub-batch by itself.
    pass_cost (float): What one more sub-batch costs, as a number of padded pieces: where the rest
        of one would be padded by more, it becomes one of its own.
    RETURNS (list[list[int]]): The sub-batches, longest first, as positions in `lengths`.
    """
    packs: list[list[int]] = []
    room = 0
    order = sorted(range(len(lengths)), key=lambda i: -lengths[i])
    for n, i in enumerate(order):
        if room:
            padding = lengths[packs[-1][0]] - lengths[i]
            if padding * min(room, len(order) - n) > pass_cost:
                room = 0
        if not room:
            packs.append([])
            room = max(1, budget // _up(max(1, lengths[i]), LENGTH_STEP))
            if room > 2 * ROW_STEP:
                room -= room % ROW_STEP
        packs[-1].append(i)
        room -= 1
    return packs


def padded_shape(lengths: Sequence[int], limit: int) -> tuple[int, int]:
    """Tell the shape to pad a sub-batch to.

    lengths (Sequence[int]): The lengths of its sequences.
    limit (int): The greatest length that the encoder takes.
    RETURNS (tuple[int, int]): Rows, of which the last few may be spare, and length.
    """
    rows = len(lengths)
    longest = max(lengths)
    # A few rows are left as they are: there a spare one would cost too much.
    return (
        rows if rows <= 2 * ROW_STEP else _up(rows, ROW_STEP),
        max(longest, min(_up(longest, LENGTH_STEP), limit)),
    )


def _up(n: int, step: int) -> int:
    return -(-n // step) * step
