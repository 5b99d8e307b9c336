import numpy as np
import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import AutoTokenizer, PreTrainedTokenizerFast

from spacy_clintl.adaptation.blocks import Blocks
from spacy_clintl.adaptation.whole_words import MAX_WORD_PIECES, WholeWordCollator, WordBorders
from spacy_clintl.errors import ClintlError
from tests.encoders import BUILDERS, SENTENCES

TEXT = "She takes metformin, 130/80 (neutropenia) x-ray. Torácico-disnea!"
WORDS = [
    *("She", "takes", "metformin", ",", "130", "/", "80", "(", "neutropenia", ")"),
    *("x", "-", "ray", ".", "Torácico", "-", "disnea", "!"),
]


def words_of(tokenizer, text):
    found = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
    ids = np.asarray([found["input_ids"]])
    numbers = WordBorders(tokenizer).number_words(ids, np.zeros_like(ids, dtype=bool))[0]
    words = [""] * (numbers.max() + 1)
    seen = [0] * len(words)
    for number, (start, end) in zip(numbers, found["offset_mapping"]):
        start = max(start, seen[number])
        words[number] += text[start:end]
        seen[number] = max(end, start)
    return [word.strip() for word in words], numbers


@pytest.mark.parametrize("kind", BUILDERS)
def test_words_are_those_that_a_reader_sees(tmp_path, kind):
    tokenizer = AutoTokenizer.from_pretrained(BUILDERS[kind](tmp_path))
    words, numbers = words_of(tokenizer, TEXT)
    assert words == WORDS
    assert len(numbers) > len(words)


def test_words_are_those_of_the_wordpiece_tokenizer(tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(BUILDERS["bert"](tmp_path))
    text = " ".join(SENTENCES)
    _, numbers = words_of(tokenizer, text)
    assert numbers.tolist() == tokenizer(text, add_special_tokens=False).word_ids()


def make_collator(folder, kind, *, probability=0.3, length=24, seed=5):
    tokenizer = AutoTokenizer.from_pretrained(BUILDERS[kind](folder))
    ids = tokenizer(" ".join(SENTENCES * 20), add_special_tokens=False)["input_ids"]
    blocks = Blocks(np.asarray(ids, dtype=np.int32), tokenizer, length)
    collator = WholeWordCollator(tokenizer, mlm_probability=probability, seed=seed)
    return collator, [{**blocks[i], "position": i} for i in range(len(blocks))]


@pytest.mark.parametrize("kind", BUILDERS)
def test_words_are_masked_as_a_whole_at_the_same_share(tmp_path, kind):
    collator, rows = make_collator(tmp_path, kind)
    ids = np.stack([row["input_ids"] for row in rows])
    special = np.stack([row["special_tokens_mask"] for row in rows]).astype(bool)
    batch = collator(rows)
    masked = (batch["labels"] != -100).numpy()
    numbers = collator.borders.number_words(ids, special)
    assert not masked[special].any()
    shares = np.bincount(numbers.ravel(), masked.ravel()) / np.bincount(numbers.ravel())
    assert set(shares) == {0.0, 1.0}
    assert np.bincount(numbers[masked]).max() > 1
    assert masked[~special].mean() == pytest.approx(0.3, abs=0.05)
    labels = batch["labels"].numpy()
    assert (labels[masked] == ids[masked]).all()
    became_mask = (batch["input_ids"].numpy() == collator.tokenizer.mask_token_id)[masked].mean()
    assert became_mask == pytest.approx(0.8, abs=0.05)
    unchanged = batch["input_ids"].numpy()[~masked] == ids[~masked]
    assert unchanged.all()


def test_masks_depend_on_seed_and_position_alone(tmp_path):
    collator, rows = make_collator(tmp_path, "roberta")
    state = torch.get_rng_state()
    first = collator(rows[:4])
    assert torch.equal(torch.get_rng_state(), state)
    torch.rand(3)
    assert torch.equal(first["labels"], collator(rows[:4])["labels"])
    moved = collator([{**row, "position": row["position"] + 4} for row in rows[:4]])
    assert not torch.equal(first["labels"], moved["labels"])
    other = WholeWordCollator(collator.tokenizer, mlm_probability=0.3, seed=6)(rows[:4])
    assert not torch.equal(first["labels"], other["labels"])


def test_words_do_not_run_on_over_special_pieces_or_blocks(tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(BUILDERS["bert"](tmp_path))
    inside = tokenizer.convert_tokens_to_ids("##a")
    ids = np.asarray([[2, inside, inside, 3, inside], [inside, 3, 0, 0, 0]])
    special = np.isin(ids, [0, 2, 3])
    numbers = WordBorders(tokenizer).number_words(ids, special)
    assert numbers.tolist() == [[0, 1, 1, 2, 3], [4, 5, 6, 7, 8]]


def test_endless_words_are_cut(tmp_path):
    tokenizer = AutoTokenizer.from_pretrained(BUILDERS["bert"](tmp_path))
    ids = np.full((1, 3 * MAX_WORD_PIECES), tokenizer.convert_tokens_to_ids("##a"))
    numbers = WordBorders(tokenizer).number_words(ids, np.zeros_like(ids, dtype=bool))
    assert np.bincount(numbers[0]).tolist() == [MAX_WORD_PIECES] * 3


def test_pieces_of_scripts_without_spaces_are_words_of_their_own():
    vocabulary = [
        ("<unk>", 0.0),
        ("▁", -1.0),
        ("患", -2.0),
        ("者", -2.0),
        ("▁ab", -2.0),
        ("c", -2.0),
    ]
    own = Tokenizer(models.Unigram(vocabulary, 0))
    own.pre_tokenizer = pre_tokenizers.Metaspace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=own, unk_token="<unk>")
    _, numbers = words_of(tokenizer, "患者 abc")
    assert tokenizer.tokenize("患者 abc") == ["▁", "患", "者", "▁ab", "c"]
    assert numbers.tolist() == [0, 1, 2, 3, 3]


def test_vocabulary_without_marks():
    vocabulary = {f"w{i}": i for i in range(60)} | {"<unk>": 60}
    own = Tokenizer(models.WordLevel(vocabulary, "<unk>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=own, unk_token="<unk>")
    with pytest.raises(ClintlError, match="CL450"):
        WordBorders(tokenizer)
