"""Seeded splits of a corpus: stratified by every label, and no group on two sides."""

import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..errors import ClintlError, Errors
from ..util import whole_folder
from .docbin import docbin_writer, iter_docbin
from .docs import has_entities


@dataclass
class Part:
    """What went into one part.

    documents (int): How many.
    tokens (int): Their tokens.
    groups (int): How many groups; a document without the group's key is one of its own.
    labels (Counter[str]): Documents by category that holds, and by entity label that occurs.
    """

    documents: int = 0
    tokens: int = 0
    groups: int = 0
    labels: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True)
class Split:
    """The parts of a split.

    parts (dict[str, Part]): By name; of k folds those of each fold, `fold-0/train` and so on.
    ungrouped (int): Documents without the group's key.
    """

    parts: dict[str, Part]
    ungrouped: int = 0


def split_corpus(
    source: str | Path,
    target: str | Path,
    parts: Mapping[str, float],
    *,
    group: str | None = None,
    seed: int = 0,
) -> Split:
    """Write the parts of a corpus as `target/PART.spacy`.

    source (str | Path): A .spacy file or a folder of them; read twice, never held in memory.
    target (str | Path): The folder to write; it appears whole or not at all.
    parts (Mapping[str, float]): Names of the parts and their shares of the documents.
    group (str | None): The key in `doc.user_data["meta"]` whose values must not be cut, such as
        'patient'.
    seed (int): Decides which documents go where.
    RETURNS (Split): What went where.
    RAISES (ClintlError): Shares that make no split, a group that no document has, fewer groups
        than parts, or a source that cannot be read.
    """
    if len(parts) < 2 or any(share <= 0 for share in parts.values()):
        raise ClintlError(Errors.CL162.format(parts=dict(parts)))
    names = list(parts)
    assigned, ungrouped = _assign_documents(source, parts, group, seed)
    files = {name: [i] for i, name in enumerate(names)}
    return _write(source, Path(target), assigned, files, group, ungrouped)


def fold_corpus(
    source: str | Path, target: str | Path, k: int, *, group: str | None = None, seed: int = 0
) -> Split:
    """Write k folds of a corpus, `target/fold-0/train.spacy`, `target/fold-0/test.spacy`, ….

    source (str | Path): As for `split_corpus`, like the other arguments.
    k (int): How many folds; each document is in the test part of one of them.
    RETURNS (Split): What went where.
    RAISES (ClintlError): As for `split_corpus`.
    """
    if k < 2:
        raise ClintlError(Errors.CL162.format(parts=f"{k} folds"))
    shares = {f"fold-{i}/test": 1 / k for i in range(k)}
    assigned, ungrouped = _assign_documents(source, shares, group, seed)
    files = {}
    for i in range(k):
        files[f"fold-{i}/train"] = [j for j in range(k) if j != i]
        files[f"fold-{i}/test"] = [i]
    return _write(source, Path(target), assigned, files, group, ungrouped)


def labels_of(doc: Doc) -> set[str]:
    """Name what a split should spread evenly: labels that hold, and tasks that are annotated.

    doc (Doc): The document.
    RETURNS (set[str]): Categories as 'task/label', entity labels as they are, '(task)' and
        '(entities)' for what it is annotated for.
    """
    labels = {key for key, value in doc.cats.items() if value >= 0.5}
    labels |= {f"({key.partition('/')[0]})" for key in doc.cats}
    if has_entities(doc):
        labels |= {ent.label_ for ent in doc.ents} | {"(entities)"}
    return labels


def group_of(doc: Doc, key: str) -> str | None:
    """Return a document's value under a key of its meta, as text; None where it has none."""
    value = (doc.user_data.get("meta") or {}).get(key)
    return None if value is None or value == "" else str(value)


