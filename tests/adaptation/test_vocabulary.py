import json
import unicodedata

import numpy as np
import pytest
import spacy
import torch
from safetensors.torch import load_file
from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors
from transformers import (
    AutoConfig,
    AutoModelForMaskedLM,
    AutoTokenizer,
    PreTrainedTokenizerFast,
    TrainerCallback,
)

from spacy_clintl.adaptation.adapt import adapt
from spacy_clintl.adaptation.growth import growth_of
from spacy_clintl.adaptation.new_rows import add_rows
from spacy_clintl.adaptation.settings import AdaptSettings
from spacy_clintl.adaptation.vocabulary import Growth, WordCounts
from spacy_clintl.errors import ClintlError
from spacy_clintl.models.adapted_transformer import adapted_transformer_v1
from tests.encoders import BUILDERS, SENTENCES

WORDS = ["pneumonitis", "hépatite", "Ödem", "πνευμονία", "beta-blocker"]
TEXTS = [
    *SENTENCES,
    "Pneumonitises; hépa-tite",
    "é́tat fe\u0301brile 👩🏽‍⚕️ fever\u00a040\u202f°C a\n\nb\t c",
    "",
    "x" * 300,
]


@pytest.fixture(params=BUILDERS)
def kind(request):
    return request.param


@pytest.fixture
def base(tmp_path, kind):
    return BUILDERS[kind](tmp_path / "base", with_mlm_head=True)


def tokenizer_of(folder):
    return AutoTokenizer.from_pretrained(folder)


def entries_of(way, words):
    found = [way.entry(way.normalise(word), spaced) for word in words for spaced in (True, False)]
    return list(dict.fromkeys(entry for entry in found if entry))


def grow(base, folder, words=WORDS):
    """A tokenizer before and after, the second one as another program reads it."""
    before = tokenizer_of(base)
    way = growth_of(before, base)
    entries = [e for e in entries_of(way, words) if len(way.pieces(e)) > 1]
    way.grown(entries).save_pretrained(folder)
    return way, entries, before, tokenizer_of(folder)


def test_words_are_one_piece_in_context_with_right_offsets(tmp_path, base, kind):
    _, _, before, after = grow(base, tmp_path / "grown")
    assert after.is_fast
    assert type(after) is type(before)
    for word in ("pneumonitis", "hépatite", unicodedata.normalize("NFD", "hépatite")):
        if kind == "roberta" and not unicodedata.is_normalized("NFC", word):
            continue  # No normaliser: the same word in other characters is another word.
        for frame in ("a {} 👩🏽‍⚕️ b", "({}), yes", "no\u00a0{}\nno", "{}", "fe\u0301brile {}."):
            text = frame.format(word)
            start = text.index(word)
            found = after(text, add_special_tokens=False, return_offsets_mapping=True)
            own = [
                (i, text[a:b])
                for i, (a, b) in zip(found["input_ids"], found["offset_mapping"])
                if a < start + len(word) and b > start
            ]
            assert len(own) == 1, (text, own)
            assert own[0][0] >= len(before)
            assert own[0][1].strip() == word


def test_hyphens_inside_where_the_kind_can_hold_them(tmp_path, base, kind):
    _, _, before, after = grow(base, tmp_path / "grown", ["beta-blocker"])
    ids = after("the beta-blocker is", add_special_tokens=False)["input_ids"]
    assert any(i >= len(before) for i in ids) == (kind not in ("roberta", "modernbert"))


def test_text_in_between_and_special_pieces_stay(tmp_path, base, kind):
    way, entries, before, after = grow(base, tmp_path / "grown")
    assert after.all_special_tokens == before.all_special_tokens
    assert after.all_special_ids == before.all_special_ids
    old, new = before.get_vocab(), after.get_vocab()
    assert {**new, **old} == new
    assert sorted(new[entry] for entry in entries) == list(range(len(old), len(new)))
    pieces = {new[entry]: way.pieces(entry) for entry in entries}
    frames = ("The patient, with {}; and\u00a0{}", "({}) {}! 👩🏽‍⚕️", "{} {}", "non-{} {}.")
    texts = [*TEXTS, *(frame.format("pneumonitis", "hépatite") for frame in frames)]
    for text in texts:
        one, two = (t(text)["input_ids"] for t in (before, after))
        # With the words cut again the text is cut as it was before.
        assert one == [p for i in two for p in pieces.get(i, [i])], text
        assert (one != two) == any(word in text for word in ("pneumonitis", "hépatite")), text
    masked = f"no {before.mask_token} here"
    assert before(masked)["input_ids"] == after(masked)["input_ids"]


