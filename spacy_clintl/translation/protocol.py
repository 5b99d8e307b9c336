"""What translators take and give, so that one can stand in for another.

A translator is a registered function (`spacy_misc`) that makes an object with the methods of
`Translator`. Languages are BCP 47 codes of two letters or more (`es`, `fr`, `pt-BR`). Offsets count
Unicode characters of the text that was given, not of any normalised form.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

from ..errors import ClintlError, Errors
from .cleaning import cleaned

CharSpan = tuple[int, int]
# How many texts of a batch that failed are tried alone before all of it counts as failed.
TRIES = 3


def primary_subtag(code: str) -> str:
    """RETURNS (str): The language of a BCP 47 code, without script and region, in small letters."""
    return code.partition("-")[0].lower()


class Link(NamedTuple):
    """Characters of the source and the characters of the target that stand for them.

    What a backend translates as a unit is one link. Several links may share a source or a target,
    where words were split, merged or torn apart.
    """

    source: CharSpan
    target: CharSpan


@dataclass(frozen=True)
class Segment:
    """A text to translate: a sentence or a line.

    text (str): The text; may be empty.
    id (str): For messages and reports; says nothing of the content.
    """

    text: str
    id: str = ""


@dataclass(frozen=True)
class Translation:
    """What became of a segment.

    text (str): The translation; empty where there is an error.
    links (tuple[Link, ...] | None): In the order of their targets. None: the backend does not know.
    untranslated (tuple[CharSpan, ...]): Source words that stand in the target as they were.
    score (float | None): How sure the backend is, from 0 to 1, if it says.
    backend (str): The translator's name.
    version (str): Its version, and those of its models or dictionaries.
    error (str): Why there is no translation; quotes no text. Empty: there is one.
    """

    text: str
    links: tuple[Link, ...] | None = None
    untranslated: tuple[CharSpan, ...] = ()
    score: float | None = None
    backend: str = ""
    version: str = ""
    error: str = ""


@dataclass(frozen=True)
class Capabilities:
    """What a backend can do.

    gives_links (bool): Whether translations have links.
    keeps_markers (bool): Whether marks put into the text come back and leave the translation of
        the other words mostly as it is.
    remote (bool): Whether text leaves this machine.
    pairs (frozenset[tuple[str, str]] | None): Language pairs that it has; None: it cannot tell.
    """

    gives_links: bool = False
    keeps_markers: bool = False
    remote: bool = False
    pairs: frozenset[tuple[str, str]] | None = None


@dataclass(frozen=True)
class Cost:
    """What a translation takes.

    characters (int): Code points sent.
    price (float): In `currency`; 0 where nothing is charged.
    currency (str): Such as USD; empty where nothing is charged.
    """

    characters: int = 0
    price: float = 0.0
    currency: str = ""

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.characters + other.characters,
            self.price + other.price,
            self.currency or other.currency,
        )


class Translator:
    """What every translator offers. A backend gives `capabilities`, `version` and `_translate`."""

    name: ClassVar[str] = ""
    # Raised when, with the same program or model, translations or links become others.
    revision: ClassVar[int] = 1
    # How many segments are translated together.
    batch_size: int = 32

    def capabilities(self) -> Capabilities:
        """Say what the backend can do, here and now."""
        return Capabilities()

    def version(self, source: str, target: str) -> str:
        """Say which version of program, model or dictionary translates a pair."""
        return ""

    def fingerprint(self, source: str, target: str) -> str:
        """Name all that a translation depends on, beside the text and the pair.

        source (str): The language of the text.
        target (str): The language wanted.
        RETURNS (str): Backend, version and settings; equal where translations are equal.
        """
        return f"{self.name} {self.revision} {self.version(source, target)}"

    def cost(self, segments: Sequence[Segment]) -> Cost:
        """Estimate what translating takes; a backend that charges gives its price, too."""
        return Cost(characters=sum(len(segment.text) for segment in segments))

    def check(self, source: str, target: str) -> None:
        """Complain where a translation cannot even begin.

        RAISES (ClintlError): The pair is not there, a program, model or permission is missing.
        """
        pairs = self.capabilities().pairs
        if pairs is not None and (source, target) not in pairs:
            known = ", ".join(sorted(f"{one}-{other}" for one, other in pairs)) or "none"
            raise ClintlError(
                Errors.CL600.format(
                    name=self.name, pair=f"{source}-{target}", known=known, hint=self.hint()
                )
            )

    def hint(self) -> str:
        """Say how more pairs are had; begins with a space, or is empty."""
        return ""

    def translate(
        self, segments: Sequence[Segment], source: str, target: str
    ) -> Iterator[Translation]:
        """Translate segments, in batches, each as it is done.

        White space around a segment and blank segments are kept as they are; control characters
        and lone surrogates reach no backend.

        segments (Sequence[Segment]): The texts.
        source (str): Their language.
        target (str): The language wanted.
        YIELDS (Translation): One a segment, in order. A segment that could not be translated has an
            `error`; the others go on. So it is when the backend raises: texts are then tried one
            by one.
        RAISES (ClintlError): As `check`; before the first.
        """
        self.check(source, target)
        return self._all(segments, source, target)

    def _all(self, segments: Sequence[Segment], source: str, target: str) -> Iterator[Translation]:
        version = self.version(source, target)
        blank = Translation("", links=(), backend=self.name, version=version)
        for start in range(0, len(segments), self.batch_size):
            batch = segments[start : start + self.batch_size]
            clean = [cleaned(segment.text) for segment in batch]
            texts = [text for _, text, _ in clean if text]
            done = iter(self._answers(texts, source, target) if texts else ())
            for before, text, after in clean:
                if not text:
                    yield replace(blank, text=before + after)
                    continue
                made = next(done)
                yield _padded(replace(made, backend=self.name, version=version), before, after)

    def _answers(self, texts: Sequence[str], source: str, target: str) -> Sequence[Translation]:
        try:
            done = list(self._translate(texts, source, target))
        except ClintlError:
            raise
        except Exception as raised:
            # Its message may quote the text.
            error = f"the backend raised {type(raised).__name__}"
        else:
            if len(done) == len(texts):
                return done
            error = f"the backend gave {len(done)} answers for it"
        if len(texts) == 1:
            return [Translation("", error=error)]
        # Which answers are missing is not known, and none may end up with another text.
        alone: list[Translation] = []
        for text in texts:
            if len(alone) == TRIES and all(one.error == error for one in alone):
                last = self._answers(texts[-1:], source, target)
                if last[0].error == error:
                    # It is the backend's fault and not a text's: the others are not waited for.
                    return [*alone, *(last[0] for _ in texts[TRIES:])]
            alone.extend(self._answers([text], source, target))
        return alone

    def _translate(self, texts: Sequence[str], source: str, target: str) -> Sequence[Translation]:
        """Translate texts without white space around them; one result a text, in order."""
        raise NotImplementedError

    def close(self) -> None:
        """Let go of processes, connections and models."""


def check_settings(name: str, *rows: tuple[str, Any, bool, str]) -> None:
    """Complain of the first setting of a translator that does not fit.

    name (str): The translator's name.
    *rows (tuple[str, Any, bool, str]): Settings, their values, whether they fit, what is expected.
    RAISES (ClintlError): One does not fit.
    """
    for setting, value, fits, expected in rows:
        if not fits:
            raise ClintlError(
                Errors.CL602.format(name=name, setting=setting, value=value, expected=expected)
            )


def _padded(made: Translation, before: str, after: str) -> Translation:
    if made.error or not (before or after):
        return made
    n = len(before)
    links = made.links
    if n and links is not None:
        links = tuple(Link((a + n, b + n), (c + n, d + n)) for (a, b), (c, d) in links)
    untranslated = tuple((start + n, end + n) for start, end in made.untranslated)
    return replace(made, text=f"{before}{made.text}{after}", links=links, untranslated=untranslated)
