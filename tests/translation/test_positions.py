import itertools

import numpy as np
import pytest

from spacy_clintl.translation.alignment.positions import (
    N_JUMPS,
    Jumps,
    chain_posterior,
    diagonal,
    independent_posterior,
)


def by_hand(links, empty, p_empty, jumps):
    """Sum over all ways to link, one by one."""
    n, m = links.shape
    matrix = jumps.matrix(np.array([m]), m)[0]
    found, total = np.zeros_like(links), 0.0
    for path in itertools.product(range(2 * m), repeat=n):
        # Numbers from m on: no origin. The place is kept, so it is not part of the path.
        place, weight = 0, 1.0
        for t, state in enumerate(path):
            if state < m:
                weight *= matrix[place, state] * (1 - p_empty) * links[t, state]
                place = state + 1
            elif state == m:
                weight *= p_empty * empty[t]
            else:
                weight = 0.0
        total += weight
        for t, state in enumerate(path):
            if state < m:
                found[t, state] += weight
    return found / total


def test_chain_posterior_is_the_sum_over_all_paths():
    rng = np.random.default_rng(0)
    links, empty = rng.random((2, 4, 3)), rng.random((2, 4))
    lengths, generated = np.array([3, 2]), np.array([4, 3])
    links[1, :, 2] = 0
    counts = np.zeros(N_JUMPS)
    jumps = Jumps(rng.random(N_JUMPS))
    found = chain_posterior(links, empty, 0.2, lengths, generated, jumps, counts)
    assert found[0] == pytest.approx(by_hand(links[0], empty[0], 0.2, jumps))
    assert found[1, :3, :2] == pytest.approx(by_hand(links[1, :3, :2], empty[1, :3], 0.2, jumps))
    assert not found[1, 3].any(), "what is not there is linked to nothing"
    # A jump a linked word.
    assert counts.sum() == pytest.approx(found.sum())


def test_jumps_keep_to_the_sentence():
    matrix = Jumps().matrix(np.array([3, 2]), 3)
    assert matrix.sum(-1) == pytest.approx(np.ones((2, 4)))
    assert not matrix[1, :, 2].any()
    assert matrix[0, 0].argmax() == 0, "a sentence begins at its beginning"
    assert matrix[0, 1].argmax() == 1, "and goes on with the next word"


def test_diagonal_prefers_the_same_share_of_the_sentence():
    near = diagonal(np.array([4, 2]), np.array([8, 8]), (2, 8, 4), 4.0)
    assert near.sum(-1) == pytest.approx(np.ones((2, 8)))
    assert near[0].argmax(1).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert not near[1, :, 2:].any()
    flat = diagonal(np.array([4]), np.array([8]), (1, 8, 4), 0.0)
    assert flat == pytest.approx(np.full((1, 8, 4), 0.25))


def test_the_empty_word_takes_what_is_left():
    found = independent_posterior(np.array([[[0.3, 0.1]]]), np.array([[0.4]]), 0.5)
    assert found[0, 0] == pytest.approx([0.375, 0.125])
