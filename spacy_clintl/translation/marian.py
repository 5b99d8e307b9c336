"""Translation by a sequence-to-sequence model of transformers in a local folder."""

import math
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from functools import cached_property
from pathlib import Path
from typing import Any

from ..errors import ClintlError, Errors
from ..util import quiet_transformers, sha256_of
from .protocol import Capabilities, Translation, Translator, check_settings, primary_subtag

# Of NLLB, which names languages by ISO 639-3 and script; others are given by `languages`.
NLLB = {
    "ar": "arb_Arab",
    "ca": "cat_Latn",
    "cs": "ces_Latn",
    "da": "dan_Latn",
    "de": "deu_Latn",
    "el": "ell_Grek",
    "en": "eng_Latn",
    "es": "spa_Latn",
    "eu": "eus_Latn",
    "fa": "pes_Arab",
    "fi": "fin_Latn",
    "fr": "fra_Latn",
    "gl": "glg_Latn",
    "he": "heb_Hebr",
    "hi": "hin_Deva",
    "hr": "hrv_Latn",
    "hu": "hun_Latn",
    "it": "ita_Latn",
    "ja": "jpn_Jpan",
    "ko": "kor_Hang",
    "nb": "nob_Latn",
    "nl": "nld_Latn",
    "pl": "pol_Latn",
    "pt": "por_Latn",
    "ro": "ron_Latn",
    "ru": "rus_Cyrl",
    "sv": "swe_Latn",
    "tr": "tur_Latn",
    "uk": "ukr_Cyrl",
    "vi": "vie_Latn",
    "zh": "zho_Hans",
}
# Batches of a call: of so many, those of like length go through the model together.
_POOL = 16


