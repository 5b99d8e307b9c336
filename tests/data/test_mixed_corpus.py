import tracemalloc
from collections import Counter

import pytest
import spacy
from spacy.tokens import Doc
from spacy.util import registry

from spacy_clintl.data.docbin import docbin_writer
from spacy_clintl.data.mixed_corpus import make_mixed_corpus_v1, quotas
from spacy_clintl.errors import ClintlError

NLP = spacy.blank("en")


@pytest.fixture
def corpora(tmp_path):
    """Two corpora: 'large' of 40 documents in several files, 'small' of four."""
    for name, n in (("large", 40), ("small", 4)):
        with docbin_writer(tmp_path / f"{name}.spacy", tokens_a_file=30) as add:
            for i in range(n):
                add(Doc(NLP.vocab, words=[name, str(i)]))
    assert (tmp_path / "large.spacy").is_dir()
    return [str(tmp_path / "large.spacy"), str(tmp_path / "small.spacy")]


def texts(read):
    return [example.reference.text.strip() for example in read(NLP)]


def counts(read):
    return Counter(text.split()[0] for text in texts(read))


def test_without_temperature_one_corpus_follows_the_other(corpora):
    read = make_mixed_corpus_v1(corpora)
    expected = [f"large {i}" for i in range(40)] + [f"small {i}" for i in range(4)]
    assert texts(read) == expected
    assert texts(read) == expected
    assert texts(make_mixed_corpus_v1(corpora[1])) == expected[40:]


def test_temperature_1_gives_each_document_once_an_epoch_in_mixed_order(corpora):
    read = make_mixed_corpus_v1(corpora, temperature=1)
    epoch = texts(read)
    assert sorted(epoch) == sorted(texts(make_mixed_corpus_v1(corpora)))
    assert not all(text.startswith("small") for text in epoch[40:])


def test_temperature_shows_the_small_corpus_more_often_and_the_large_one_over_epochs(corpora):
    read = make_mixed_corpus_v1(corpora, temperature=2)
    first, second = texts(read), texts(read)
    # 44 shared as sqrt(40) : sqrt(4)
    assert Counter(text.split()[0] for text in first) == {"large": 33, "small": 11}
    assert len(set(first)) == 33 + 4
    unseen = {f"large {i}" for i in range(40)} - set(first)
    assert unseen
    assert unseen <= set(second)


def test_quotas_sum_to_the_sizes_and_forget_no_corpus():
    assert quotas([40, 4], 1) == [40, 4]
    assert quotas([40, 4], 1e9) == [22, 22]
    for sizes in ([1, 1, 1], [1000, 1, 1], [10_000, 1, 3, 7], [5]):
        for temperature in (1, 1.5, 5, 100):
            shares = quotas(sizes, temperature)
            assert sum(shares) == sum(sizes)
            assert min(shares) >= 1


def test_seed_shuffles_anew_in_each_epoch_and_the_same_way_in_each_run(corpora):
    one, other = (make_mixed_corpus_v1(corpora, seed=3) for _ in range(2))
    first, second = texts(one), texts(one)
    assert first != second
    assert sorted(first) == sorted(second)
    assert [texts(other), texts(other)] == [first, second]
    assert texts(make_mixed_corpus_v1(corpora, seed=4)) != first
    assert first[:40] != sorted(first[:40], key=lambda text: int(text.split()[1]))


def test_limits_hold_for_all_corpora_or_by_name(corpora):
    assert counts(make_mixed_corpus_v1(corpora, limit=3)) == {"large": 3, "small": 3}
    assert texts(make_mixed_corpus_v1(corpora[0], limit=3)) == ["large 0", "large 1", "large 2"]
    assert counts(make_mixed_corpus_v1(corpora, limit={"large": 7})) == {"large": 7, "small": 4}
    named = make_mixed_corpus_v1({"a": corpora[0], "b": corpora[1]}, limit={"a": 2, "b": 1})
    assert counts(named) == {"large": 2, "small": 1}
    mixed = make_mixed_corpus_v1(corpora, limit={"large": 4}, temperature=5)
    assert counts(mixed) == {"large": 4, "small": 4}


