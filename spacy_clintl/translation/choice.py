"""Translators and projectors by name, by config, or by what fits."""

import importlib
import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..errors import ClintlError, Errors
from .glossed import GlossedTranslator
from .lexicon import Lexicon, LexiconTranslator, read_phrases
from .projection import Projector
from .protocol import Translator

# Short names of our own, and where their functions are: looked up without the registry, which
# would load every plugin that is installed.
TRANSLATORS = {
    "apertium": ("spacy_clintl.ApertiumTranslator.v1", ".apertium", "make_apertium_v1"),
    "google": ("spacy_clintl.GoogleTranslator.v1", ".google", "make_google_v1"),
    "lexicon": ("spacy_clintl.LexiconTranslator.v1", ".lexicon", "make_lexicon_v1"),
    "marian": ("spacy_clintl.MarianTranslator.v1", ".marian", "make_marian_v1"),
}
PROJECTORS = {
    "provenance": ("spacy_clintl.ProvenanceProjector.v1", ".provenance", "make_provenance_v1"),
    "markers": ("spacy_clintl.MarkerProjector.v1", ".markers", "make_markers_v1"),
    "alignment": ("spacy_clintl.AlignmentProjector.v1", ".alignment", "make_alignment_v1"),
}


def make_translator(
    what: str | Path | None,
    source: str,
    target: str,
    *,
    lexicon: Path | None = None,
) -> Translator:
    """Make a translator.

    what (str | Path | None): A short name (apertium, lexicon, marian, google), a registered name,
        or a config file with a block [translator]. None: Apertium if it has the pair, else the
        lexicon if there is one.
    source (str): The language of the texts.
    target (str): The language wanted.
    lexicon (Path | None): A dictionary of the pair: for the lexicon translator, and for the words
        that another one leaves untranslated.
    RETURNS (Translator): The translator, for which `check` has passed.
    RAISES (ClintlError): There is no such translator, or it does not have the pair; the dictionary
        cannot be used, or not with this translator.
    """
    # Not by a name such as "es-en": codes may have regions.
    lexicons = {(source, target): Lexicon(dict(read_phrases(lexicon)))} if lexicon else {}
    return choose_translator(what, source, target, lexicons)


def choose_translator(
    what: Any, source: str, target: str, lexicons: Mapping[tuple[str, str], Lexicon]
) -> Translator:
    """Make a translator as `make_translator` does, with dictionaries that were read before.

    what (Translator | str | Path | None): See there; or a translator.
    source (str): The language of the texts.
    target (str): The language wanted.
    lexicons (Mapping[tuple[str, str], Lexicon]): The dictionary of the pair, or none.
    RETURNS (Translator): The translator.
    RAISES (ClintlError): As there.
    """
    by_lexicon = str(what) in ("lexicon", LexiconTranslator.name)
    if by_lexicon and not lexicons:
        raise ClintlError(Errors.CL609)
    translator = what
    if what is None:
        translator = _make("apertium", TRANSLATORS, "translator")
        by_lexicon = bool(lexicons) and not _has(translator, source, target)
    elif isinstance(what, str | Path) and not by_lexicon:
        translator = _make(what, TRANSLATORS, "translator")
    if by_lexicon:
        translator = LexiconTranslator(lexicons)
    if not isinstance(translator, Translator):
        name = what if isinstance(what, str | Path) else type(what).__name__
        raise ClintlError(Errors.CL610.format(kind="translator", name=name))
    if lexicons and not by_lexicon:
        translator = GlossedTranslator(translator, lexicons)
    translator.check(source, target)
    return translator


def _has(translator: Translator, source: str, target: str) -> bool:
    try:
        translator.check(source, target)
    except ClintlError:
        return False
    return True


def make_projector(what: str | Path | None, translator: Translator) -> Projector:
    """Make a projector.

    what (str | Path | None): A short name (provenance, markers, alignment), a registered name, or a
        config file with a block [projector]. None: by links if the translator gives some, else by
        marks if it keeps them, else by alignment.
    translator (Translator): What translates.
    RETURNS (Projector): The projector.
    RAISES (ClintlError): There is no such projector, or it needs what the translator does not do.
    """
    able = translator.capabilities()
    if what is None:
        what = (
            "provenance" if able.gives_links else "markers" if able.keeps_markers else "alignment"
        )
    projector = _make(what, PROJECTORS, "projector")
    if not isinstance(projector, Projector):
        raise ClintlError(Errors.CL610.format(kind="projector", name=what))
    for needs, does, thing in (
        (projector.needs_links, able.gives_links, "gives no links between words"),
        (projector.needs_markers, able.keeps_markers, "does not keep marks in the text"),
    ):
        if needs and not does:
            raise ClintlError(
                Errors.CL611.format(projector=projector.name, name=translator.name, thing=thing)
            )
    return projector


def _make(what: str | Path, known: Mapping[str, tuple[str, str, str]], kind: str) -> Any:
    name = str(what)
    if name.endswith(".cfg"):
        return _from_config(Path(name), kind)
    for short, (full, module, attribute) in known.items():
        if name in (short, full):
            try:
                made = getattr(importlib.import_module(module, __package__), attribute)
            except ModuleNotFoundError as error:
                raise _unknown(name, known, kind) from error
            return _made_by(made, full, kind)
    from spacy.util import registry

    try:
        function = registry.get("misc", name)
    except Exception as error:
        # catalogue has errors of its own.
        raise _unknown(name, known, kind) from error
    return _made_by(function, name, kind)


def _made_by(function: Callable[..., Any], name: str, kind: str) -> Any:
    """Call a registered function that needs no settings; others are for config files."""
    needed = [
        parameter.name
        for parameter in inspect.signature(function).parameters.values()
        if parameter.default is parameter.empty
        and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    ]
    if needed:
        settings = ", ".join(f"'{setting}'" for setting in needed)
        raise ClintlError(Errors.CL619.format(name=name, settings=settings, kind=kind))
    return function()


def _from_config(path: Path, kind: str) -> Any:
    from confection import Config, ConfigValidationError
    from spacy.util import registry

    if not path.is_file():
        raise ClintlError(Errors.CL100.format(path=path))
    try:
        config = Config().from_disk(path)
        if kind not in config:
            reason = f"it has no block [{kind}]"
            raise ClintlError(Errors.CL612.format(path=path, reason=reason))
        if "@misc" not in config[kind]:
            reason = f"its block [{kind}] has no '@misc', which names a registered function"
            raise ClintlError(Errors.CL612.format(path=path, reason=reason))
        return registry.resolve({kind: config[kind]})[kind]
    except ClintlError:
        raise
    except (ConfigValidationError, ValueError, TypeError) as error:
        reason = str(error).strip().replace("\n", " ")
        raise ClintlError(Errors.CL612.format(path=path, reason=reason)) from error


def _unknown(name: str, known: Mapping[str, tuple[str, str, str]], kind: str) -> ClintlError:
    names = ", ".join([*known, "a registered function", "a .cfg file"])
    return ClintlError(Errors.CL613.format(kind=kind, name=name, known=names))
