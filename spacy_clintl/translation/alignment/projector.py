"""Projection by alignment: for translations of which nobody knows what came from where."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ...data.records import Span as Entity
from ...errors import ClintlError, Errors
from ..projection import (
    COLLIDED,
    DISCONTINUOUS,
    DROPPED,
    KEPT,
    TRIMMED,
    Projected,
    Projector,
    overlap,
)
from ..protocol import CharSpan, Link
from ..spans.features import SentencePair, span_features
from ..spans.likeness import above_floor, is_mark, likeness
from ..spans.memory import Memory, Share, expected_targets, key_of
from ..spans.model import SpanModel, probabilities
from ..spans.search import Candidates, place
from ..words import find_words, fold
from .links import Aligner, Links
from .seed import read_parallel, read_seed_lexicon
from .statistical import StatisticalAligner

# A word of the entity that is linked less than this has no counterpart in the span; a word outside
# the span that is linked more than that belongs to the entity, too.
UNLINKED, LINKED = 0.1, 0.7
# Words that weigh less are not missed: articles, prepositions.
TELLING = 0.4
# How much a label is copied of which no entity was met.
UNKNOWN_RATE = 0.5


@dataclass(frozen=True)
class Text:
    """A text and its words.

    text (str): The text.
    words (Sequence[CharSpan]): Where its words are, in order.
    """

    text: str
    words: Sequence[CharSpan]

    @classmethod
    def of(cls, text: str) -> "Text":
        """Cut a text into words."""
        return cls(text, find_words(text))

    def forms(self) -> list[str]:
        """RETURNS (list[str]): The words themselves."""
        return [self.text[start:end] for start, end in self.words]

    def within(self, entity: Entity) -> np.ndarray:
        """RETURNS (ndarray): Numbers of the words that an entity touches."""
        parts = entity.fragments or ((entity.start, entity.end),)
        return np.array(
            [n for n, word in enumerate(self.words) if any(overlap(word, part) for part in parts)],
            dtype=np.int64,
        )


@dataclass(frozen=True)
class Found:
    """What the search for spans found, entity by entity.

    pair (SentencePair): What it looked at.
    words (list[ndarray]): The words of each entity.
    candidates (list[Candidates]): Its spans.
    numbers (list[int]): Which of the task's entities these are; others touch no word.
    """

    pair: SentencePair
    words: list[np.ndarray]
    candidates: list[Candidates]
    numbers: list[int]


@dataclass(frozen=True)
class Task:
    """A pair of texts, and the source's entities that shall be found in the target."""

    source: Text
    target: Text
    entities: Sequence[Entity]


