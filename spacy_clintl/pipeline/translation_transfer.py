"""`translation_transfer`: an English pipeline for texts in another language.

Nothing here imports torch: spaCy imports every factory in every user's process.
"""

import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import srsly
from spacy.language import Language
from spacy.pipeline.pipe import Pipe
from spacy.tokens import Doc, Span
from spacy.training import Example
from spacy.util import load_model, load_model_from_config, load_model_from_path, minibatch
from thinc.api import Config

from ..errors import ClintlError, Errors, Warnings
from ..translation.backwards import TranslatedText
from ..translation.lexicon import read_phrases
from ..translation.projection import Projector
from ..translation.protocol import Translator, primary_subtag
from .iob_ner import CONFIDENCE
from .transfer import Writer
from .transfer_backend import Backend

# The attributes `doc._.translation_transfer` and `doc._.translation`.
TRANSFER = "translation_transfer"
TRANSLATION = "translation"
# The folder of the wrapped pipeline, and the file of the dictionary.
PIPELINE = "pipeline"
LEXICON = "lexicon.jsonl"
# What loading a pipeline ends in where it is not there, damaged, or lacks a package.
UNLOADABLE = (ImportError, KeyError, OSError, ValueError)


@Language.factory(
    "translation_transfer",
    assigns=["doc.ents", "token.ent_iob", "token.ent_type", "doc.cats", "doc.spans"],
    default_config={
        "pipeline": None,
        "source": None,
        "target": "en",
        "translator": None,
        "lexicon": None,
        "projector": None,
        "cache": None,
        "hashes_only": False,
        "entities": True,
        "categories": None,
        "overwrite": False,
        "keep": True,
        "batch_size": 64,
        "scorer": {"@scorers": "spacy.ner_scorer.v1"},
    },
)
def make_translation_transfer(
    nlp: Language,
    name: str,
    pipeline: str | None,
    source: str | None,
    target: str,
    translator: Any,
    lexicon: str | None,
    projector: Any,
    cache: str | None,
    hashes_only: bool,
    entities: bool,
    categories: list[str] | None,
    overwrite: bool,
    keep: bool,
    batch_size: int,
    scorer: Callable | None,
) -> "TranslationTransfer":
    """Create a component that applies a pipeline of one language to texts of another.

    pipeline (Optional[str]): The pipeline to wrap: an installed package or a folder. It is loaded
        when first needed, or by `nlp.initialize`, and saved within the component: a pipeline that
        was saved needs neither package nor folder. None: it was saved with one, or gets one by
        `wrap`.
    source (Optional[str]): The language of the texts; None: that of the pipeline this is part of.
    target (str): The language of the wrapped pipeline.
    translator (Optional[Translator | str]): A registered function that makes a translator, or a
        short name (apertium, lexicon, marian, google). None: Apertium if it has the two languages,
        else the lexicon. What it needs must be there where the pipeline is loaded.
    lexicon (Optional[str]): A dictionary (.tsv, .jsonl): for the lexicon translator, and for the
        words that another one leaves untranslated. It is saved within the component.
    projector (Optional[Projector | str]): A registered function that makes a projector, or a short
        name. None: by the translator's links. 'alignment' needs none; as it sees one text at a
        time, it goes by lexicon, spelling and position, or by more pairs that it is given.
    cache (Optional[str]): A file that keeps translations, in readable form.
    hashes_only (bool): Keep no readable text in the cache.
    entities (bool): Whether entities and groups of spans are carried back.
    categories (Optional[list[str]]): Tasks whose categories are taken over, what stands before the
        slash of their keys; None: all. A key without a slash is its own task.
    overwrite (bool): Whether entities, groups and categories that are there already give way.
    keep (bool): Whether `doc._.translation_transfer` and `doc._.translation` are set.
    batch_size (int): How many documents are translated together, at most.
    scorer (Optional[Callable]): Scores the predictions, else as an `ner`; None: this component
        gives no scores.
    RAISES (ClintlError): A setting cannot be used, the translator or what it needs is missing.
    """
    return TranslationTransfer(
        name,
        source=source or nlp.lang or "",
        pipeline=pipeline,
        target=target,
        translator=translator,
        lexicon=lexicon,
        projector=projector,
        cache=cache,
        hashes_only=hashes_only,
        entities=entities,
        categories=categories,
        overwrite=overwrite,
        keep=keep,
        batch_size=batch_size,
        scorer=scorer,
    )


