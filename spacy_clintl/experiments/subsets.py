"""Nested, stratified subsets of a training corpus."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence

from spacy.tokens import Doc

from ..data.splits import labels_of
from ..errors import ClintlError, Errors


def draw(docs: Sequence[Doc], size: float, seed: int) -> list[Doc]:
    """Draw documents so that each smaller subset of a seed lies in each larger one.

    A document's stratum is its rarest label in the corpus: its class where classes exclude each
    other. Each stratum is shuffled and spread evenly over the order from which the first documents
    are taken, so that any number of first documents has about the shares of the whole.

    docs (Sequence[Doc]): The corpus.
    size (float): A share of at most 1, or a number of documents.
    seed (int): Draws.
    RETURNS (list[Doc]): At least one document, in the corpus's own order.
    """
    order = nested_order([labels_of(doc) for doc in docs], seed)
    n = round(size * len(docs)) if size <= 1 else int(size)
    return [docs[i] for i in sorted(order[: max(1, min(n, len(docs)))])]


def in_form(
    docs: Sequence[Doc], chosen: Sequence[Doc], forms: Sequence[Doc], path: str
) -> list[Doc]:
    """Take the same documents in another form, such as their translations.

    docs (Sequence[Doc]): The corpus.
    chosen (Sequence[Doc]): Some of its documents.
    forms (Sequence[Doc]): The corpus in the other form, in the same order.
    path (str): Where that comes from, for the message.
    RETURNS (list[Doc]): The other form of the chosen ones.
    RAISES (ClintlError): There are not as many of both.
    """
    if len(docs) != len(forms):
        raise ClintlError(Errors.CL529.format(path=path, n=len(forms), expected=len(docs)))
    places = {id(doc): number for number, doc in enumerate(docs)}
    return [forms[places[id(doc)]] for doc in chosen]


def nested_order(labels: Sequence[set[str]], seed: int) -> list[int]:
    """Order documents so that each prefix is stratified.

    labels (Sequence[set[str]]): The labels of each document.
    seed (int): Decides the order within strata.
    RETURNS (list[int]): The documents' numbers.
    """
    rng = random.Random(seed)
    counts = Counter(label for found in labels for label in found)
    strata: dict[str, list[int]] = defaultdict(list)
    for i, found in enumerate(labels):
        strata[min(found, key=lambda label: (counts[label], label), default="")].append(i)
    places = {}
    for stratum in sorted(strata):
        members = strata[stratum]
        rng.shuffle(members)
        # One offset a stratum: members stand evenly, and small strata do not all come first.
        offset = rng.random()
        for rank, i in enumerate(members):
            places[i] = ((rank + offset) / len(members), rng.random())
    return sorted(places, key=lambda i: places[i])
