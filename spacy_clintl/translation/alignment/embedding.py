"""The embedding aligner: words that look alike to a multilingual encoder are linked.

Method of Jalili Sabet et al. (2020), "SimAlign: High quality word alignments without parallel
training data using static and contextualized embeddings", sections 2.1 and 2.2. Any encoder folder
will do that has seen both languages; nothing is downloaded and nothing is trained.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import ClintlError, Errors
from ...util import sha256_of
from .links import Aligner, Links, WordPairs, Words

if TYPE_CHECKING:
    from ...models.encoder import Encoder

METHODS = ("argmax", "itermax")
# Discount of a link whose source or target is linked already, and passes (section 2.2 there).
DISCOUNT, PASSES = 0.9, 2


class EmbeddingAligner(Aligner):
    """Links words by the cosine of their vectors.

    folder (str | Path): Folder of the encoder, as `spacy clintl base` writes them.
    layer (int): Which layer's vectors; negative counts from the last. The paper found that the
        eighth of twelve is best for mBERT and XLM-R.
    method (str): 'argmax' links words that are each other's likest; 'itermax' goes on among those
        that are left.
    RAISES (ClintlError): The folder cannot be used, or has no such layer; an unknown method.
    """

    name = "embedding"

    def __init__(self, folder: str | Path, layer: int = 8, method: str = "itermax"):
        from ...models.encoder import load_encoder

        self.folder, self.layer, self.method = Path(folder), layer, method
        if method not in METHODS:
            rule = "one of " + ", ".join(METHODS)
            raise ClintlError(Errors.CL650.format(setting="method", value=method, rule=rule))
        self.encoder: Encoder = load_encoder(folder)
        self.encoder.module.eval()
        config: Any = self.encoder.module.config
        layers = config.num_hidden_layers
        if layer > layers:
            # Smaller encoders have as many middle layers in proportion.
            self.layer = max(1, round(layers * 2 / 3))
        elif layer < -layers:
            rule = f"from {-layers} to {layers}"
            raise ClintlError(Errors.CL650.format(setting="layer", value=layer, rule=rule))

    def fingerprint(self) -> str:
        """Name the encoder's weights and the settings."""
        files = sorted(self.folder.glob("*.safetensors"))
        sums = " ".join(sha256_of(file)[:16] for file in files)
        return f"{self.name} {sums} {self.layer} {self.method}"

    def align(self, pairs: WordPairs) -> list[Links]:
        """Align sentence pairs, see `Aligner.align`."""
        found = []
        for source, target in pairs:
            if not source or not target:
                empty = np.zeros((len(source), len(target)))
                found.append(Links(empty, empty))
                continue
            likeness = _cosines(self.vectors(source), self.vectors(target))
            links = itermax(likeness) if self.method == "itermax" else argmax(likeness)
            found.append(to_posteriors(links))
        return found

    def vectors(self, words: Words) -> np.ndarray:
        """Encode words in their sentence.

        words (Words): Words of a sentence, at least one.
        RETURNS (ndarray): (words, width) means over the pieces of each word; zeros for words that
            the tokenizer drops.
        """
        import torch

        text = " ".join(words)
        tokenizer = self.encoder.tokenizer
        coded = tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        # Where the space behind each word is.
        ends = np.cumsum([len(word) + 1 for word in words]) - 1
        offsets = np.array(coded["offset_mapping"], dtype=np.int64).reshape(-1, 2)
        # A piece may begin with, or be, the space before its word: its last character tells.
        owners = np.searchsorted(ends, np.maximum(offsets[:, 1] - 1, 0), side="right")
        sums, numbers = np.zeros((len(words), self.encoder.width)), np.zeros(len(words))
        room = self.encoder.max_pieces - tokenizer.num_special_tokens_to_add()
        ids = coded["input_ids"]
        with torch.inference_mode():
            for start in range(0, len(ids), room):
                part = slice(start, start + room)
                found = self._encode(ids[part])
                np.add.at(sums, owners[part], found)
                np.add.at(numbers, owners[part], 1)
        return sums / np.maximum(numbers, 1)[:, None]

    def _encode(self, ids: list[int]) -> np.ndarray:
        import torch

        tokenizer = self.encoder.tokenizer
        whole: Any = tokenizer.build_inputs_with_special_tokens(ids)
        special = tokenizer.get_special_tokens_mask(whole, already_has_special_tokens=True)
        # An unknown piece is no special one here, though some tokenizers say so.
        first = next((n for n in range(len(whole)) if whole[n : n + len(ids)] == ids), sum(special))
        batch = torch.tensor([whole])
        output = self.encoder.module(
            input_ids=batch, attention_mask=torch.ones_like(batch), output_hidden_states=True
        )
        return output.hidden_states[self.layer][0, first : first + len(ids)].float().numpy()


def _cosines(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """RETURNS (ndarray): (sources, targets), from 0 to 1."""
    one, other = (
        vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
        for vectors in (first, second)
    )
    return (one @ other.T + 1) / 2


def argmax(likeness: np.ndarray) -> np.ndarray:
    """Link words that are each other's likest.

    likeness (ndarray): (sources, targets).
    RETURNS (ndarray): Of that shape, 0 or 1.
    """
    rows, columns = np.zeros_like(likeness), np.zeros_like(likeness)
    rows[np.arange(len(likeness)), likeness.argmax(1)] = 1.0
    columns[likeness.argmax(0), np.arange(likeness.shape[1])] = 1.0
    return rows * columns


def itermax(likeness: np.ndarray, passes: int = PASSES) -> np.ndarray:
    """Link words by `argmax`, then again among pairs of which one word at most is linked.

    likeness (ndarray): (sources, targets).
    passes (int): How often in all.
    RETURNS (ndarray): Of that shape, 0 or 1.
    """
    links = argmax(likeness)
    for _ in range(passes - 1):
        source, target = links.max(1)[:, None] > 0, links.max(0)[None, :] > 0
        if source.all() or target.all():
            break
        weights = np.where(source & target, 0.0, np.where(source | target, DISCOUNT, 1.0))
        more = argmax(likeness * weights) * (weights > 0)
        if not more.any():
            break
        links = np.maximum(links, more)
    return links


def to_posteriors(links: np.ndarray) -> Links:
    """Share each word's links out evenly.

    links (ndarray): (sources, targets), 0 or 1.
    RETURNS (Links): As of a model that is sure of them.
    """
    return Links(
        links / np.maximum(links.sum(0, keepdims=True), 1),
        links / np.maximum(links.sum(1, keepdims=True), 1),
    )
