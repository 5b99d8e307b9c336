"""Text streams from disk: ten times as much of it takes hardly more memory."""

import json
import subprocess
import sys
import tracemalloc
from contextlib import contextmanager

import numpy as np
import pytest

from spacy_clintl.adaptation.blocks import count_words, portions
from spacy_clintl.adaptation.card import describe_corpora
from spacy_clintl.adaptation.masked_lm import load_masked_lm, start_at_frequencies
from tests.encoders import make_wordpiece_bert

# Everything an adaptation does before the model is loaded, in a process of its own, because the
# peak of a process never falls again.
MEASURE = """
import json, resource, sys
from pathlib import Path
from transformers import AutoTokenizer
from spacy_clintl.adaptation.blocks import Blocks, BlockOrder, read_pieces, write_pieces
from spacy_clintl.adaptation.corpus import choose_documents
from spacy_clintl.adaptation.settings import AdaptSettings
from spacy_clintl.adaptation.vocabulary import grow_vocabulary
base, text, evaluation, work = map(Path, sys.argv[1:5])
work.mkdir()
tokenizer = AutoTokenizer.from_pretrained(base)
settings = AdaptSettings(add_words=50, leave_out=(str(evaluation),))
quiet = lambda line: None
corpus = choose_documents([text], work, settings, quiet)
tokenizer, growth = grow_vocabulary(tokenizer, corpus, work, settings, base=base, tell=quiet)
write_pieces(corpus, tokenizer, work, held_out=0.05, seed=0, held=growth.mask(corpus.choice.kept))
train, held, counts = read_pieces(work)
blocks = Blocks(train, tokenizer, 64)
order = BlockOrder(blocks, first=0, count=2000, seed=0)
for i in range(2000):
    order[i]
print(json.dumps({
    "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    "words": counts.words,
    "choice": vars(corpus.choice),
    "added": len(growth.entries),
}))
"""


def write_text(path, n_words):
    """Notes of 100 words, Zipf-distributed over 60,000 words; every 50th note is the one before."""
    rng = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnoprstuvz"))
    lengths = rng.integers(3, 12, size=60_000)
    lexicon = np.array(["".join(rng.choice(letters, size=n)) for n in lengths])
    with path.open("w", encoding="utf-8") as file:
        for number in range(n_words // 100):
            ranks = np.minimum(rng.zipf(1.3, size=100), len(lexicon)) - 1
            if number % 50 or not number:
                note = " ".join(lexicon[ranks]) + "."
            file.write(json.dumps({"text": note}) + "\n")
            if number == 60:
                path.with_name("evaluation.jsonl").write_text(json.dumps({"text": note}))
    return path


def measure(tmp_path, base, n_words):
    text = write_text(tmp_path / f"{n_words}.jsonl", n_words)
    evaluation, work = tmp_path / "evaluation.jsonl", tmp_path / f"work-{n_words}"
    command = [sys.executable, "-c", MEASURE, base, text, evaluation, work]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.slow
def test_two_million_words_take_hardly_more_memory_than_two_hundred_thousand(tmp_path):
    base = make_wordpiece_bert(tmp_path / "base")
    few, many = (measure(tmp_path, base, n) for n in (200_000, 2_000_000))
    assert many["words"] > 9 * few["words"] > 1_700_000
    assert many["choice"]["duplicates"] == 2_000_000 // 100 // 50 - 1
    assert many["choice"]["left_out"] == 1
    assert many["added"] == 50
    # The text alone is 15 MB, as Python's strings and numbers 100 MB and more.
    assert many["peak"] < few["peak"] + 30


@contextmanager
def at_most(mebibytes):
    tracemalloc.start()
    try:
        yield
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < mebibytes * 2**20


def test_words_of_a_long_document_are_not_listed(tmp_path):
    path = tmp_path / "long.txt"
    path.write_text("pain in the left arm, no fever. " * 150_000)
    # The text itself has 5, and as many while it is decoded.
    with at_most(16):
        [found] = describe_corpora([path], tmp_path)
    assert found["words"] == 150_000 * 7


@pytest.mark.parametrize("text", ["", " ", "a", "a b " * 70_000, "x" * 250_000, " \n" * 150_000])
def test_words_are_counted_across_cuts(text):
    assert count_words(portions(text)) == len(text.split())


def test_pieces_are_counted_where_they_lie(tmp_path):
    model, _ = load_masked_lm(make_wordpiece_bert(tmp_path / "base"))
    pieces = np.arange(4_000_000, dtype=np.int32) % 100
    with at_most(8):
        start_at_frequencies(model, pieces)
    bias = model.get_output_embeddings().bias
    counts = np.bincount(pieces, minlength=len(bias)) + 0.1
    assert np.allclose(bias.detach().numpy(), np.log(counts / counts.sum()))
