"""A linear-chain conditional random field over IOB2 tags (Lafferty et al. 2001).

Our own and not a library's: pytorch-crf 0.7.2 and TorchCRF are no longer maintained and do not
marginalise over tags that are not annotated; pytorch-partial-crf does, but gives the impossible a
score of -100; and all would bring torch into pipelines that do without. Here transitions that IOB2
forbids have no probability at all, whatever the logits are, and tags that are not annotated are
summed over (Tsuboi et al. 2008).

All of it is numpy in double precision, on the CPU also where the encoder is on a GPU: a step of
the recursion is a small array, and thousands of small kernels would take longer than the copy of
one array (tokens, tags). Documents go through the steps side by side; the memory is some ten such
arrays, and tables of pairs of tags for some documents at a time (`iob.few`).
"""

from collections.abc import Callable, Sequence

import numpy as np
from thinc.api import Model
from thinc.types import Floats2d

from ..errors import ClintlError, Errors
from .iob import MISSING, OUTSIDE, Chain, Steps, few, finite, iob2_chain

CrfLayer = Model[list[Floats2d], list[Floats2d]]

# Stands in for a greatest score of minus infinity, which cannot be subtracted from itself.
LEAST = -1e300


def crf_layer(nO: int | None = None) -> CrfLayer:
    """Create the layer that holds the learned scores; logits go through it unchanged.

    Its parameters are "transitions" (from the tag of the row to that of the column), "start" and
    "end", all 0 at first. `get_chain` reads them, `add_gradients` adds to their gradients.

    nO (Optional[int]): The number of tags.
    RETURNS (Model[List[Floats2d], List[Floats2d]]): The layer.
    RAISES (ClintlError): For less than two tags.
    """
    _check(nO)
    return Model(
        "crf",
        _pass_on,
        init=_init,
        dims={"nO": nO},
        params={"transitions": None, "start": None, "end": None},
    )


def _check(n: int | None) -> None:
    if n is not None and n < 2:
        raise ClintlError(Errors.CL338.format(n=n))


def _pass_on(
    model: CrfLayer, logits: list[Floats2d], is_train: bool
) -> tuple[list[Floats2d], Callable[[list[Floats2d]], list[Floats2d]]]:
    return logits, lambda d_logits: d_logits


def _init(model: CrfLayer, X: object = None, Y: object = None) -> None:
    n = model.get_dim("nO")
    _check(n)
    model.set_param("transitions", model.ops.alloc2f(n, n))
    model.set_param("start", model.ops.alloc1f(n))
    model.set_param("end", model.ops.alloc1f(n))


def get_chain(layer: CrfLayer) -> Chain:
    """Read the learned scores.

    layer (Model[List[Floats2d], List[Floats2d]]): What `crf_layer` created, initialized.
    RETURNS (Chain): They, and minus infinity for what IOB2 forbids.
    """
    rule = iob2_chain(layer.get_dim("nO"))
    to_numpy = layer.ops.to_numpy
    return Chain(
        rule.transitions + to_numpy(layer.get_param("transitions")),
        rule.start + to_numpy(layer.get_param("start")),
        rule.end + to_numpy(layer.get_param("end")),
    )


def add_gradients(layer: CrfLayer, gradients: Chain, factor: float) -> None:
    """Add to the gradients of the learned scores.

    layer (Model[List[Floats2d], List[Floats2d]]): What `crf_layer` created.
    gradients (Chain): Those that `marginal_loss` gave.
    factor (float): What they are multiplied by.
    """
    layer.inc_grad("transitions", layer.ops.asarray2f(factor * gradients.transitions))
    layer.inc_grad("start", layer.ops.asarray1f(factor * gradients.start))
    layer.inc_grad("end", layer.ops.asarray1f(factor * gradients.end))


