"""The statistical aligner: trained on the sentence pairs that it aligns, in seconds.

Several small models are averaged, since a few hundred pairs are little data: of whole words and of
stems of different lengths, each by the diagonal alone and as a hidden Markov model. Both directions
of a model are trained to agree (Liang et al., 2006, "Alignment by agreement"). The word tables have
a prior that knows spelling and a seed lexicon.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256

import numpy as np
from scipy.special import digamma

from .bitext import Batch, Bitext, Level
from .links import Aligner, Links, WordPairs
from .parts import join_links, split_words
from .positions import N_JUMPS, Jumps, chain_posterior, diagonal, independent_posterior
from .seed import SeedLexicon, embedded_lexicon


@dataclass(frozen=True)
class Settings:
    """What the statistical aligner is trained with.

    levels (tuple[int | None, ...]): First letters that make a type, one model each; None: all.
    start_iterations (int): Passes over the pairs in which each word is linked by itself.
    chain_iterations (int): Further ones as a hidden Markov model.
    tension (float): How near the diagonal links are, see `positions.diagonal`.
    p_empty (float): Prior of a word that comes from none.
    agreement (float): How much the other direction says in what is counted: 0 nothing, 1 as much.
    alpha (float): Pseudo-count of each pair of words that meets in a sentence pair.
    rest (float): Pseudo-count of all that a word never meets.
    cognate (float): Pseudo-count of words that are spelled alike.
    floor (float): Likeness of spelling, 0 to 1, that says nothing yet.
    part (float): Share of it for a word that is the beginning or end of the other.
    seed (float): Pseudo-count of a pair of the seed lexicon.
    """

    levels: tuple[int | None, ...] = (None, 4, 5, 6)
    start_iterations: int = 5
    chain_iterations: int = 2
    tension: float = 4.0
    p_empty: float = 0.1
    agreement: float = 0.3
    alpha: float = 0.2
    rest: float = 1.0
    cognate: float = 3.0
    floor: float = 0.5
    part: float = 0.5
    seed: float = 2.0


DEFAULT = Settings()


@dataclass
class _Learned:
    """Expected counts of one direction of one level.

    level (Level): Of the training's bitext.
    counts (ndarray): (coarse cells,) expected links.
    words (ndarray): (generated coarse types,) how often each was met.
    jumps (Jumps): Of the hidden Markov model.
    """

    level: Level
    counts: np.ndarray
    words: np.ndarray
    jumps: Jumps


class _Direction:
    """One direction of one level: a table of words, and jumps."""

    def __init__(
        self,
        bitext: Bitext,
        level: Level,
        forward: bool,
        settings: Settings,
        prior: np.ndarray,
        learned: _Learned | None = None,
    ):
        self.level, self.forward, self.settings, self.prior = level, forward, settings, prior
        self.given = level.cell_source if forward else level.cell_target
        self.rest: np.ndarray | float = settings.rest
        self.jumps = Jumps()
        self.counts = np.zeros(level.n_cells)
        self.jump_counts = np.zeros(N_JUMPS)
        coarse = level.target if forward else level.source
        self.words = bitext.frequencies(forward, coarse)
        n_words = self.words.sum()
        if learned is not None:
            self.counts, gone = level.carried(learned.level, learned.counts, forward)
            self.rest, self.jumps = settings.rest + gone, learned.jumps
            self.words += level.carried_words(learned.level, learned.words, int(forward))
            n_words += learned.words.sum()
        self.empty = self.words[coarse] / max(n_words, 1.0)
        self.maximize()

    def posterior(self, batch: Batch, chain: bool) -> np.ndarray:
        """RETURNS (ndarray): (pairs, generated, given)."""
        if self.forward:
            cells, words = batch.cells.transpose(0, 2, 1), batch.targets
            lengths, generated = batch.source_lengths, batch.target_lengths
        else:
            cells, words = batch.cells, batch.sources
            lengths, generated = batch.target_lengths, batch.source_lengths
        links, empty, p_empty = self.table[cells], self.empty[words], self.settings.p_empty
        if chain:
            return chain_posterior(
                links, empty, p_empty, lengths, generated, self.jumps, self.jump_counts
            )
        near = diagonal(lengths, generated, links.shape, self.settings.tension)
        return independent_posterior(links * near, empty, p_empty)

    def maximize(self) -> None:
        """Estimate table and jumps from what was counted, and begin to count anew."""
        found = word_table(self.counts, self.prior, self.given, self.rest)
        self.table = found[self.level.cells]
        if self.jump_counts.any():
            self.jumps = Jumps(self.jump_counts)
        self.last, self.counts = self.counts, np.zeros_like(self.counts)
        self.jump_counts = np.zeros_like(self.jump_counts)


class StatisticalAligner(Aligner):
    """Aligns the sentence pairs that it is trained on, and others with what it learned.

    settings (Settings): Models, iterations and priors.
    lexicon (SeedLexicon): Known translations.
    embedded (bool): Use the embedded lexicon, too, where it has both languages.
    parallel (WordPairs): More sentence pairs to learn from.
    """

    name = "statistical"

    def __init__(
        self,
        settings: Settings = DEFAULT,
        *,
        lexicon: SeedLexicon | None = None,
        embedded: bool = True,
        parallel: WordPairs = (),
    ):
        self.settings, self.embedded, self.parallel = settings, embedded, parallel
        self.own_lexicon = lexicon or SeedLexicon()
        self.lexicon = self.own_lexicon
        self.learned: list[tuple[_Learned, _Learned]] = []

    def fingerprint(self) -> str:
        """Name the settings and what is known beforehand."""
        known = (asdict(self.settings), self.own_lexicon.pairs, list(self.parallel), self.embedded)
        return f"{self.name} {sha256(repr(known).encode('utf-8', 'replace')).hexdigest()[:16]}"

    def train(self, pairs: WordPairs, source: str = "", target: str = "") -> list[Links]:
        """Learn from sentence pairs and align them, see `Aligner.train`."""
        self.lexicon = self.own_lexicon
        if self.embedded:
            self.lexicon = self.lexicon + embedded_lexicon(source, target)
        self.learned = []
        return self._run([*pairs, *self.parallel], len(pairs), train=True)

    def align(self, pairs: WordPairs) -> list[Links]:
        """Align sentence pairs, see `Aligner.align`."""
        return self._run(pairs, len(pairs), train=False)

    def _run(self, pairs: WordPairs, wanted: int, train: bool) -> list[Links]:
        split = [(split_words(source), split_words(target)) for source, target in pairs]
        bitext = Bitext([(source[0], target[0]) for source, target in split])
        found = [
            Links(*np.zeros((2, len(source[0]), len(target[0]))))
            for source, target in split[:wanted]
        ]
        known = self._known(bitext)
        for number, cut in enumerate(self.settings.levels):
            level = bitext.level(cut)
            prior = self.settings.alpha + level.greatest(known)
            prior[0] = 0.0
            learned = self.learned[number] if self.learned and not train else (None, None)
            both = [
                _Direction(bitext, level, forward, self.settings, prior, before)
                for forward, before in zip((True, False), learned)
            ]
            if train:
                self._train(bitext, level, both, found)
                self.learned.append(
                    tuple(_Learned(level, one.last, one.words, one.jumps) for one in both)  # type: ignore[arg-type]
                )
            else:
                for chain in self._kinds():
                    self._collect(bitext, both, chain, found)
        return [
            join_links(links, source[1], target[1], (len(words[0]), len(words[1])))
            for links, (source, target), words in zip(found, split, pairs)
        ]

    def _known(self, bitext: Bitext) -> np.ndarray:
        """RETURNS (ndarray): (cells,) pseudo-counts of what spelling and lexicon say."""
        settings = self.settings
        alike = np.maximum(bitext.similarity() - settings.floor, 0) / (1 - settings.floor)
        cognates = np.maximum(alike**2, settings.part * bitext.containment())
        return settings.cognate * cognates + settings.seed * self.lexicon.cells(bitext)

    def _train(
        self, bitext: Bitext, level: Level, both: Sequence[_Direction], found: list[Links]
    ) -> None:
        settings = self.settings
        for chain in self._kinds():
            for _ in range(settings.chain_iterations if chain else settings.start_iterations):
                for batch in bitext.batches:
                    self._count(level, both, batch, chain)
                for direction in both:
                    direction.maximize()
            self._collect(bitext, both, chain, found)

    def _kinds(self) -> list[bool]:
        return [False, True] if self.settings.chain_iterations else [False]

    def _count(self, level: Level, both: Sequence[_Direction], batch: Batch, chain: bool) -> None:
        cells = level.cells[batch.cells.ravel()]
        forward, backward = self._posteriors(both, batch, chain)
        for direction, own, other in zip(both, (forward, backward), (backward, forward)):
            counted = own * other**self.settings.agreement
            direction.counts += np.bincount(cells, counted.ravel(), level.n_cells)

    def _collect(
        self, bitext: Bitext, both: Sequence[_Direction], chain: bool, found: list[Links]
    ) -> None:
        """Add a model's share of the posteriors."""
        share = 1 / (len(self._kinds()) * len(self.settings.levels))
        for batch in bitext.batches:
            forward, backward = self._posteriors(both, batch, chain)
            for i, row in enumerate(batch.rows):
                if row < len(found):
                    n, m = batch.source_lengths[i], batch.target_lengths[i]
                    found[row].forward[:] += share * forward[i, :n, :m]
                    found[row].backward[:] += share * backward[i, :n, :m]

    @staticmethod
    def _posteriors(
        both: Sequence[_Direction], batch: Batch, chain: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        forward, backward = (direction.posterior(batch, chain) for direction in both)
        return forward.transpose(0, 2, 1), backward


def word_table(
    counts: np.ndarray, prior: np.ndarray, given: np.ndarray, rest: np.ndarray | float
) -> np.ndarray:
    """Turn expected counts into weights of a translation given a word, by variational Bayes.

    A Dirichlet prior keeps rare words from collecting whatever else stands in their sentences
    (Riley and Gildea, 2012, "Improving the IBM alignment models using variational Bayes").

    counts (ndarray): (cells,) how often each pair of types is expected to be linked.
    prior (ndarray): (cells,) pseudo-counts.
    given (ndarray): (cells,) the type that the translation is of.
    rest (ndarray | float): (types,) pseudo-counts of all translations that are not among the cells.
    RETURNS (ndarray): (cells,) exp E[log t], which sums to less than 1 for each given type.
    """
    wanted = counts + prior
    totals = np.bincount(given, weights=wanted) + rest
    found = np.exp(digamma(np.maximum(wanted, 1e-10)) - digamma(totals)[given])
    found[0] = 0.0
    return found
