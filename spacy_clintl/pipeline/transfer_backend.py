"""What `translation_transfer` translates by: translator, projector, dictionary and cache."""

import os
import warnings
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spacy.tokens import Doc

from ..errors import ClintlError, Errors, Warnings
from ..translation.backwards import TranslatedText, join
from ..translation.cache import Cache, translate_cached
from ..translation.choice import TRANSLATORS, choose_translator, make_projector
from ..translation.lexicon import Lexicon, read_phrases
from ..translation.projection import Projector
from ..translation.protocol import Segment, Translator
from ..translation.provenance import make_provenance_v1
from ..translation.segments import cut, sentence_starts


class Backend:
    """Translator and projector of a component, checked when they are made.

    name (str): The component's name, for messages.
    pair (tuple[str, str]): The language of the texts, and that of the wrapped pipeline.
    translator (Translator | str | None): It, its name, or None for what is there.
    lexicon (str | None): The path of a dictionary. If there is no such file, it is expected by
        `set_phrases`, and translator and projector are made then or when they are needed.
    projector (Projector | str | None): It, its name, or None for the one by links.
    projects (bool): Whether a projector is needed.
    cache (str | None): The path of the cache.
    hashes_only (bool): Keep no readable text in the cache.
    RAISES (ClintlError): A setting cannot be used, the translator or what it needs is missing.
    """

    def __init__(
        self,
        name: str,
        pair: tuple[str, str],
        *,
        translator: Translator | str | None,
        lexicon: str | None,
        projector: Projector | str | None,
        projects: bool,
        cache: str | None,
        hashes_only: bool,
    ):
        self.name = name
        self.pair = pair
        self.lexicon: Lexicon | None = None
        self._wanted = (translator, projector if projects else None)
        self._projects = projects
        self._path = None if lexicon is None else Path(lexicon)
        self._cache_path = cache
        self._hashes_only = hashes_only
        self._cache: tuple[int, Cache] | None = None
        self._chosen: tuple[Translator, Projector | None] | None = None
        by_lexicon = translator in ("lexicon", TRANSLATORS["lexicon"][0])
        if lexicon is None and by_lexicon:
            raise self._unusable("lexicon", None, "the path of a dictionary")
        if hashes_only and cache is None:
            raise self._unusable("hashes_only", True, "false where there is no 'cache'")
        if self._path is None or self._path.is_file():
            self.require()

    def _unusable(self, setting: str, value: Any, expected: str) -> ClintlError:
        return ClintlError(
            Errors.CL602.format(name=self.name, setting=setting, value=value, expected=expected)
        )

    def require(self) -> tuple[Translator, Projector | None]:
        """Give translator and projector, made now if they were not made before.

        RETURNS (tuple[Translator, Projector | None]): Both.
        RAISES (ClintlError): They cannot be made, or cannot work here.
        """
        if self._chosen is None:
            if self.lexicon is None and self._path is not None:
                self.lexicon = Lexicon(dict(read_phrases(self._path)))
            translator = self._choose_translator(self._wanted[0])
            projector = None
            if self._projects:
                projector = self._choose_projector(self._wanted[1], translator)
                # It looks for entities of the translation in the text.
                projector.prepare([], self.pair[1], self.pair[0])
            self._chosen = translator, projector
        return self._chosen

    def _choose_translator(self, what: Any) -> Translator:
        lexicons = {} if self.lexicon is None else {self.pair: self.lexicon}
        return choose_translator(what, *self.pair, lexicons)

    def _choose_projector(self, what: Any, translator: Translator) -> Projector:
        gives_links = translator.capabilities().gives_links
        if what is None:
            if not gives_links:
                raise ClintlError(Errors.CL683.format(name=self.name, translator=translator.name))
            return make_provenance_v1()
        if isinstance(what, str):
            what = make_projector(what, translator)
        elif not isinstance(what, Projector):
            raise ClintlError(Errors.CL610.format(kind="projector", name=type(what).__name__))
        reason = ""
        if what.needs_markers:
            reason = "it marks entities before a text is translated, but here they are found later"
        elif what.needs_pairs and not what.works_untrained:
            reason = "it learns from all the texts of a corpus before it projects the first"
        elif what.needs_links and not gives_links:
            reason = f"it needs links between words, and {translator.name} gives none"
        if reason:
            raise ClintlError(
                Errors.CL682.format(name=self.name, projector=what.name, reason=reason)
            )
        return what

    def translate(self, docs: Sequence[Doc]) -> list[TranslatedText]:
        """Translate documents, the segments of all of them together.

        docs (Sequence[Doc]): The documents.
        RETURNS (list[TranslatedText]): One a document.
        """
        translator, _ = self.require()
        # A Doc makes its text anew each time.
        texts = [doc.text for doc in docs]
        spans = [
            cut(text, sentence_starts(doc) if len(doc) else [], ())
            for doc, text in zip(docs, texts)
        ]
        segments = [
            Segment(text[start:end]) for text, ones in zip(texts, spans) for start, end in ones
        ]
        results = translate_cached(translator, segments, *self.pair, self._opened_cache())
        made = [translation for translation, _ in results]
        failed = Counter(translation.error for translation in made if translation.error)
        if failed:
            reasons = ", ".join(f"{reason}: {n}" for reason, n in failed.most_common())
            n = failed.total()
            message = Warnings.CW680.format(name=self.name, n=n, total=len(made), reasons=reasons)
            warnings.warn(message, stacklevel=2)
        rest = iter(made)
        return [join(text, ones, [next(rest) for _ in ones]) for text, ones in zip(texts, spans)]

    def _opened_cache(self) -> Cache | None:
        if self._cache_path is None:
            return None
        # An open database must not be taken along into another process.
        if self._cache is None or self._cache[0] != os.getpid():
            self._cache = (os.getpid(), Cache(self._cache_path, hashes_only=self._hashes_only))
        return self._cache[1]

    def phrases(self) -> list[tuple[str, str]] | None:
        """RETURNS (list[tuple[str, str]] | None): The dictionary's entries, if there is one."""
        self.require()
        if self.lexicon is None:
            return None
        return [pair for pairs in self.lexicon.entries.values() for pair in pairs]

    def set_phrases(self, phrases: Sequence[tuple[str, str]] | None) -> None:
        """Take a dictionary that was saved, and choose anew.

        phrases (Sequence[tuple[str, str]] | None): What `phrases` gave.
        RAISES (ClintlError): As `require`.
        """
        if phrases is not None:
            self.lexicon = Lexicon(dict(phrases))
            self._chosen = None
        self.require()