class AlignmentProjector(Projector):
    """Projects by a word aligner and a search for spans, see `make_alignment_v1`.

    aligner (Aligner): Links words.
    min_confidence (float): Entities less sure are dropped.
    model (SpanModel | None): Weighs what speaks for a span; None: the one of this package.
    """

    name = "spacy_clintl.AlignmentProjector.v1"
    needs_pairs = True

    def __init__(
        self, aligner: Aligner, min_confidence: float = 0.4, model: SpanModel | None = None
    ):
        self.aligner, self.min_confidence = aligner, min_confidence
        self.model = model or SpanModel()
        self.counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        self.copied: dict[str, float] = {}
        self.memory = Memory()
        self.links: dict[tuple[str, str], Links] = {}

    def fingerprint(self) -> str:
        """Name aligner, weights and threshold."""
        weights = sorted(self.model.weights.items())
        return f"{self.name} {self.aligner.fingerprint()} {self.min_confidence} {weights}"

    def prepare(self, pairs: Sequence[tuple[str, str]], source: str, target: str) -> None:
        """Train the aligner on the pairs at hand."""
        texts = list(dict.fromkeys(pairs))
        self.train([(Text.of(one), Text.of(other)) for one, other in texts], source, target)

    def train(self, pairs: Sequence[tuple[Text, Text]], source: str = "", target: str = "") -> None:
        """Train the aligner, and count words.

        pairs (Sequence[tuple[Text, Text]]): Texts and their translations.
        source, target (str): The languages, if known.
        """
        words = [(one.forms(), other.forms()) for one, other in pairs]
        found = self.aligner.train(words, source, target)
        self.links = {(one.text, other.text): links for (one, other), links in zip(pairs, found)}
        self.counts = (Counter(), Counter())
        for both in words:
            for counts, side in zip(self.counts, both):
                counts.update(map(fold, side))
        self.copied, self.memory = {}, Memory()

    def project(
        self,
        source_text: str,
        target_text: str,
        entities: Sequence[Entity],
        links: Sequence[Link] | None = None,
    ) -> list[Projected]:
        """Find entities by alignment, see `Projector.project`; given links are not looked at."""
        task = Task(Text.of(source_text), Text.of(target_text), entities)
        return self._placed(task, self._search(task))

    def project_all(self, tasks: Sequence[Task]) -> list[list[Projected]]:
        """Find the entities of a whole corpus, twice: the second time with what the first found.

        tasks (Sequence[Task]): The pairs of texts, those of `train`.
        RETURNS (list[list[Projected]]): One an entity of each task, in their order.
        """
        done = []
        for task, share in zip(tasks, self.remember(tasks)):
            # What a sentence became itself must not speak for it.
            with self.memory.without(share):
                done.append(self._placed(task, self._search(task)))
        return done

    def remember(self, tasks: Sequence[Task]) -> list[list[Share]]:
        """Search once, so that it is known what entities become elsewhere in the corpus.

        tasks (Sequence[Task]): The pairs of texts, those of `train`.
        RETURNS (list[list[Share]]): What each task has added to the memory.
        """
        self.copied, self.memory = copy_rates(tasks), Memory()
        shares = [_shares(task, self._search(task)) for task in tasks]
        for share in shares:
            self.memory.add(share)
        return shares

    def sentence_pair(self, task: Task) -> SentencePair:
        """RETURNS (SentencePair): What the search for spans looks at."""
        source, target = task.source.forms(), task.target.forms()
        links = self.links.get((task.source.text, task.target.text))
        if links is None or links.forward.shape != (len(source), len(target)):
            links = self.aligner.align([(source, target)])[0]
        weights = [word_weights(words, of) for words, of in zip((source, target), self.counts)]
        return SentencePair(source, target, links.forward, links.backward, *weights)

    def features(
        self, label: str, words: np.ndarray, pair: SentencePair
    ) -> tuple[np.ndarray, dict[str, np.ndarray]]:
        """Say of every span what speaks for it.

        label (str): The entity's label.
        words (ndarray): Its words.
        pair (SentencePair): The sentences.
        RETURNS (tuple[ndarray, dict[str, ndarray]]): As `span_features`, with what memory knows.
        """
        spans, found = span_features(pair, words, self.copied.get(label, UNKNOWN_RATE))
        key = key_of(pair.source[n] for n in words)
        return spans, found | self.memory.features(key, label, pair.target, spans)

    def _search(self, task: Task) -> Found | None:
        words = [task.source.within(entity) for entity in task.entities]
        numbers = [n for n, places in enumerate(words) if len(places)]
        if not numbers or not task.target.words:
            return None
        pair = self.sentence_pair(task)
        candidates = []
        for n in numbers:
            spans, values = self.features(task.entities[n].label, words[n], pair)
            candidates.append(Candidates(spans, probabilities(self.model.scores(values))))
        return Found(pair, [words[n] for n in numbers], candidates, numbers)

    def _placed(self, task: Task, found: Found | None) -> list[Projected]:
        done = [Projected(entity.label, 0, 0, DROPPED, 0.0) for entity in task.entities]
        if found is None:
            return done
        spans = [(task.entities[n].start, task.entities[n].end) for n in found.numbers]
        may_overlap = np.array([[overlap(one, other) for other in spans] for one in spans])
        places = task.target.words
        chosen = place(found.candidates, may_overlap)
        for n, words, one, number in zip(found.numbers, found.words, found.candidates, chosen):
            collided = number is None
            number = one.best() if number is None else number
            if number is None or one.probabilities[number + 1] < self.min_confidence:
                continue
            start, end = (int(at) for at in one.spans[number])
            confidence = round(float(one.probabilities[number + 1]), 4)
            status, fragments = (
                (COLLIDED, ()) if collided else judged(found.pair, words, (start, end), places)
            )
            done[n] = Projected(
                task.entities[n].label,
                places[start][0],
                places[end - 1][1],
                status,
                confidence,
                fragments,
            )
        return done