class MarianTranslator(Translator):
    """Translates by a local model, see `make_marian_v1`."""

    name = "spacy_clintl.MarianTranslator.v1"

    def __init__(
        self,
        path: str | Path,
        pair: str | None = None,
        languages: Mapping[str, str] | None = None,
        beams: int | None = None,
        batch_size: int = 16,
        max_ratio: float = 3.0,
        precision: str = "auto",
        device: str = "auto",
        keeps_markers: bool = False,
    ):
        self.path = Path(path)
        self.pair = _read_pair(pair)
        self.languages = dict(languages or {})
        self.beams = beams
        self.model_batch = batch_size
        self.batch_size = batch_size * _POOL
        self.max_ratio = max_ratio
        self.precision = precision
        self.device = device
        self.keeps_markers = keeps_markers

    def capabilities(self) -> Capabilities:
        """See `Translator.capabilities`; the pair of a model that has one is in its files."""
        pair = self.pair or self._own_pair
        pairs = frozenset([pair]) if pair else None
        return Capabilities(keeps_markers=self.keeps_markers, pairs=pairs)

    def version(self, source: str, target: str) -> str:
        """Name the model by the content of its folder."""
        return self._digest

    def fingerprint(self, source: str, target: str) -> str:
        """See `Translator.fingerprint`; with all that changes what the model says."""
        codes = f"{self._code(source)}-{self._code(target)}"
        settings = f"beams={self.beams} max_ratio={self.max_ratio} {codes} {self.precision}"
        return f"{super().fingerprint(source, target)} {settings}"

    def check(self, source: str, target: str) -> None:
        """Complain about a model that cannot be loaded, or that does not know a language."""
        super().check(source, target)
        tokenizer, _ = self._loaded
        if not _is_multilingual(tokenizer):
            return
        for lang in (source, target):
            if not _knows(tokenizer, _language_token(tokenizer, self._code(lang))):
                raise ClintlError(Errors.CL620.format(path=self.path, lang=lang))

    def close(self) -> None:
        """Forget the model; it is loaded again when there is text to translate."""
        self.__dict__.pop("_loaded", None)

    def __getstate__(self) -> dict:
        return {key: value for key, value in self.__dict__.items() if key != "_loaded"}

    def _translate(self, texts: Sequence[str], source: str, target: str) -> list[Translation]:
        tokenizer, _ = self._loaded
        multilingual = _is_multilingual(tokenizer)
        if multilingual:
            tokenizer.src_lang = self._code(source)
        prefix = "" if multilingual else self._prefix(target)
        with quiet_transformers():
            rows = tokenizer([prefix + text for text in texts], truncation=False)["input_ids"]
        order = sorted(range(len(texts)), key=lambda n: len(rows[n]))
        made: dict[int, Translation] = {}
        limit = self._longest()
        fitting = [n for n in order if len(rows[n]) <= limit]
        for n in order:
            if len(rows[n]) > limit:
                made[n] = Translation("", error="the text is longer than the model takes")
        for start in range(0, len(fitting), self.model_batch):
            batch = fitting[start : start + self.model_batch]
            done = self._generate([rows[n] for n in batch], target)
            made.update(zip(batch, done))
        return [made[n] for n in range(len(texts))]

    def _generate(self, rows: Sequence[Sequence[int]], target: str) -> list[Translation]:
        import torch

        from ..models.precision import autocast_dtype

        tokenizer, model = self._loaded
        device = model.device.type
        with quiet_transformers():
            inputs = tokenizer.pad({"input_ids": list(rows)}, return_tensors="pt")
        inputs = inputs.to(model.device)
        most = int(len(rows[-1]) * self.max_ratio) + 16
        settings: dict[str, Any] = {
            "max_new_tokens": min(most, self._longest() - 1),
            "max_length": None,
            "do_sample": False,
            "return_dict_in_generate": True,
            "output_scores": True,
        }
        if self.beams is not None:
            settings["num_beams"] = self.beams
        if _is_multilingual(tokenizer):
            token = _language_token(tokenizer, self._code(target))
            settings["forced_bos_token_id"] = tokenizer.convert_tokens_to_ids(token)
        dtype = autocast_dtype(self.precision, device)
        context = torch.autocast(device, dtype=dtype) if dtype else nullcontext()
        with torch.inference_mode(), context, quiet_transformers():
            out = model.generate(
                input_ids=inputs["input_ids"],
                attention_mask=inputs["attention_mask"],
                **settings,
            )
        scores = model.compute_transition_scores(
            out.sequences, out.scores, getattr(out, "beam_indices", None), normalize_logits=True
        )
        texts = tokenizer.batch_decode(out.sequences, skip_special_tokens=True)
        ends = _end_ids(model)
        done = []
        for text, row, logs in zip(texts, out.sequences.tolist(), scores.float().tolist()):
            # Many models are made to end where the room does.
            room = settings["max_new_tokens"] - 1
            if not ends.intersection(row[1 : 1 + room]):
                done.append(Translation("", error="the translation did not come to an end"))
                continue
            # What is padded behind the end has no probability, or that of nothing else.
            finite = [log for log in logs if math.isfinite(log) and log < 0]
            mean = sum(finite) / len(finite) if finite else 0.0
            done.append(Translation(text.strip(), score=round(math.exp(mean), 4)))
        return done

    @cached_property
    def _loaded(self) -> tuple[Any, Any]:
        import torch
        from transformers import AutoConfig, AutoModelForSeq2SeqLM, AutoTokenizer

        if not (self.path / "config.json").is_file():
            raise ClintlError(Errors.CL621.format(path=self.path, reason="it has no config.json"))
        local = {"local_files_only": True, "trust_remote_code": False}
        try:
            with quiet_transformers():
                config = AutoConfig.from_pretrained(self.path, **local)
                if not config.is_encoder_decoder:
                    kind = f"its model type '{config.model_type}' does not translate"
                    raise ClintlError(Errors.CL621.format(path=self.path, reason=kind))
                tokenizer = AutoTokenizer.from_pretrained(self.path, **local)
                model = AutoModelForSeq2SeqLM.from_pretrained(self.path, **local)
        except ClintlError:
            raise
        except ImportError as error:
            if (self.path / "tokenizer.json").is_file():
                # transformers tries a slow tokenizer where it cannot read this one.
                reason = "its tokenizer.json cannot be read"
                raise ClintlError(Errors.CL621.format(path=self.path, reason=reason)) from error
            raise ClintlError(Errors.CL622.format(path=self.path)) from error
        except Exception as error:
            # Damaged files fail anywhere in tokenizers, safetensors or torch.
            reason = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ClintlError(Errors.CL621.format(path=self.path, reason=reason)) from error
        device = self.device
        if device == "auto":
            device = "cuda" if torch.cuda.is_available() else "cpu"
        return tokenizer, model.eval().to(device)

    @cached_property
    def _digest(self) -> str:
        import hashlib

        digest = hashlib.sha256()
        for path in sorted(self.path.iterdir()):
            if path.is_file() and not path.name.startswith((".", "README")):
                digest.update(f"{path.name} {sha256_of(path)}\n".encode())
        return digest.hexdigest()[:12]

    @property
    def _own_pair(self) -> tuple[str, str] | None:
        """The pair of a model that has one only, as its tokenizer's configuration names it."""
        import srsly

        path = self.path / "tokenizer_config.json"
        if not path.is_file():
            return None
        try:
            config = srsly.read_json(path)
        except ValueError:
            return None
        if not isinstance(config, dict) or config.get("tokenizer_class") != "MarianTokenizer":
            return None
        source, target = config.get("source_lang"), config.get("target_lang")
        # Codes of several languages, such as 'roa' or 'mul', are for the model's prefix.
        if isinstance(source, str) and isinstance(target, str) and len(source) == len(target) == 2:
            return source, target
        return None

    def _code(self, lang: str) -> str:
        """Give the model's own code of a language."""
        if lang in self.languages:
            return self.languages[lang]
        tokenizer, _ = self._loaded
        code = NLLB.get(primary_subtag(lang), lang)
        return code if _is_multilingual(tokenizer) and _knows(tokenizer, code) else lang

    def _prefix(self, target: str) -> str:
        """Give what tells a Marian model of several targets which one is wanted."""
        tokenizer, _ = self._loaded
        token = f">>{self.languages.get(target, target)}<<"
        return f"{token} " if _knows(tokenizer, token) else ""

    def _longest(self) -> int:
        tokenizer, model = self._loaded
        positions = getattr(model.config, "max_position_embeddings", None) or 512
        return min(positions, tokenizer.model_max_length)


