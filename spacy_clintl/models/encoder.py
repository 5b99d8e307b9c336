"""A pretrained encoder with its tokenizer: read from a folder, carried as bytes.

Only this module knows how Hugging Face folders are laid out. Remote code is never trusted and
weights are read from safetensors alone.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import safetensors.torch
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.models.auto.modeling_auto import MODEL_FOR_MASKED_LM_MAPPING

from ..errors import ClintlError, Errors
from ..util import first_line, quiet_transformers

# What the various configurations call their dropout rates.
DROPOUT_NAMES = (
    "hidden_dropout_prob",
    "hidden_dropout",
    "embedding_dropout",
    "mlp_dropout",
    "dropout",
)
ATTENTION_DROPOUT_NAMES = ("attention_probs_dropout_prob", "attention_dropout")
# Larger values of `model_max_length` mean that the tokenizer does not know.
UNKNOWN_LENGTH = 1_000_000


@dataclass
class Encoder:
    """A tokenizer and the torch module it feeds.

    tokenizer (PreTrainedTokenizerFast): Gives word pieces with character offsets.
    module (torch.nn.Module): Takes `input_ids` (windows, pieces) and gives `last_hidden_state`
        (windows, pieces, width).
    """

    tokenizer: Any
    module: torch.nn.Module

    @property
    def width(self) -> int:
        """RETURNS (int): The size of a word piece's vector."""
        return self.module.config.hidden_size

    @property
    def max_pieces(self) -> int:
        """RETURNS (int): How many word pieces, special ones included, a sequence can have."""
        return max_pieces(self.module.config, self.tokenizer)

    def to_dict(self) -> dict[str, Any]:
        """RETURNS (dict): Configuration, tokenizer files and weights, all of it as plain data."""
        with TemporaryDirectory() as folder:
            self.tokenizer.save_pretrained(folder)
            files = {p.name: p.read_bytes() for p in sorted(Path(folder).iterdir())}
        # Tensors that share memory (tied weights) must be told apart before they are written.
        state = {k: v.detach().cpu().clone() for k, v in self.module.state_dict().items()}
        return {
            "config": self.module.config.to_json_string(use_diff=False),
            "tokenizer": files,
            "weights": safetensors.torch.save(state),
        }

    @classmethod
    def from_dict(
        cls,
        data: dict[str, Any],
        *,
        dropout: float | None = None,
        attention_dropout: float | None = None,
    ) -> "Encoder":
        """Build the encoder again from what `to_dict` gave, without any file of the base.

        data (dict): The output of `to_dict`.
        dropout (Optional[float]): Overrides the dropout rates of the configuration.
        attention_dropout (Optional[float]): Overrides that of the attention weights.
        """
        with TemporaryDirectory() as folder:
            for name, content in data["tokenizer"].items():
                (Path(folder) / name).write_bytes(content)
            tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
        values = json.loads(data["config"])
        config = AutoConfig.for_model(values.pop("model_type"), **values)
        _set_dropout(config, dropout, attention_dropout)
        with quiet_transformers():
            module = AutoModel.from_config(config, trust_remote_code=False)
        module.load_state_dict(safetensors.torch.load(data["weights"]))
        return cls(tokenizer, module)