def judged(
    pair: SentencePair, words: np.ndarray, span: CharSpan, places: Sequence[CharSpan]
) -> tuple[str, tuple[CharSpan, ...]]:
    """Say whether a span holds all of an entity.

    pair (SentencePair): The sentences.
    words (ndarray): The entity's words.
    span (CharSpan): First word of the span, and behind its last.
    places (Sequence[CharSpan]): Characters of the target's words.
    RETURNS (tuple[str, tuple[CharSpan, ...]]): The status, and the parts of a discontinuous one.
    """
    both = np.sqrt(pair.forward * pair.backward)[words]
    linked = np.minimum(both.sum(0), 1.0) * (pair.target_weight > TELLING)
    # Words beside the span were judged not to belong to it; only those apart tear it.
    linked[max(span[0] - 1, 0) : span[1] + 1] = 0.0
    if (linked > LINKED).any():
        away = [(int(j), int(j) + 1) for j in np.flatnonzero(linked > LINKED)]
        runs = _merged([span, *away])
        return DISCONTINUOUS, tuple((places[a][0], places[b - 1][1]) for a, b in runs)
    inside = np.maximum(pair.forward, pair.backward)[words, span[0] : span[1]].max(1)
    source = [pair.source[i] for i in words]
    alike = above_floor(likeness(source, pair.target[span[0] : span[1]])).max(1)
    telling = (pair.source_weight[words] > TELLING) & ~np.array([is_mark(word) for word in source])
    missing = telling & (inside < UNLINKED) & (alike == 0)
    return (TRIMMED if missing.any() else KEPT), ()


def _merged(runs: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(runs):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _shares(task: Task, found: Found | None) -> list[Share]:
    """List what a sentence adds to the memory."""
    if found is None:
        return []
    target = found.pair.target
    return [
        Share(
            key_of(found.pair.source[i] for i in words),
            task.entities[n].label,
            expected_targets(target, one.spans, one.probabilities),
        )
        for n, words, one in zip(found.numbers, found.words, found.candidates)
    ]


def word_weights(words: Sequence[str], counts: "Counter[str]") -> np.ndarray:
    """Say how much words tell by how rare they are.

    words (Sequence[str]): Words of a sentence.
    counts (Counter[str]): How often each folded word stands in the corpus.
    RETURNS (ndarray): (words,) from about 0 for the most frequent to 1 for one that stands once.
    """
    top = np.log(1 + max(counts.values(), default=1))
    return np.array([1 - np.log(max(counts[fold(word)], 1)) / top for word in words])


def copy_rates(tasks: Iterable[Task]) -> dict[str, float]:
    """Find out how much the entities of each label look the same in the translation.

    tasks (Iterable[Task]): The pairs of texts.
    RETURNS (dict[str, float]): By label, from 0 for not at all to 1 for copied letter by letter.
    """
    rates: dict[str, list[float]] = defaultdict(list)
    for task in tasks:
        source, target = task.source.forms(), task.target.forms()
        for entity in task.entities if target else ():
            if words := [source[n] for n in task.source.within(entity)]:
                alike = above_floor(likeness(words, target)).max(1).mean()
                rates[entity.label].append(float(alike))
    # Of few entities nothing much is known yet.
    return {label: (sum(found) + UNKNOWN_RATE) / (len(found) + 1) for label, found in rates.items()}


def make_alignment_v1(
    lexicon: Path | None = None,
    embedded: bool = True,
    parallel: Sequence[Path] = (),
    encoder: Path | None = None,
    min_confidence: float = 0.4,
) -> AlignmentProjector:
    """Create the projector by alignment.

    Words are linked by a statistical aligner that is trained on the pairs at hand and on the seed
    lexica, or by an encoder. Then every span of the target is weighed by the links of both
    directions, likeness of spelling, casing, length, digits, marks and frequent words at its edges;
    the spans of a sentence are chosen together. The confidence is the probability of the span.

    lexicon (Path | None): A seed lexicon: two columns, source and target word.
    embedded (bool): Use the embedded seed lexicon (en, es, de, it, fr).
    parallel (Sequence[Path]): More sentence pairs to learn from: two columns, divided by a tab.
    encoder (Path | None): Folder of a multilingual encoder that links the words instead.
    min_confidence (float): Entities less sure are dropped.
    RETURNS (AlignmentProjector): The projector.
    RAISES (ClintlError): A file cannot be read, or a value does not fit.
    """
    if not 0 <= min_confidence <= 1:
        raise ClintlError(
            Errors.CL650.format(setting="min_confidence", value=min_confidence, rule="0 to 1")
        )
    if encoder is not None:
        from .embedding import EmbeddingAligner

        return AlignmentProjector(EmbeddingAligner(encoder), min_confidence)
    known = read_seed_lexicon(lexicon) if lexicon else None
    pairs = [pair for path in parallel for pair in read_parallel(path)]
    aligner = StatisticalAligner(lexicon=known, embedded=embedded, parallel=pairs)
    return AlignmentProjector(aligner, min_confidence)