def make_marian_v1(
    path: str,
    pair: str | None = None,
    languages: Mapping[str, str] | None = None,
    beams: int | None = None,
    batch_size: int = 16,
    max_ratio: float = 3.0,
    precision: str = "auto",
    device: str = "auto",
    keeps_markers: bool = False,
) -> MarianTranslator:
    """Create the translator by a model of transformers: Marian, NLLB, M2M100 and the like.

    Nothing is downloaded. A text that is longer than the model takes, or whose translation comes to
    no end, gets an error instead of half a translation. The score is the geometric mean of the
    probabilities of what was written. There are no links: attention was not found to be usable as
    an alignment.

    path (str): The model's folder: config.json, weights, tokenizer.
    pair (str | None): The pair of a model that has one only, such as `es-en`; None: as the
        tokenizer's configuration says, else any.
    languages (Mapping[str, str] | None): The model's own codes, such as `{"es": "spa_Latn"}`; those
        of NLLB's commonest languages are known.
    beams (int | None): Beams of the search; None: as the model's generation settings say.
    batch_size (int): Texts that go through the model together.
    max_ratio (float): Greatest length of a translation, in lengths of the source, in word pieces.
    precision (str): 'auto' computes in bf16 where the hardware does; 'fp32', 'bf16'.
    device (str): 'auto', 'cpu' or 'cuda'.
    keeps_markers (bool): Whether the model is known to keep marks such as `[1]`.
    RETURNS (MarianTranslator): The translator; the model is loaded when it is needed.
    RAISES (ClintlError): For a setting that cannot be.
    """
    check_settings(
        MarianTranslator.name,
        ("batch_size", batch_size, batch_size >= 1, "1 or more"),
        ("beams", beams, beams is None or beams >= 1, "1 or more, or null"),
        ("max_ratio", max_ratio, max_ratio > 0, "above 0"),
    )
    return MarianTranslator(
        path, pair, languages, beams, batch_size, max_ratio, precision, device, keeps_markers
    )


def _read_pair(pair: str | None) -> tuple[str, str] | None:
    if pair is None:
        return None
    source, _, target = pair.partition("-")
    if not (source and target):
        raise ClintlError(
            Errors.CL602.format(
                name=MarianTranslator.name, setting="pair", value=pair, expected="such as es-en"
            )
        )
    return source, target


def _is_multilingual(tokenizer: Any) -> bool:
    """Say whether the target is chosen by the first token, as with NLLB, M2M100 and mBART."""
    return hasattr(tokenizer, "src_lang")


def _language_token(tokenizer: Any, code: str) -> str:
    """Give the token of a language: M2M100 writes `__es__`, the others the code itself."""
    if hasattr(tokenizer, "get_lang_token"):
        return tokenizer.lang_code_to_token.get(code, code)
    return code


def _knows(tokenizer: Any, token: str) -> bool:
    # M2M100 has its languages beside its vocabulary.
    return tokenizer.convert_tokens_to_ids(token) not in (None, tokenizer.unk_token_id)


def _end_ids(model: Any) -> set[int]:
    ends = model.generation_config.eos_token_id
    return set(ends) if isinstance(ends, list) else {ends}
