"""Where words go: posteriors of links in one direction, for a batch of sentence pairs.

Two models of position: near the diagonal (Dyer et al., 2013, "A simple, fast, and effective
reparameterization of IBM model 2", section 2) and near the word before (Vogel et al., 1996,
"HMM-based word alignment in statistical translation"). Each generated word comes from one given
word, or from none (the empty word).
"""

import numpy as np

# Jumps further than this are one class.
FARTHEST = 10
N_JUMPS = 2 * FARTHEST + 1
# This share of what is counted goes to all jumps alike.
SMOOTHING = 0.01


def diagonal(given: np.ndarray, generated: np.ndarray, shape: tuple, tension: float) -> np.ndarray:
    """Give the probabilities of origins by their distance from the diagonal.

    given, generated (ndarray): (pairs,) lengths of both sides.
    shape (tuple): (pairs, generated, given), with padding.
    tension (float): How fast the probability falls; 0 is no preference.
    RETURNS (ndarray): Of that shape; sums over the given words are 1, padding has 0.
    """
    t = (np.arange(shape[1]) + 0.5) / generated[:, None]
    s = (np.arange(shape[2]) + 0.5) / given[:, None]
    found = np.exp(-tension * np.abs(t[:, :, None] - s[:, None, :]))
    found *= (s < 1)[:, None, :]
    return found / found.sum(-1, keepdims=True)


def independent_posterior(links: np.ndarray, empty: np.ndarray, p_empty: float) -> np.ndarray:
    """Posterior of links where each word is drawn by itself.

    links (ndarray): (pairs, generated, given) weight of each link; 0 at padding.
    empty (ndarray): (pairs, generated) probability of the word given the empty word.
    p_empty (float): Prior of the empty word.
    RETURNS (ndarray): As `links`; what is missing from 1 is the empty word's.
    """
    links = (1 - p_empty) * links
    return links / np.maximum(links.sum(-1) + p_empty * empty, 1e-300)[..., None]


class Jumps:
    """Probabilities of going from one given word to another, by distance.

    counts (ndarray | None): (N_JUMPS,) expected jumps; None: nothing was counted yet, and nearer
        to the next word is likelier.
    """

    def __init__(self, counts: np.ndarray | None = None):
        if counts is None:
            counts = 1.0 / (1.0 + np.abs(np.arange(-FARTHEST, FARTHEST + 1) - 1)) ** 2
        wanted = counts + SMOOTHING * counts.sum() / N_JUMPS
        self.weights = wanted / wanted.sum()

    def matrix(self, lengths: np.ndarray, width: int) -> np.ndarray:
        """RETURNS (ndarray): (pairs, given + 1, given) rows sum to 1; the first row begins."""
        to, origin = np.arange(width), np.arange(-1, width)
        table = self.weights[self.kinds(to[None, :] - origin[:, None])]
        allowed = to[None, :] < lengths[:, None]
        found = table[None] * allowed[:, None, :]
        return found / found.sum(-1, keepdims=True)

    @staticmethod
    def kinds(distance: np.ndarray) -> np.ndarray:
        """RETURNS (ndarray): The class of a jump."""
        return np.clip(distance, -FARTHEST, FARTHEST) + FARTHEST


def chain_posterior(
    links: np.ndarray,
    empty: np.ndarray,
    p_empty: float,
    lengths: np.ndarray,
    generated: np.ndarray,
    jumps: Jumps,
    counts: np.ndarray,
) -> np.ndarray:
    """Posterior of links where each word's origin depends on that of the word before.

    A word of no origin keeps the place of the last one (Och and Ney, 2003, section 2.1.2). Forward
    and backward sums run over all pairs of the batch at once.

    links (ndarray): (pairs, generated, given) probability of the word given each origin.
    empty (ndarray): (pairs, generated) probability of the word given the empty word.
    p_empty (float): Probability of an empty origin.
    lengths, generated (ndarray): (pairs,) how many given and generated words there are.
    jumps (Jumps): The transitions.
    counts (ndarray): Expected jumps by class are added here.
    RETURNS (ndarray): As `links`.
    """
    n, steps, width = links.shape
    matrix = jumps.matrix(lengths, width)
    # State 0 stands before the first given word; "at" is the place, whether linked or not.
    stay = np.zeros((n, steps, width + 1))
    move = np.zeros((n, steps, width + 1))
    move[:, :, 1:] = (1 - p_empty) * links
    stay[:] = p_empty * empty[..., None]
    at = np.zeros((n, steps + 1, width + 1))
    at[:, 0, 0] = 1.0
    linked = np.zeros((n, steps, width + 1))
    for t in range(steps):
        before = at[:, t]
        linked[:, t, 1:] = np.matmul(before[:, None, :], matrix)[:, 0] * move[:, t, 1:]
        now = linked[:, t] + before * stay[:, t]
        scale = np.maximum(now.sum(-1, keepdims=True), 1e-300)
        at[:, t + 1] = now / scale
        linked[:, t] /= scale
        move[:, t] /= scale
        stay[:, t] /= scale
    after = np.ones((n, width + 1))
    inside = np.arange(steps)[None, :] < generated[:, None]
    found = np.zeros_like(links)
    arriving = np.zeros((n, steps, width))
    for t in range(steps - 1, -1, -1):
        real = inside[:, t, None]
        found[:, t] = np.where(real, (linked[:, t] * after)[:, 1:], 0.0)
        arriving[:, t] = np.where(real, move[:, t, 1:] * after[:, 1:], 0.0)
        earlier = np.matmul(matrix, arriving[:, t, :, None])[..., 0] + stay[:, t] * after
        after = np.where(real, earlier, after)
    expected = np.matmul(at[:, :steps].transpose(0, 2, 1), arriving) * matrix
    to, origin = np.arange(width), np.arange(-1, width)
    kinds = np.broadcast_to(Jumps.kinds(to[None, :] - origin[:, None]), expected.shape)
    counts += np.bincount(kinds.ravel(), weights=expected.ravel(), minlength=len(counts))
    return found