def stratify(
    groups: Sequence[Mapping[str, int]], sizes: Sequence[int], shares: Sequence[float], seed: int
) -> list[int]:
    """Assign groups to parts, rarest label first (Sechidis et al. 2011, algorithm 1).

    The algorithm of the paper takes single examples; here an example is a group that counts with
    its size and with how often it has each label. There is no library for several labels and
    groups at once.

    groups (Sequence[Mapping[str, int]]): For each group, how many of its documents have a label.
    sizes (Sequence[int]): How many documents each group has.
    shares (Sequence[float]): The share of each part; they need not sum to 1.
    seed (int): Breaks ties.
    RETURNS (list[int]): The part of each group.
    """
    rng = random.Random(seed)
    total = sum(shares)
    shares = [share / total for share in shares]
    left = [share * sum(sizes) for share in shares]
    counts: Counter[str] = Counter()
    holders: dict[str, set[int]] = defaultdict(set)
    for i, labels in enumerate(groups):
        counts.update(labels)
        for label in labels:
            holders[label].add(i)
    wanted = {label: [share * n for share in shares] for label, n in counts.items()}
    order = list(range(len(groups)))
    rng.shuffle(order)
    rank = {group: place for place, group in enumerate(order)}
    part = [-1] * len(groups)

    def put(group: int, wish: list[float]) -> None:
        best = max(range(len(shares)), key=lambda p: (wish[p], left[p], rng.random()))
        part[group] = best
        left[best] -= sizes[group]
        for label, n in groups[group].items():
            wanted[label][best] -= n
            holders[label].discard(group)

    while holders:
        label = min(holders, key=lambda name: (len(holders[name]), name))
        # Large groups first: the small ones then even out what they left.
        for group in sorted(holders[label], key=lambda g: (-groups[g][label], rank[g])):
            put(group, wanted[label])
        del holders[label]
    for group in sorted((g for g in order if part[g] < 0), key=lambda g: (-sizes[g], rank[g])):
        put(group, left)
    return part


def _assign_documents(
    source: str | Path, shares: Mapping[str, float], group: str | None, seed: int
) -> tuple[list[int], int]:
    """Return the part of each document, and how many documents lack the group's key."""
    index: dict[str, int] = {}
    group_of_doc: list[int] = []
    labels: list[Counter[str]] = []
    sizes: list[int] = []
    ungrouped = 0
    keys: set[str] = set()
    for doc in iter_docbin(source, Vocab(), forget=True):
        name = None if group is None else group_of(doc, group)
        ungrouped += name is None
        keys.update(doc.user_data.get("meta") or {})
        number = len(sizes) if name is None else index.setdefault(name, len(sizes))
        if number == len(sizes):
            labels.append(Counter())
            sizes.append(0)
        labels[number].update(labels_of(doc))
        sizes[number] += 1
        group_of_doc.append(number)
    if group is not None and not index:
        known = ", ".join(sorted(keys)) or "none"
        raise ClintlError(Errors.CL163.format(path=source, group=group, known=known))
    if len(sizes) < len(shares):
        raise ClintlError(Errors.CL164.format(path=source, n=len(sizes), parts=len(shares)))
    part = stratify(labels, sizes, list(shares.values()), seed)
    for i, name in enumerate(shares):
        if i not in part:
            raise ClintlError(Errors.CL165.format(part=name))
    return [part[number] for number in group_of_doc], 0 if group is None else ungrouped


def _write(
    source: str | Path,
    target: Path,
    assigned: list[int],
    files: Mapping[str, list[int]],
    group: str | None,
    ungrouped: int,
) -> Split:
    parts = {name: Part() for name in files}
    groups: dict[str, set[Any]] = {name: set() for name in files}
    # The stack closes first: each file is whole before the folder is.
    with whole_folder(target) as folder, ExitStack() as stack:
        writers = {
            name: stack.enter_context(docbin_writer(folder / f"{name}.spacy")) for name in files
        }
        for number, doc in enumerate(iter_docbin(source, Vocab(), forget=True)):
            for name, chosen in files.items():
                if assigned[number] in chosen:
                    part = parts[name]
                    part.documents += 1
                    part.tokens += len(doc)
                    part.labels.update(labels_of(doc))
                    groups[name].add((group and group_of(doc, group)) or number)
                    writers[name](doc)
    for name, part in parts.items():
        part.groups = len(groups[name])
    return Split(parts, ungrouped)