@pytest.mark.parametrize("kind", ["deberta", "modernbert", "roberta"])
def test_ids_beyond_the_model_vocabulary_are_not_taken(tmp_path, kind):
    # As in DeBERTa-v3, whose mask stands behind the vocabulary of its model.
    folder = BUILDERS[kind](tmp_path / "base")
    tokenizer = tokenizer_of(folder)
    tokenizer.add_tokens(["[EXTRA]"], special_tokens=True)
    tokenizer.save_pretrained(folder)
    _, entries, before, after = grow(folder, tmp_path / "grown")
    number = before.convert_tokens_to_ids("[EXTRA]")
    assert after.convert_tokens_to_ids("[EXTRA]") == number
    assert min(after.convert_tokens_to_ids(entries)) == number + 1
    assert after("a [EXTRA] pneumonitis")["input_ids"][1:-1].count(number) == 1


def modernbert_as_published(folder):
    """Specials are added tokens behind the BPE vocabulary, as are runs of blanks; with a hole."""
    BUILDERS["modernbert"](folder)
    state = json.loads((folder / "tokenizer.json").read_text())
    vocabulary, special = state["model"]["vocab"], ["[CLS]", "[SEP]", "[PAD]", "[UNK]"]
    for token in (*special, "[MASK]"):
        del vocabulary[token]
    # Numbers from 0 on without a gap, as BPE trainers give them.
    state["model"]["vocab"] = {piece: i for i, piece in enumerate(vocabulary)}
    state["added_tokens"], state["post_processor"] = [], None
    backend = Tokenizer.from_str(json.dumps(state))
    backend.add_tokens([AddedToken(" " * n, normalized=True) for n in (4, 3, 2)])
    backend.add_special_tokens([*special, AddedToken("[MASK]", lstrip=True), "<unused999>"])
    backend.post_processor = processors.TemplateProcessing(
        single=["[CLS]", "$A", "[SEP]"],
        special_tokens=[(t, backend.token_to_id(t)) for t in ("[CLS]", "[SEP]")],
    )
    named = {f"{t.strip('[]').lower()}_token": t for t in (*special, "[MASK]")}
    fast = PreTrainedTokenizerFast(tokenizer_object=backend, model_max_length=128, **named)
    config = AutoConfig.from_pretrained(folder)
    config.update({"vocab_size": len(fast) + 20, "pad_token_id": fast.pad_token_id})
    AutoModelForMaskedLM.from_config(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


def test_added_tokens_of_byte_level_bpe_keep_their_ids(tmp_path, text):
    base = modernbert_as_published(tmp_path / "base")
    report, _ = run(base, tmp_path / "out", text, max_steps=2)
    before, after = tokenizer_of(base), tokenizer_of(tmp_path / "out")
    old, new = before.get_vocab(), after.get_vocab()
    assert {**new, **old} == new
    assert sorted(set(new.values()) - set(old.values())) == [len(old) + i for i in range(3)]
    assert len(new) == len(old) + report["vocabulary"]["n_added"] == len(old) + 3
    assert after.all_special_ids == before.all_special_ids
    for odd in ("a    b  c", "no [MASK] here", "([MASK])[SEP]", "fever <unused999>\n\t x"):
        assert after(odd)["input_ids"] == before(odd)["input_ids"]


@pytest.mark.parametrize("kind", ["roberta", "xlmr"])
def test_holes_are_filled_without_taking_a_name(tmp_path, kind):
    folder = BUILDERS[kind](tmp_path / "base")
    before = tokenizer_of(folder)
    hole = len(before) + 2
    before.add_tokens([f"<unused{hole}>", "[A]", "[B]", "[C]"])
    way = growth_of(before, folder)
    found = dict(way.fill([i for i in range(way.first) if i != hole], {"[B]", "<[B]>"}))
    assert found == {"<<[B]>>": hole}


def test_tokenizer_whose_numbers_would_move_is_refused(tmp_path, text, monkeypatch):
    base = modernbert_as_published(tmp_path / "base")
    monkeypatch.setattr("spacy_clintl.adaptation.growth._ModelGrowth.fill", lambda *a: ())
    with pytest.raises(ClintlError, match=r"CL440.*base.*other numbers.*--add-words"):
        run(base, tmp_path / "out", text)
    assert not list(tmp_path.glob(".*"))


def test_counting_takes_words_and_no_identifiers(tmp_path):
    way = growth_of(tokenizer_of(BUILDERS["bert"](tmp_path)), tmp_path)
    counts = WordCounts(way)
    counts.add(
        "Fever fever, beta-blocker -- it4 X12 name@mail.org http://a.org my_name pH (Hépatite) "
        "12fever fever/38 d'hépatite getPatient स्वास्थ्य -end- πνευμονία"
    )
    counts.add("fever")
    found = {word: count for word, _, count in counts.items(1)}
    assert found == {
        "fever": 3,
        "beta-blocker": 1,
        "hepatite": 2,
        "getpatient": 1,
        "end": 1,
        way.normalise("स्वास्थ्य"): 1,
        way.normalise("πνευμονία"): 1,
    }
    assert {word for word, _, _ in counts.items(2)} == {"fever"}
    cased = WordCounts(growth_of(tokenizer_of(BUILDERS["roberta"](tmp_path / "r")), tmp_path))
    cased.add("getPatient Fever fever (fever")
    assert sorted(cased.items(1)) == [("Fever", True, 1), ("fever", False, 1), ("fever", True, 1)]


def test_counts_stay_within_their_limit_and_frequent_words_survive(tmp_path):
    way = growth_of(tokenizer_of(BUILDERS["bert"](tmp_path)), tmp_path)
    counts = WordCounts(way, limit=50)
    letters = "abcdefghijklmnop"
    for i in range(200):
        rare = " ".join(f"w{letters[i % 16]}{letters[i // 16]}{c}" for c in letters[:10])
        counts.add(f"fever {rare}")
        assert len(counts._counts) <= 50
    [(word, _, count)] = counts.items(100)
    assert (word, count) == ("fever", 200)


@pytest.mark.parametrize("tied", [True, False])
def test_new_rows_are_means_and_survive_saving(tmp_path, base, kind, tied):
    model = AutoModelForMaskedLM.from_pretrained(base)
    if not tied:
        config = model.config
        config.tie_word_embeddings = False
        model = AutoModelForMaskedLM.from_config(config)
    bias = model.get_output_embeddings().bias
    with torch.no_grad():
        bias.copy_(torch.arange(len(bias)))
    way, entries, before, after = grow(base, tmp_path / "grown")
    old_in = model.get_input_embeddings().weight.detach().clone()
    old_out = model.get_output_embeddings().weight.detach().clone()
    old_bias = bias.detach().clone()
    pieces = [way.pieces(entry) for entry in entries]
    ids = after.convert_tokens_to_ids(entries)
    add_rows(model, Growth([], entries, ids, pieces, 0, 0, []))
    model.save_pretrained(tmp_path / "saved")
    loaded = AutoModelForMaskedLM.from_pretrained(tmp_path / "saved")
    for one in (model, loaded):
        rows, out = one.get_input_embeddings().weight, one.get_output_embeddings()
        assert len(rows) == len(out.weight) == len(out.bias) == len(after) == one.config.vocab_size
        assert (rows.data_ptr() == out.weight.data_ptr()) == tied
        assert torch.equal(rows[: len(old_in)], old_in)
        assert torch.equal(out.weight[: len(old_in)], old_out)
        for i, own in zip(ids, pieces):
            assert torch.allclose(rows[i], old_in[own].mean(0))
            assert torch.allclose(out.weight[i], old_out[own].mean(0))
            assert torch.allclose(out.bias[i], old_bias[own].mean())
    # Every number of the head follows: nothing of the old size is left.
    shapes = {n for n, p in loaded.named_parameters() if p.shape[:1] == (len(before),)}
    assert not shapes
    inputs = after("a pneumonitis", return_tensors="pt")
    assert loaded(**inputs).logits.shape[-1] == len(after)


def test_model_with_more_rows_than_pieces_keeps_its_size(tmp_path):
    base = BUILDERS["bert"](tmp_path / "base", with_mlm_head=True)
    model = AutoModelForMaskedLM.from_pretrained(base)
    model.resize_token_embeddings(len(tokenizer_of(base)) + 64)
    before = model.get_input_embeddings().weight.detach().clone()
    first = len(tokenizer_of(base))
    add_rows(model, Growth(["word"], ["word"], [first], [[7, 8]], 0, 0, []))
    rows = model.get_input_embeddings().weight
    assert rows.shape == before.shape
    assert torch.allclose(rows[first], before[[7, 8]].mean(0))


@pytest.mark.parametrize("kind", ["deberta-v2", "esm"])
def test_heads_that_transformers_does_not_resize_are_named(kind):
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    other = {"legacy": False} if kind == "deberta-v2" else {"pad_token_id": 1, "mask_token_id": 4}
    config = AutoConfig.for_model(kind, vocab_size=40, intermediate_size=16, **sizes, **other)
    model = AutoModelForMaskedLM.from_config(config)
    with pytest.raises(ClintlError, match=r"CL441.*ForMaskedLM.*--add-words"):
        add_rows(model, Growth(["word"], ["word"], [40], [[7, 8]], 0, 0, []))


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "notes.jsonl"
    lines = [
        f"Pneumonitis and hépatite; on a beta-blocker; no pneumonitis. {SENTENCES[i % 7]} {i}"
        for i in range(60)
    ]
    lines += ["Quillfeather " * 9]
    path.write_text("".join(json.dumps({"text": t}) + "\n" for t in lines), encoding="utf-8")
    return path


def run(base, out, text, *, callbacks=(), **changes):
    values = {
        "max_steps": 8,
        "batch_size": 4,
        "block_length": 16,
        "save_every": 2,
        "precision": "fp32",
        "held_out": 0.1,
        "add_words": 3,
    }
    told = []
    settings = AdaptSettings(**{**values, **changes})
    report = adapt(base, out, [text], settings, tell=told.append, callbacks=callbacks)
    return report, "\n".join(told)


def test_adapted_folder_has_the_words_and_feeds_a_pipeline(tmp_path, base, text, kind):
    report, told = run(base, tmp_path / "out", text, average=0.5)
    found = report["vocabulary"]
    assert found["n_added"] == 3
    assert {"pneumonitis", "hépatite", "hepatite"} & set(found["added"])
    assert all(word.replace("-", "").isalpha() for word in found["added"])
    assert not any("uill" in word for word in found["added"])
    pieces = found["held_out_pieces_per_word"]
    assert 1 < pieces["after"] < pieces["before"] - 0.5
    assert "3 words are added" in told
    assert "neumonitis" not in told
    assert report == json.loads((tmp_path / "out" / "adaptation.json").read_text())
    tokenizer = tokenizer_of(tmp_path / "out")
    assert len(tokenizer) == len(tokenizer_of(base)) + 3
    model = adapted_transformer_v1(str(tmp_path / "out"), precision="fp32", dropout=0.0)
    model.initialize()
    nlp = spacy.blank("en")
    odd = [
        "Pneumonitis et he\u0301patite 👩🏽‍⚕️ pneumonitis\u00a0hépatite pneumonitis",
        "",
        "fever\u202f40 °C\n\npneumonitis.",
    ]
    docs = [nlp.make_doc(t) for t in odd]
    batch = model.predict(docs)
    for doc, data in zip(docs, batch.doc_data, strict=True):
        if not len(doc):
            continue
        strings = np.array(data.wordpieces.strings).ravel()
        parts = np.split(data.align.dataXd.ravel(), np.cumsum(data.align.lengths)[:-1])
        for token, rows in zip(doc, parts, strict=True):
            assert len(rows) or not any(map(str.isalnum, token.text))
            if token.text == "pneumonitis" and token.i and doc[token.i - 1].whitespace_:
                assert [s.strip("Ġ▁") for s in strings[rows]] == ["pneumonitis"]
        assert np.isfinite(data.model_output.last_hidden_state).all()
    loaded = adapted_transformer_v1("nowhere", precision="fp32").from_bytes(model.to_bytes())
    again = loaded.predict(docs)
    for one, two in zip(batch.doc_data, again.doc_data, strict=True):
        for a, b in zip(one.tensors, two.tensors):
            assert np.allclose(a, b, atol=1e-6)


class Stop(TrainerCallback):
    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 5:
            raise KeyboardInterrupt


@pytest.mark.parametrize("head", [True, False])
def test_going_on_keeps_the_vocabulary_and_the_weights(tmp_path, text, head, monkeypatch):
    base = BUILDERS["bert"](tmp_path / "base", with_mlm_head=head)
    run(base, tmp_path / "whole", text)
    with pytest.raises(KeyboardInterrupt):
        run(base, tmp_path / "out", text, callbacks=[Stop()])
    # Nothing is chosen a second time.
    monkeypatch.setattr("spacy_clintl.adaptation.vocabulary._choose", None)
    report, told = run(base, tmp_path / "out", text)
    assert "Going on" in told
    assert report["resumed_from_step"] > 0
    names = ("whole", "out")
    one, two = (load_file(tmp_path / name / "model.safetensors") for name in names)
    assert one.keys() == two.keys()
    assert all(torch.equal(one[name], two[name]) for name in one)
    one, two = ((tmp_path / name / "tokenizer.json").read_text() for name in names)
    assert one == two


def test_held_out_documents_are_those_of_the_run_without_words(tmp_path, text):
    base = BUILDERS["bert"](tmp_path / "base", with_mlm_head=True)
    plain, _ = run(base, tmp_path / "plain", text, add_words=0)
    grown, _ = run(base, tmp_path / "grown", text)
    keys = ("words", "documents", "held_out_documents")
    assert [plain["text"][k] for k in keys] == [grown["text"][k] for k in keys]
    held = plain["text"]["held_out_pieces"] - plain["text"]["held_out_documents"]
    before = grown["vocabulary"]["held_out_pieces_per_word"]["before"]
    after = grown["vocabulary"]["held_out_pieces_per_word"]["after"]
    saved = plain["text"]["held_out_pieces"] - grown["text"]["held_out_pieces"]
    assert before / after == pytest.approx(held / (held - saved))
    every = grown["vocabulary"]["pieces_per_word"]
    for key, report in (("before", plain), ("after", grown)):
        found = report["text"]
        assert every[key] == pytest.approx((found["pieces"] - found["documents"]) / found["words"])
    assert "vocabulary" not in plain


def test_words_in_few_documents_are_not_added(tmp_path, text):
    base = BUILDERS["bert"](tmp_path / "base", with_mlm_head=True)
    report, told = run(base, tmp_path / "out", text, min_count=100)
    assert report["vocabulary"]["added"] == []
    assert "No words are added" in told
    assert "100" in told
    assert len(tokenizer_of(tmp_path / "out")) == len(tokenizer_of(base))
    report, _ = run(base, tmp_path / "one", text, min_count=1, add_words=100, held_out=0)
    assert "quillfeather" in report["vocabulary"]["added"]
    assert report["vocabulary"]["held_out_pieces_per_word"] == {"before": None, "after": None}
    pieces = report["vocabulary"]["pieces_per_word"]
    assert 1 < pieces["after"] < pieces["before"]
    assert "Word pieces a word: " in (tmp_path / "one" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("model", ["WordLevel", "BPE"])
def test_kinds_that_cannot_grow_say_so_before_any_work(tmp_path, text, model):
    base = BUILDERS["bert"](tmp_path / "base", with_mlm_head=True)
    vocabulary = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4, "a": 5}
    made = {
        "WordLevel": lambda: models.WordLevel(vocabulary, unk_token="[UNK]"),
        "BPE": lambda: models.BPE(vocabulary, [], unk_token="[UNK]"),
    }[model]()
    backend = Tokenizer(made)
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    special = {
        f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")
    }
    PreTrainedTokenizerFast(tokenizer_object=backend, **special).save_pretrained(base)
    with pytest.raises(ClintlError, match=rf"CL440.*base.*{model}.*--add-words"):
        run(base, tmp_path / "out", text)
    assert not list(tmp_path.glob(".*"))


def test_same_words_every_time(tmp_path, base, text):
    one, _ = run(base, tmp_path / "one", text, max_steps=1)
    two, _ = run(base, tmp_path / "two", text, max_steps=1)
    assert one["vocabulary"] == two["vocabulary"]
