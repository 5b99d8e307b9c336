"""Translation by an installed Apertium, directly or by way of a third language."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..function_words import function_words
from ..links import compose
from ..offsets import Normalised
from ..protocol import (
    Capabilities,
    CharSpan,
    Link,
    Translation,
    Translator,
    check_settings,
    primary_subtag,
)
from .modes import INSTALL, Modes
from .negation import restore_negations
from .processes import Chain, ChainError
from .stream import END, Numbered, escape, number_units, read_translation

Pair = tuple[str, str]
_ENDS = (".", "!", "?", "…", ":", ";")
# A blank that the programs pass on as it is.
_LAST = f"[spacy-clintl]{END}"
# The programs' time grows with the square of a text's length.
_LONGEST = 20_000
# Words such as "se" alone are translated to nothing; more of them are not.
_DROPPED_WORDS = 3


@dataclass(frozen=True)
class _Leg:
    """One translation of a text: what it became, or why it did not."""

    text: str = ""
    links: tuple[Link, ...] = ()
    untranslated: tuple[CharSpan, ...] = ()
    error: str = ""


class ApertiumTranslator(Translator):
    """Translates by persistent programs, see `make_apertium_v1`."""

    name = "spacy_clintl.ApertiumTranslator.v1"
    # 2: what is modified by an adverb is linked to its own word; soft hyphens are left out.
    # 3: terms of several words that were merged with what stands before them keep all of theirs.
    # 4: what is translated to nothing stays as it is; no text gets the answer to another.
    # 5: negations without a verb are kept in English.
    revision = 5

    def __init__(
        self,
        modes: str | Path | None = None,
        pivots: Sequence[str] = ("ca", "es"),
        timeout: float = 20.0,
        batch_size: int = 32,
    ):
        check_settings(
            self.name,
            ("timeout", timeout, timeout > 0, "above 0"),
            ("batch_size", batch_size, batch_size >= 1, "1 or more"),
        )
        self.modes = Modes(None if modes is None else Path(modes))
        self.pivots = tuple(pivots)
        self.timeout = timeout
        self.batch_size = batch_size
        self._chains: dict[Pair, tuple[Chain, Chain]] = {}

    def capabilities(self) -> Capabilities:
        """See `Translator.capabilities`; pairs are those installed, and those by a pivot."""
        direct = self.modes.files
        pairs = set(direct)
        for pivot in self.pivots:
            sources = [source for source, target in direct if target == pivot]
            targets = [target for source, target in direct if source == pivot]
            pairs.update((one, two) for one in sources for two in targets if one != two)
        return Capabilities(gives_links=True, pairs=frozenset(pairs))

    def version(self, source: str, target: str) -> str:
        """Name the content of the dictionaries and rules in use."""
        legs = self.path(source, target)
        return " ".join(f"{one}-{two}:{self.modes.version(one, two)}" for one, two in legs)

    def check(self, source: str, target: str) -> None:
        """See `Translator.check`; of a code such as es-MX, the language (es) is what counts."""
        super().check(primary_subtag(source), primary_subtag(target))

    def hint(self) -> str:
        """Name the line that installs more, or the folder without pairs."""
        folder = self.modes.folder
        if folder is not None and not self.modes.files:
            return (
                f" The setting 'modes' names the folder {folder}, which holds no file such as "
                "spa-eng.mode, or is not there."
            )
        if self.modes.files:
            return (
                " More are installed by 'apt-get install apertium-XXX-YYY', with three-letter "
                "codes of the languages."
            )
        return f" Apertium is not installed; this installs it: {INSTALL}"

    def path(self, source: str, target: str) -> list[Pair]:
        """Say by which translations a pair is done: one, or two by the first pivot that can.

        source (str): The language of the text.
        target (str): The language wanted.
        RETURNS (list[tuple[str, str]]): Installed pairs; empty if there is no way.
        """
        source, target = primary_subtag(source), primary_subtag(target)
        files = self.modes.files
        if (source, target) in files:
            return [(source, target)]
        for pivot in self.pivots:
            if (source, pivot) in files and (pivot, target) in files:
                return [(source, pivot), (pivot, target)]
        return []

    def _translate(self, texts: Sequence[str], source: str, target: str) -> list[Translation]:
        normalised = [Normalised(text) for text in texts]
        done = [
            _Leg(one.text, (Link((0, len(one.text)), (0, len(one.text))),)) for one in normalised
        ]
        for number, pair in enumerate(self.path(source, target)):
            legs = self._leg([leg.text for leg in done], pair)
            # The first has nothing before it; by composing it would lose its words.
            done = [leg if not number else _joined(before, leg) for before, leg in zip(done, legs)]
        return [_finished(leg, one, (source, target)) for leg, one in zip(done, normalised)]

    def _leg(self, texts: Sequence[str], pair: Pair) -> list[_Leg]:
        """Translate by one installed pair; texts are NFC, an empty one stays empty."""
        analysis, rest = self._chain(pair)
        given, texts = texts, [text if len(text) <= _LONGEST else "" for text in texts]
        messages = [escape(text if text.endswith(_ENDS) else f"{text}.") for text in texts]
        analysed = _ask(analysis, messages)
        numbered: list[Numbered] = []
        count = 0
        for text, answer in zip(texts, analysed):
            if isinstance(answer, ChainError):
                numbered.append(Numbered("", {}))
            else:
                # The full stop that was added belongs to no word of the text.
                numbered.append(number_units(answer, f"{text}.", count, function_words(pair[0])))
                count += len(numbered[-1].spans)
        answers = _ask(rest, [one.stream for one in numbered])
        legs = []
        for whole, text, before, one, answer in zip(given, texts, analysed, numbered, answers):
            failed = next((a for a in (before, answer) if isinstance(a, ChainError)), None)
            if failed is not None:
                legs.append(_Leg(error=str(failed)))
            elif len(whole) > _LONGEST:
                legs.append(_kept(whole))
            else:
                legs.append(_read(text, one, str(answer), function_words(pair[1])))
        return legs

    def _chain(self, pair: Pair) -> tuple[Chain, Chain]:
        if pair not in self._chains:
            stages = self.modes.stages(*pair)
            self._chains[pair] = (
                Chain(stages.analysis, self.timeout, _LAST),
                Chain(stages.rest, self.timeout, _LAST),
            )
        return self._chains[pair]

    def close(self) -> None:
        """End the programs; they start again when there is text to translate."""
        for chains in self._chains.values():
            for chain in chains:
                chain.stop()


def make_apertium_v1(
    modes: str | Path | None = None,
    pivots: Sequence[str] = ("ca", "es"),
    timeout: float = 20.0,
    batch_size: int = 32,
) -> ApertiumTranslator:
    """Create the translator by Apertium (Forcada et al. 2011), which must be installed.

    Its programs run for as long as the translator lives, a chain of them for each pair of
    languages, and text goes to them as data only. Words are numbered after the analysis, and the
    numbers come out with the translation (Apertium's word-bound blanks), so that links are exact;
    words that it puts in by itself have none. A chain that dies or hangs is started anew, and each
    text that had no answer is tried once more; programs that do not even answer an empty text are
    left alone for a minute, in which every text fails at once. A text of a few words that become
    nothing in the other language, and one of more than 20,000 characters, which is no sentence,
    stay as they are and count as not translated. Negations of Spanish, French and Catalan that the
    rules lose where there is no verb ('Pas de fièvre', 'Ningún dolor') are put back in English.

    modes (str | Path | None): Folder of the .mode files; None: that of the installed program.
    pivots (Sequence[str]): Languages by way of which to translate where there is no direct pair, in
        the order of preference.
    timeout (float): Seconds to wait for the translation of a text.
    batch_size (int): How many texts are sent at once.
    RETURNS (ApertiumTranslator): The translator.
    RAISES (ClintlError): For a timeout of 0 or less, or batches of less than one text.
    """
    return ApertiumTranslator(modes, pivots, timeout, batch_size)


def _ask(chain: Chain, messages: Sequence[str]) -> list[str | ChainError]:
    """Get an answer or an error for each message; what fails in company is tried again alone."""
    wanted = [message for message in messages if message]
    got: list[str | ChainError] = []
    try:
        got.extend(chain.ask(wanted))
    except ChainError as error:
        got.extend(error.answers)
        for message in wanted[len(got) :]:
            try:
                got.extend(chain.ask([message]))
            except ChainError as second:
                got.append(second)
                # If it is not the text's fault, the others are not waited for one by one.
                chain.probe(escape(""))
    answers = iter(got)
    return [next(answers) if message else "" for message in messages]


def _read(text: str, numbered: Numbered, answer: str, words: frozenset[str]) -> _Leg:
    if not text:
        return _Leg()
    read = read_translation(answer, numbered, words)
    if not read.numbers <= numbered.spans.keys():
        return _Leg(error="the answer belongs to another text")
    end = len(text)
    made = read.text.strip()
    shift = read.text.index(made) if made else 0
    if not text.endswith(_ENDS):
        made = made.removesuffix(".").rstrip()
    if not made:
        n_words = sum(any(map(str.isalpha, word)) for word in text.split())
        return _kept(text) if n_words <= _DROPPED_WORDS else _Leg(error="the answer is empty")
    links = []
    for (start, stop), (first, last) in read.links:
        first, last = first - shift, min(last - shift, len(made))
        if start < end and first < last:
            links.append(Link((start, min(stop, end)), (first, last)))
    untranslated = tuple(
        (start, min(stop, end)) for start, stop in read.untranslated if start < end
    )
    return _Leg(made, tuple(links), untranslated)


def _kept(text: str) -> _Leg:
    """Leave a text as it is; if it has words, they are not translated."""
    whole = (0, len(text))
    has_words = any(map(str.isalpha, text))
    return _Leg(text, (Link(whole, whole),), (whole,) if has_words else ())


def _joined(first: _Leg, second: _Leg) -> _Leg:
    if first.error or second.error:
        return _Leg(error=first.error or second.error)
    # What the second could not translate stands there in the middle language.
    later = {
        source
        for source, middle in first.links
        for start, end in second.untranslated
        if middle[0] < end and start < middle[1]
    }
    untranslated = tuple(sorted({*first.untranslated, *later}))
    return _Leg(second.text, tuple(compose(first.links, second.links)), untranslated)


def _finished(leg: _Leg, text: Normalised, pair: Pair) -> Translation:
    if leg.error:
        return Translation("", error=leg.error)
    made = restore_negations(text.text, leg.text, leg.links, pair)
    links = tuple(Link(text.original(source), target) for source, target in made.links)
    lost = sorted(made.lost.union(leg.untranslated) - made.put_back)
    return Translation(made.text, links, tuple(text.original(span) for span in lost))