def load_encoder(
    folder: str | Path, *, dropout: float | None = None, attention_dropout: float | None = None
) -> Encoder:
    """Read an encoder folder, as `spacy clintl base` and `spacy clintl adapt` write them.

    folder (str | Path): Holds config.json, tokenizer.json and safetensors weights.
    dropout (Optional[float]): Overrides the dropout rates of the configuration.
    attention_dropout (Optional[float]): Overrides that of the attention weights.
    RETURNS (Encoder): On the CPU, in full precision.
    RAISES (ClintlError): When something is missing, damaged or of an unsupported kind.
    """
    config = check_encoder_folder(folder)
    _set_dropout(config, dropout, attention_dropout)
    try:
        with quiet_transformers():
            tokenizer = AutoTokenizer.from_pretrained(
                str(folder), local_files_only=True, trust_remote_code=False
            )
            module, info = AutoModel.from_pretrained(
                str(folder),
                config=config,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                torch_dtype=torch.float32,
                output_loading_info=True,
            )
    except (OSError, ValueError, RuntimeError, safetensors.SafetensorError) as error:
        raise ClintlError(Errors.CL204.format(path=folder, reason=first_line(error))) from error
    # The pooler is no part of what a listener sees, and masked-language models come without one.
    missing = [key for key in info["missing_keys"] if "pooler" not in key]
    if missing:
        total = len(module.state_dict())
        raise ClintlError(
            Errors.CL203.format(
                path=folder, n_missing=len(missing), n_total=total, first=sorted(missing)[0]
            )
        )
    return Encoder(tokenizer, module)


def check_encoder_folder(folder: str | Path) -> Any:
    """Check what can be checked without reading the weights.

    folder (str | Path): The folder to check.
    RETURNS (PretrainedConfig): The encoder's configuration.
    RAISES (ClintlError): When a file is missing or the model is not an encoder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ClintlError(Errors.CL200.format(path=folder, missing="such folder"))
    if not (folder / "config.json").is_file():
        raise ClintlError(Errors.CL200.format(path=folder, missing="config.json"))
    if not any(folder.glob("*.safetensors")):
        raise ClintlError(Errors.CL200.format(path=folder, missing="safetensors weights"))
    try:
        config = AutoConfig.from_pretrained(
            str(folder), local_files_only=True, trust_remote_code=False
        )
    except (OSError, ValueError, KeyError) as error:
        raise ClintlError(Errors.CL204.format(path=folder, reason=first_line(error))) from error
    if (
        type(config) not in MODEL_FOR_MASKED_LM_MAPPING
        or config.is_encoder_decoder
        or config.is_decoder
        or not hasattr(config, "hidden_size")
    ):
        raise ClintlError(Errors.CL201.format(path=folder, model_type=config.model_type))
    if not (folder / "tokenizer.json").is_file():
        raise ClintlError(Errors.CL202.format(path=folder))
    return config


def max_pieces(config: Any, tokenizer: Any) -> int:
    """Tell how long a sequence the encoder can take.

    config (PretrainedConfig): The encoder's configuration.
    tokenizer (PreTrainedTokenizerFast): The encoder's tokenizer.
    RETURNS (int): Word pieces, special ones included.
    """
    limits = [getattr(config, "max_position_embeddings", None) or UNKNOWN_LENGTH]
    # RoBERTa counts positions from the padding id + 1 on, and sizes its table accordingly (514).
    # Other encoders hold the table as it is; a tokenizer that knows better says so.
    if getattr(config, "model_type", "") in ROBERTA_POSITIONS:
        limits[0] -= (config.pad_token_id or 0) + 1
    if 0 < tokenizer.model_max_length < UNKNOWN_LENGTH:
        limits.append(tokenizer.model_max_length)
    return min(limits)


ROBERTA_POSITIONS = (
    "camembert",
    "data2vec-text",
    "ibert",
    "longformer",
    "mpnet",
    "roberta",
    "roberta-prelayernorm",
    "xlm-roberta",
    "xlm-roberta-xl",
    "xmod",
)


def _set_dropout(config: Any, dropout: float | None, attention_dropout: float | None) -> None:
    for setting, names, value in (
        ("dropout", DROPOUT_NAMES, dropout),
        ("attention_dropout", ATTENTION_DROPOUT_NAMES, attention_dropout),
    ):
        if value is not None and not 0 <= value <= 1:
            raise ClintlError(Errors.CL221.format(setting=setting, value=value))
        for name in names:
            if value is not None and isinstance(getattr(config, name, None), float | int):
                setattr(config, name, value)