def marginal_loss(
    logits: Sequence[np.ndarray], gold: Sequence[np.ndarray], chain: Chain
) -> tuple[float, list[np.ndarray], Chain]:
    """Compute how improbable the annotation is, and the gradients of that.

    The loss of a document is log Z over all valid sequences less log Z over those that agree with
    the gold where it is known (Tsuboi et al. 2008). Where nothing is missing this is the usual
    negative log-likelihood; a document without annotation gives no loss and no gradient.

    logits (Sequence[ndarray]): Each document's logits; shape (tokens, tags).
    gold (Sequence[ndarray]): Each document's tag numbers, MISSING where not annotated, else valid
        as `iob.gold_tags` gives them; shape (tokens,).
    chain (Chain): The scores, as of `get_chain`.
    RETURNS (tuple[float, list[ndarray], Chain]): The loss in nats, summed over the documents; its
        gradients, one array (tokens, tags) a document; and those of the chain's scores.
    """
    gradients = [np.zeros(scores.shape) for scores in logits]
    chosen = [i for i, tags in enumerate(gold) if (tags != MISSING).any()]
    width = len(chain.start)
    if not chosen:
        return 0.0, gradients, Chain(np.zeros((width, width)), np.zeros(width), np.zeros(width))
    lengths = np.array([len(gold[i]) for i in chosen])
    borders = np.cumsum(lengths)
    free = np.concatenate([logits[i] for i in chosen]).astype("float64")
    tags = np.concatenate([gold[i] for i in chosen])
    # Documents known in part go through the steps twice: free, and bound to their gold.
    partly = np.array([(gold[i] == MISSING).any() for i in chosen])
    in_part = np.repeat(partly, lengths)
    column = tags[in_part, None]
    agrees = (column == MISSING) | (column == np.arange(width))
    bound = np.where(agrees, free[in_part], -np.inf)
    steps = Steps([*lengths, *lengths[partly]])
    scores = np.concatenate([free, bound])[steps.order]
    sign = np.repeat([1.0, -1.0], [len(free), len(bound)])[steps.order]
    # What is not a number shows in the loss, of which the component complains.
    with np.errstate(divide="ignore", invalid="ignore"):
        alphas, betas = forward_backward(scores, steps, chain)
        log_z = log_sum_exp(alphas + betas, axis=1)
        marginals = steps.undo(np.exp(alphas + betas - log_z[:, None]) * sign[:, None])
        pairs = _pair_counts(alphas, betas + scores, log_z, sign, steps, chain)
    loss = sign[: steps.alive[0]] @ log_z[: steps.alive[0]]
    differences = marginals[: len(free)]
    differences[in_part] += marginals[len(free) :]
    # The gold of the others is one sequence.
    certain = np.flatnonzero(~in_part)
    first, last = (borders - lengths)[~partly], (borders - 1)[~partly]
    later = np.setdiff1d(certain, first)
    moves = tags[later - 1], tags[later]
    loss -= free[certain, tags[certain]].sum() + chain.transitions[moves].sum()
    loss -= chain.start[tags[first]].sum() + chain.end[tags[last]].sum()
    differences[certain, tags[certain]] -= 1.0
    np.subtract.at(pairs, moves, 1.0)
    for i, difference in zip(chosen, np.split(differences, borders[:-1])):
        gradients[i] = difference
    starts, ends = differences[borders - lengths], differences[borders - 1]
    return float(loss), gradients, Chain(pairs, starts.sum(axis=0), ends.sum(axis=0))


def forward_backward(
    scores: np.ndarray, steps: Steps, chain: Chain
) -> tuple[np.ndarray, np.ndarray]:
    """Sum over what precedes and what follows each tag (Rabiner 1989, section III.A).

    scores (ndarray): The logits in the order of the steps; float64, (tokens, tags).
    steps (Steps): The steps.
    chain (Chain): The scores between tags.
    RETURNS (tuple[ndarray, ndarray]): The logarithms of the forward sums, which hold the token's
        own score, and of the backward sums, which do not; both float64, (tokens, tags).
    """
    alphas, betas = np.empty_like(scores), np.empty_like(scores)
    betas[:] = chain.end
    alphas[steps.rows(0)] = chain.start + scores[steps.rows(0)]
    into, width = np.ascontiguousarray(chain.transitions.T), scores.shape[1]
    for step in range(1, len(steps.alive)):
        rows, earlier = steps.rows(step), alphas[steps.before(step)]
        for part in few(len(earlier), width):
            sums = log_sum_exp(earlier[part, None, :] + into, axis=2)
            alphas[rows][part] = sums + scores[rows][part]
    for step in range(len(steps.alive) - 1, 0, -1):
        rows, before = steps.rows(step), steps.before(step)
        after = scores[rows] + betas[rows]
        for part in few(len(after), width):
            sums = log_sum_exp(after[part, None, :] + chain.transitions, axis=2)
            betas[before][part] = sums
    return alphas, betas


