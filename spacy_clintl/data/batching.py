"""A batcher for corpora of several tasks."""

import warnings
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import repeat

from spacy.tokens import Doc
from spacy.training import Example

from ..errors import ClintlError, Errors, Warnings
from .docs import ENTITIES, has_entities


def make_batch_by_task_v1(
    size: int | Sequence[int],
    tolerance: float = 0.2,
    documents: int | None = None,
    sizes: Mapping[str, int] | None = None,
) -> Callable[[Iterable[Example]], Iterator[list[Example]]]:
    """Create a batcher whose batches hold documents that are annotated for the same tasks.

    In a batch of many tasks each task has few documents, and its gradient is one of few documents;
    here each update is about as large for its task as in a pipeline of this task alone (Liu et al.
    2019, "Multi-Task Deep Neural Networks for Natural Language Understanding", algorithm 1). The
    tasks of a document are those its categories name, its entities, and its span groups.

    size (int | Sequence[int]): The words of a batch; a sequence gives one number after the other,
        then the last again.
    tolerance (float): By what share of it a batch may be larger. A longer document is a batch of
        its own.
    documents (int | None): The most documents of a batch, so that tasks of short documents, such as
        sentences, get updates in the measure of their documents too; None sets no bound.
    sizes (Mapping[str, int] | None): The words of a batch by task, for those that want another
        number than `size`: a tagger, with a label for each token, learns from smaller batches than
        a classifier with one for each document. Of several tasks of a document the smallest counts.
    RETURNS (Callable[[Iterable[Example]], Iterator[list[Example]]]): The batcher. Examples keep
        their order within a task; a batch comes as soon as it is full.
    RAISES (ClintlError): A size or number of documents below 1, or a negative tolerance.
    """
    by_task = dict(sizes or {})
    first = size if isinstance(size, int) else 1
    bounds = [first, *by_task.values(), 1 if documents is None else documents]
    if min(bounds) < 1 or tolerance < 0:
        message = Errors.CL171.format(
            size=size, tolerance=tolerance, documents=documents, sizes=by_task or None
        )
        raise ClintlError(message)

    def batch(examples: Iterable[Example]) -> Iterator[list[Example]]:
        schedule = repeat(size) if isinstance(size, int) else iter(size)
        common = next(schedule)
        waiting: dict[frozenset[str], list[Example]] = defaultdict(list)
        words: dict[frozenset[str], int] = defaultdict(int)
        seen: set[str] = set()
        for example in examples:
            tasks = tasks_of(example.reference)
            seen |= tasks
            target = min((by_task[task] for task in tasks if task in by_task), default=common)
            is_full = words[tasks] + len(example) > target * (1 + tolerance)
            if waiting[tasks] and (is_full or len(waiting[tasks]) == documents):
                yield waiting.pop(tasks)
                words[tasks] = 0
                common = next(schedule, common)
            waiting[tasks].append(example)
            words[tasks] += len(example)
        yield from waiting.values()
        if unknown := sorted(set(by_task) - seen):
            warnings.warn(
                Warnings.CW171.format(
                    tasks=", ".join(unknown), seen=", ".join(sorted(seen)) or "nothing"
                ),
                stacklevel=2,
            )

    return batch


def tasks_of(doc: Doc) -> frozenset[str]:
    """Name what a Doc is annotated for.

    doc (Doc): A Doc with gold.
    RETURNS (frozenset[str]): The tasks of its categories, 'entities' where it is annotated for
        them, and 'spans/…' for each of its span groups.
    """
    tasks = {key.partition("/")[0] for key in doc.cats}
    tasks.update(f"spans/{key}" for key in doc.spans)
    if has_entities(doc):
        tasks.add(ENTITIES)
    return frozenset(tasks)
