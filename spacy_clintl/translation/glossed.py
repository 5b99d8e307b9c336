"""A dictionary for the words that a translator leaves as they were."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ..errors import ClintlError, Errors
from .edits import edit
from .lexicon import Lexicon, make_lexicon_v1, translate_by_lexicon
from .protocol import Capabilities, CharSpan, Cost, Segment, Translation, Translator


class GlossedTranslator(Translator):
    """Translates, and looks up what was not translated; see `make_glossed_v1`."""

    name = "spacy_clintl.GlossedTranslator.v1"
    # 2: as that of `LexiconTranslator`, by which words are looked up.
    revision = 2

    def __init__(self, translator: Translator, lexicons: Mapping[tuple[str, str], Lexicon]):
        if not translator.capabilities().gives_links:
            raise ClintlError(Errors.CL617.format(name=translator.name))
        self.translator = translator
        self.lexicons = dict(lexicons)
        self.batch_size = translator.batch_size

    def capabilities(self) -> Capabilities:
        """See `Translator.capabilities`: those of the translator."""
        return self.translator.capabilities()

    def version(self, source: str, target: str) -> str:
        """Name translator, its version, and the dictionary's content."""
        inner = self.translator.fingerprint(source, target)
        lexicon = self.lexicons.get((source, target))
        return inner if lexicon is None else f"{inner} {lexicon.version}"

    def cost(self, segments: Sequence[Segment]) -> Cost:
        """See `Translator.cost`: that of the translator."""
        return self.translator.cost(segments)

    def check(self, source: str, target: str) -> None:
        """See `Translator.check`: what the translator complains of."""
        self.translator.check(source, target)

    def hint(self) -> str:
        """See `Translator.hint`."""
        return self.translator.hint()

    def _translate(self, texts: Sequence[str], source: str, target: str) -> list[Translation]:
        done = self.translator._answers(texts, source, target)
        lexicon = self.lexicons.get((source, target))
        if lexicon is None:
            return list(done)
        return [_glossed(text, made, lexicon) for text, made in zip(texts, done)]

    def close(self) -> None:
        """See `Translator.close`."""
        self.translator.close()


def make_glossed_v1(translator: Translator, paths: Mapping[str, str | Path]) -> GlossedTranslator:
    """Create a translator that looks up in a dictionary what another leaves untranslated.

    A machine translator without clinical terms leaves them as they were. Each such word that the
    dictionary has is replaced where it stands; it counts as translated then, and links stay exact.
    Words that the translator knows are never looked up. `spacy clintl cognates` makes such a
    dictionary from raw texts of both languages.

    translator (Translator): One that gives links, such as Apertium.
    paths (Mapping[str, str | Path]): The dictionary of each language pair, as of
        `make_lexicon_v1`. Pairs without one are translated as before.
    RETURNS (GlossedTranslator): The translator.
    RAISES (ClintlError): The translator gives no links; a dictionary cannot be used.
    """
    return GlossedTranslator(translator, make_lexicon_v1(paths).lexicons)


def _glossed(text: str, made: Translation, lexicon: Lexicon) -> Translation:
    """Replace the untranslated words of a translation that the dictionary has."""
    found: dict[CharSpan, tuple[CharSpan, str]] = {}
    for span in made.untranslated:
        places = [link.target for link in made.links or () if link.source == span]
        # A word that was merged with another, or torn apart, has no place of its own.
        if len(places) != 1 or sum(link.target == places[0] for link in made.links or ()) > 1:
            continue
        known = translate_by_lexicon(text[slice(*span)], lexicon)
        if known.text and not known.untranslated:
            found[span] = (places[0], known.text)
    if not found:
        return made
    changed = edit(made.text, made.links or (), dict(found.values()))
    left = tuple(span for span in made.untranslated if span not in found)
    return replace(made, text=changed.text, links=changed.links, untranslated=left)