class TranslationTransfer(Pipe):
    """Translates documents, runs the wrapped pipeline on the translations, carries results back.

    The English document is a whole, one for each document, so that categories are those of all of
    it. Entities are carried back along the translator's links, and grow to the tokens they touch.
    Those of `doc.ents` go to `doc.ents`; of two that would overlap there, the surer stays. Groups
    of `doc.spans` go to groups of the same names, where spans may overlap. `span._.confidence`, or
    the group's `attrs["scores"]`, is the wrapped pipeline's own confidence, if it gives one, times
    that of the projection.

    Tokens are 'missing' to the annotation of entities, neither inside nor outside of one, in a
    segment that could not be translated or to which an entity was found but no place, and where an
    entity collided or is torn apart: nothing false is learned from them. A document of which
    nothing could be translated is left as it is.

    `doc._.translation` is the English text. `doc._.translation_transfer` is a dict of plain values
    in `doc.user_data`, so that it passes through `nlp.pipe(n_process=2)`, `doc.to_bytes` and
    `DocBin(store_user_data=True)`. 'source' is the document's text, 'target' the translation, and
    offsets count their characters:

    - `text`, `backend`, `version`, `projector`;
    - `segments`: `source`, `target`, `error` of each, which is empty or says why there is no
      translation;
    - `links`: `[start, end, start, end]`, source and target;
    - `untranslated`: `[start, end]` of source words;
    - `entities`: `label`, `target`, `status` and `confidence` of the projection, and where it has a
      place `source` (and `fragments`); `group` if it is not of `doc.ents`. Its status is 'collided'
      also if another component's entity is in its place.
    """

    def __init__(
        self,
        name: str = "translation_transfer",
        *,
        source: str,
        pipeline: str | None = None,
        target: str = "en",
        translator: Translator | str | None = None,
        lexicon: str | None = None,
        projector: Projector | str | None = None,
        cache: str | None = None,
        hashes_only: bool = False,
        entities: bool = True,
        categories: Sequence[str] | None = None,
        overwrite: bool = False,
        keep: bool = True,
        batch_size: int = 64,
        scorer: Callable | None = None,
    ):
        self.settings: dict[str, Any] = {
            "source": source,
            "pipeline": pipeline,
            "target": target,
            "translator": translator,
            "lexicon": lexicon,
            "projector": projector,
            "cache": cache,
            "hashes_only": hashes_only,
            "entities": entities,
            "categories": categories,
            "overwrite": overwrite,
            "keep": keep,
            "batch_size": batch_size,
            "scorer": scorer,
        }
        if batch_size < 1:
            raise ClintlError(
                Errors.CL602.format(
                    name=name, setting="batch_size", value=batch_size, expected="above 0"
                )
            )
        self.name = name
        self.target = target
        self.scorer = scorer
        self.backend = Backend(
            name,
            (source, target),
            translator=translator,
            lexicon=lexicon,
            projector=projector,
            projects=entities,
            cache=cache,
            hashes_only=hashes_only,
        )
        self._wrapped: Language | None = None
        self._keeps = keep and can_be_set(Doc, TRANSFER, name)
        if keep and not Doc.has_extension(TRANSLATION):
            Doc.set_extension(TRANSLATION, getter=translation_of)
        self._confidence = CONFIDENCE if can_be_set(Span, CONFIDENCE, name) else None

    # The wrapped pipeline

    def wrap(self, nlp: Language) -> None:
        """Set the pipeline to wrap, which becomes part of the component.

        nlp (Language): The pipeline; its vocabulary is its own.
        RAISES (ClintlError): It is for another language than the translation.
        """
        if nlp.lang not in ("xx", primary_subtag(self.target)):
            raise ClintlError(
                Errors.CL684.format(name=self.name, target=self.target, lang=nlp.lang)
            )
        self._wrapped = nlp

    @property
    def wrapped(self) -> Language:
        """RETURNS (Language): The wrapped pipeline; loaded now if it was not needed before."""
        if self._wrapped is None:
            self.wrap(self._load())
        assert self._wrapped is not None
        return self._wrapped

    def _load(self) -> Language:
        pipeline = self.settings["pipeline"]
        if pipeline is None:
            raise ClintlError(Errors.CL681.format(name=self.name, target=self.target))
        try:
            return load_model(pipeline)
        except UNLOADABLE as error:
            raise ClintlError(
                Errors.CL680.format(name=self.name, pipeline=pipeline, reason=error)
            ) from error

    def initialize(
        self,
        get_examples: Callable[[], Iterable[Example]],
        *,
        nlp: Language | None = None,
    ) -> None:
        """Load the wrapped pipeline; nothing is learned.

        get_examples (Callable): Gives the training examples, of which none is read.
        nlp (Optional[Language]): The pipeline.
        RAISES (ClintlError): It cannot be loaded.
        """
        _ = self.wrapped, self.backend.require()

    # Documents

    def __call__(self, doc: Doc) -> Doc:
        """Annotate a document, which is changed in place.

        doc (Doc): The document.
        RETURNS (Doc): The same.
        """
        for _ in self._annotated([doc]):
            pass
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Annotate a stream of documents; all segments of a batch are translated together.

        stream (Iterable[Doc]): The documents.
        batch_size (int): How many to take at once, but not more than the component's own.
        YIELDS (Doc): The same, in order.
        """
        for docs in minibatch(stream, size=min(batch_size, self.settings["batch_size"])):
            yield from self._annotated(docs)

    def _annotated(self, docs: Sequence[Doc]) -> Iterator[Doc]:
        """Annotate documents, and give those with which nothing went wrong."""
        try:
            texts = self.backend.translate(docs)
        except Exception as error:
            if len(docs) == 1:
                self.get_error_handler()(self.name, self, list(docs), error)
                return
            # One of them must not take the others with it.
            for doc in docs:
                yield from self._annotated([doc])
            return
        yield from self._labelled(docs, texts)

    def _labelled(self, docs: Sequence[Doc], texts: Sequence[TranslatedText]) -> Iterator[Doc]:
        """Annotate documents by what the wrapped pipeline says of their translations."""
        handler = self.get_error_handler()
        try:
            found = self._predict(texts)
        except Exception as error:
            if len(docs) == 1:
                handler(self.name, self, list(docs), error)
                return
            # What is translated may have been paid for, so it is not translated again.
            for doc, text in zip(docs, texts):
                yield from self._labelled([doc], [text])
            return
        for doc, text, predicted in zip(docs, texts, found):
            try:
                if predicted is None and not text.is_lost:
                    raise ClintlError(Errors.CL686.format(name=self.name))
                entities = [] if predicted is None else self._write(doc, text, predicted)
                if self._keeps:
                    doc._.set(TRANSFER, self._told(text, entities))
            except Exception as error:
                handler(self.name, self, [doc], error)
            else:
                yield doc

    def _predict(self, texts: Sequence[TranslatedText]) -> list[Doc | None]:
        """Run the wrapped pipeline on what could be translated."""
        wrapped = self.wrapped
        # The tokenizer, not make_doc: the limit of length is that of the pipeline around this.
        made = [
            (wrapped.tokenizer(text.target), n) for n, text in enumerate(texts) if not text.is_lost
        ]
        # A pipeline whose errors are passed over leaves documents out.
        piped = wrapped.pipe(made, batch_size=max(len(made), 1), as_tuples=True)
        predicted = {n: doc for doc, n in piped}
        return [predicted.get(n) for n in range(len(texts))]

    def _write(self, doc: Doc, text: TranslatedText, predicted: Doc) -> list[dict[str, Any]]:
        writer = Writer(
            doc,
            text,
            predicted,
            overwrite=self.settings["overwrite"],
            confidence=self._confidence,
        )
        writer.write_categories(self.settings["categories"])
        _, projector = self.backend.require()
        return writer.write_entities(projector) if projector is not None else []

    def _told(self, text: TranslatedText, entities: list[dict[str, Any]]) -> dict[str, Any]:
        translator, projector = self.backend.require()
        return {
            "text": text.target,
            "from": self.settings["source"],
            "to": self.target,
            "backend": translator.name,
            "version": next((made.version for made in text.translations if made.version), ""),
            "projector": projector.fingerprint() if projector is not None else "",
            "segments": [
                {"source": list(source), "target": list(target), "error": made.error}
                for source, target, made in zip(text.sources, text.targets, text.translations)
            ],
            "links": [[*link.source, *link.target] for link in text.links()],
            "untranslated": [list(span) for span in text.untranslated()],
            "entities": entities,
        }

    # Saving and loading

    def to_bytes(self, *, exclude: Iterable[str] = ()) -> bytes:
        """Serialize the wrapped pipeline, with all that it has, and the dictionary.

        exclude (Iterable[str]): Not used: the wrapped pipeline needs what the outer one leaves out.
        RETURNS (bytes): The data.
        """
        data: dict[str, Any] = {LEXICON: self.backend.phrases()}
        if self._is_wrapping:
            wrapped = self.wrapped
            data[PIPELINE] = {"config": wrapped.config.to_str(), "data": wrapped.to_bytes()}
        return srsly.msgpack_dumps(data)

    def from_bytes(self, data: bytes, *, exclude: Iterable[str] = ()) -> "TranslationTransfer":
        """Load what `to_bytes` gave.

        data (bytes): The data.
        exclude (Iterable[str]): Not used.
        RETURNS (TranslationTransfer): The component.
        """
        read = srsly.msgpack_loads(data)
        if PIPELINE in read:
            config = Config().from_str(read[PIPELINE]["config"], interpolate=False)
            self.wrap(load_model_from_config(config).from_bytes(read[PIPELINE]["data"]))
        self.backend.set_phrases(read[LEXICON])
        return self

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save the wrapped pipeline and the dictionary.

        path (str | Path): A folder, made if need be.
        exclude (Iterable[str]): Not used: the wrapped pipeline needs what the outer one leaves out.
        """
        path = Path(path)
        path.mkdir(parents=True, exist_ok=True)
        if self._is_wrapping:
            self.wrapped.to_disk(path / PIPELINE)
        phrases = self.backend.phrases()
        if phrases is not None:
            rows = [{"source": one, "target": other} for one, other in phrases]
            srsly.write_jsonl(path / LEXICON, rows)

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "TranslationTransfer":
        """Load what `to_disk` saved.

        path (str | Path): The folder.
        exclude (Iterable[str]): Not used.
        RETURNS (TranslationTransfer): The component.
        RAISES (ClintlError): It is damaged, or the translator needs what is not there.
        """
        path = Path(path)
        folder, phrases = path / PIPELINE, path / LEXICON
        if folder.is_dir():
            try:
                self.wrap(load_model_from_path(folder))
            except UNLOADABLE as error:
                if isinstance(error, ClintlError):
                    raise
                raise self._damaged(folder, error) from error
        elif self.settings["pipeline"] is not None:
            raise self._damaged(folder, "there is no such folder")
        self.backend.set_phrases(list(read_phrases(phrases)) if phrases.is_file() else None)
        return self

    @property
    def _is_wrapping(self) -> bool:
        return self._wrapped is not None or self.settings["pipeline"] is not None

    def _damaged(self, path: Path, reason: object) -> ClintlError:
        return ClintlError(Errors.CL685.format(path=path, reason=reason, name=self.name))

    def __reduce__(self) -> tuple:
        return _restored, (self.name, self.settings, self.to_bytes())


def _restored(name: str, settings: dict[str, Any], data: bytes) -> TranslationTransfer:
    return TranslationTransfer(name, **settings).from_bytes(data)


def translation_of(doc: Doc) -> str | None:
    """RETURNS (str | None): The translation of a document; None if there is none."""
    told = doc._.get(TRANSFER)
    return None if told is None else told["text"]


def can_be_set(kind: type[Doc] | type[Span], attribute: str, name: str) -> bool:
    """Register an attribute, unless there is one of that name, and say if it takes values.

    kind (type[Doc] | type[Span]): What has it.
    attribute (str): Its name.
    name (str): The component's, for the warning.
    RETURNS (bool): Whether it holds values; a user's own extension that computes them stays.
    """
    if not kind.has_extension(attribute):
        kind.set_extension(attribute, default=None)
    _, method, getter, setter = kind.get_extension(attribute)
    if setter is None and (method is not None or getter is not None):
        shown = f"{kind.__name__.lower()}._.{attribute}"
        warnings.warn(Warnings.CW681.format(attribute=shown, name=name), stacklevel=2)
        return False
    return True