def _pair_counts(
    alphas: np.ndarray,
    after: np.ndarray,
    log_z: np.ndarray,
    sign: np.ndarray,
    steps: Steps,
    chain: Chain,
) -> np.ndarray:
    """Sum the signed probabilities of each pair of neighbouring tags over all tokens."""
    width = len(chain.start)
    alive = np.asarray(steps.alive)
    rows = np.arange(steps.first[1], len(alphas))
    before = rows - np.repeat(alive[:-1], alive[1:])
    counts = np.zeros((width, width))
    for part in few(len(rows), width):
        here, source = rows[part], before[part]
        pairs = alphas[source][:, :, None] + (after[here] - log_z[here][:, None])[:, None, :]
        pairs += chain.transitions
        counts += np.tensordot(sign[here], np.exp(pairs, out=pairs), axes=1)
    return counts


def entity_probabilities(
    logits: Sequence[np.ndarray], tags: Sequence[np.ndarray], chain: Chain | None = None
) -> list[np.ndarray]:
    """Compute how probable each entity is: that it begins, goes on and ends just there.

    This is the exact sum of the probabilities of all valid sequences that have the entity. It is
    the probability of its first tag, times that of each further tag given the one before, times
    that of no further tag of the entity after its last.

    logits (Sequence[ndarray]): Each document's logits; shape (tokens, tags).
    tags (Sequence[ndarray]): Each document's tag numbers, valid IOB2; shape (tokens,).
    chain (Optional[Chain]): The scores of a CRF. None is `iob.iob2_chain`: the probabilities are
        those of a softmax a token, given that the sequence is valid.
    RETURNS (list[ndarray]): Each document's probabilities, in the order of `iob.spans_of`;
        float64, shape (entities,).
    """
    results = [np.zeros(0) for _ in tags]
    chosen = [i for i, numbers in enumerate(tags) if (numbers % 2 == 1).any()]
    if not chosen:
        return results
    lengths = [len(tags[i]) for i in chosen]
    borders = np.cumsum(lengths)
    steps = Steps(lengths)
    scores = finite(np.concatenate([logits[i] for i in chosen]))
    chain = iob2_chain(scores.shape[1]) if chain is None else chain
    flat = np.concatenate([tags[i] for i in chosen])
    begins = flat % 2 == 1
    previous = np.concatenate([[OUTSIDE], flat[:-1]])
    previous[borders - lengths] = OUTSIDE
    # After a token of an entity, either another one of the entity comes or it has ended.
    after = np.flatnonzero(previous != OUTSIDE)
    source = previous[after]
    inside = source + source % 2
    with np.errstate(divide="ignore"):
        packed = forward_backward(scores[steps.order], steps, chain)
        alphas, betas = (steps.undo(rows) for rows in packed)
        joint = (alphas + betas)[begins]
        log_p = joint[np.arange(len(joint)), flat[begins]] - log_sum_exp(joint, axis=1)
        choices = chain.transitions[source] + scores[after] + betas[after]
        stays = choices[np.arange(len(after)), inside] - log_sum_exp(choices, axis=1)
        stays = np.minimum(stays, 0.0)
        parts = np.where(flat[after] == inside, stays, np.log(-np.expm1(stays)))
    number = np.cumsum(begins) - 1
    log_p += np.bincount(number[after - 1], weights=parts, minlength=len(log_p))
    found = np.split(np.exp(np.minimum(log_p, 0.0)), np.cumsum(begins)[borders - 1][:-1])
    for i, probabilities in zip(chosen, found):
        results[i] = probabilities
    return results


def log_sum_exp(scores: np.ndarray, axis: int) -> np.ndarray:
    """Sum exponentials without overflow; minus infinity where all are 0."""
    top = np.maximum(np.maximum.reduce(scores, axis=axis, keepdims=True), LEAST)
    return np.log(np.add.reduce(np.exp(scores - top), axis=axis)) + top.squeeze(axis)
