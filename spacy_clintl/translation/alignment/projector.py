"""Projection by alignment: for translations of which nobody knows what came from where."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import numpy as np

from ...data.records import Span as Entity
from ...errors import ClintlError, Errors
from ..function_words import function_words
from ..projection import COLLIDED, DROPPED, Projected, Projector, overlap
from ..protocol import Link
from ..spans.features import SentencePair, span_features
from ..spans.memory import Memory, Share, expected_targets, key_of
from ..spans.model import SpanModel, probabilities
from ..spans.search import Candidates, place
from ..words import fold
from .judging import judged
from .links import Aligner, Links
from .seed import read_parallel, read_seed_lexicon
from .statistical import StatisticalAligner
from .tasks import UNKNOWN_RATE, Task, Text, copy_rates, word_weights

# How often function words are taken to stand in a text that was not seen.
FREQUENT = 50


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


class AlignmentProjector(Projector):
    """Projects by a word aligner and a search for spans, see `make_alignment_v1`.

    aligner (Aligner): Links words.
    min_confidence (float): Entities less sure are dropped.
    model (SpanModel | None): Weighs what speaks for a span; None: the one of this package.
    """

    name = "spacy_clintl.AlignmentProjector.v1"
    needs_pairs = True
    # By lexicon, spelling and position alone.
    works_untrained = True

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
        weights = sha256(repr(sorted(self.model.weights.items())).encode()).hexdigest()[:16]
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
        # Without pairs at hand, others say which words are frequent.
        for both in words or self.aligner.parallel:
            for counts, side in zip(self.counts, both):
                counts.update(map(fold, side))
        for counts, lang in zip(self.counts, (source, target)):
            if not counts:
                counts.update(dict.fromkeys(function_words(lang), FREQUENT))
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