def test_with_a_seed_a_limit_takes_a_random_sample_that_stays(corpora):
    read = make_mixed_corpus_v1(corpora[0], limit=5, seed=1)
    sample = set(texts(read))
    assert len(sample) == 5
    assert sample != {f"large {i}" for i in range(5)}
    assert set(texts(read)) == sample
    assert set(texts(make_mixed_corpus_v1(corpora[0], limit=5, seed=2))) != sample


def test_corpora_with_one_file_name_go_by_their_paths(tmp_path):
    paths = []
    for name in "ab":
        (tmp_path / name).mkdir()
        paths.append(str(tmp_path / name / "train.spacy"))
        with docbin_writer(paths[-1]) as add:
            for _ in range(3):
                add(Doc(NLP.vocab, words=[name]))
    assert counts(make_mixed_corpus_v1(paths, limit={paths[1]: 1})) == {"a": 3, "b": 1}
    with pytest.raises(ClintlError, match="listed twice"):
        make_mixed_corpus_v1([paths[0], paths[0]])


def test_documents_beyond_max_length_are_cut_or_missed_with_a_warning(tmp_path):
    with docbin_writer(tmp_path / "a.spacy") as add:
        add(Doc(NLP.vocab, words=["a"] * 8))
        add(Doc(NLP.vocab, words=["b"] * 8, sent_starts=[True, *[False] * 3] * 2))
        add(Doc(NLP.vocab, words=["c"] * 2))
        add(Doc(NLP.vocab, words=[]))
    read = make_mixed_corpus_v1(str(tmp_path / "a.spacy"), max_length=6)
    with pytest.warns(UserWarning, match="1 documents of 6 tokens or more"):
        assert texts(read) == ["b b b b", "b b b b", "c c"]


def test_bad_settings_and_files_are_named(corpora, tmp_path):
    with pytest.raises(ClintlError, match="no paths"):
        make_mixed_corpus_v1([])
    with pytest.raises(ClintlError, match=r"temperature is 0\.5"):
        make_mixed_corpus_v1(corpora, temperature=0.5)
    with pytest.raises(ClintlError, match=r"'medium'.*large, small"):
        make_mixed_corpus_v1(corpora, limit={"medium": 3})
    with pytest.raises(ClintlError, match="none does not exist"):
        texts(make_mixed_corpus_v1([corpora[0], str(tmp_path / "none")], temperature=1))
    broken = tmp_path / "broken.spacy"
    broken.write_bytes(b"no DocBin")
    for temperature in (None, 2):
        with pytest.raises(ClintlError, match=r"broken\.spacy is not a \.spacy file"):
            texts(make_mixed_corpus_v1([corpora[0], str(broken)], temperature=temperature))
    with docbin_writer(tmp_path / "empty.spacy") as add:
        add(Doc(NLP.vocab, words=[]))
    for temperature in (None, 2):
        with pytest.raises(ClintlError, match="holds no documents"):
            texts(make_mixed_corpus_v1(str(tmp_path / "empty.spacy"), temperature=temperature))


def test_a_config_names_and_limits_corpora_and_augments(corpora):
    config = {
        "corpus": {
            "@readers": "spacy_clintl.MixedCorpus.v1",
            "paths": {"big": corpora[0], "little": corpora[1]},
            "limit": {"big": 2},
            "temperature": 1,
            "seed": 0,
            "augmenter": {"@augmenters": "spacy.lower_case.v1", "level": 0.0},
        }
    }
    read = registry.resolve(config)["corpus"]
    assert counts(read) == {"large": 2, "small": 4}


def test_memory_does_not_grow_with_the_corpus(tmp_path):
    peaks = []
    for n_files in (3, 12):
        with docbin_writer(tmp_path / "long.spacy", tokens_a_file=5000) as add:
            for i in range(n_files * 50):
                add(Doc(NLP.vocab, words=[str(i % 50)] * 100))
        read = make_mixed_corpus_v1([str(tmp_path / "long.spacy")], temperature=1)
        tracemalloc.start()
        n = sum(len(example.reference) for example in read(NLP))
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert n == n_files * 5000
    assert peaks[1] < 1.5 * peaks[0]
