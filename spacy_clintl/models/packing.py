"""Sub-batches of windows with little padding."""

from collections.abc import Sequence


def pack_by_length(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """Sort sequences by length and pack neighbours until a padded sub-batch is full.

    lengths (Sequence[int]): Each sequence's length.
    budget (int): The greatest size of a sub-batch: sequences times the longest of them. A
        sequence that is longer makes a sub-batch by itself.
    RETURNS (list[list[int]]): The sub-batches, longest first, as positions in `lengths`.
    """
    packs: list[list[int]] = []
    room = 0
    for i in sorted(range(len(lengths)), key=lambda i: -lengths[i]):
        if not room:
            packs.append([])
            room = max(1, budget // max(1, lengths[i]))
        packs[-1].append(i)
        room -= 1
    return packs
