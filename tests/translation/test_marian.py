import pickle
import shutil

import pytest

from spacy_clintl.errors import ClintlError
from spacy_clintl.translation.marian import make_marian_v1
from spacy_clintl.translation.protocol import Segment

from .models import make_m2m, make_marian, sentences


@pytest.fixture(scope="module")
def random_marian(tmp_path_factory):
    return make_marian(tmp_path_factory.mktemp("marian") / "model")


@pytest.fixture(scope="module")
def m2m(tmp_path_factory):
    return make_m2m(tmp_path_factory.mktemp("m2m") / "model")


def translate(translator, texts, source="es", target="en"):
    return list(translator.translate([Segment(text) for text in texts], source, target))


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_trained_model_translates_in_batches_as_one_by_one(tmp_path, precision):
    folder = make_marian(tmp_path / "model", steps=150)
    translator = make_marian_v1(str(folder), "es-en", batch_size=8, precision=precision)
    pairs = sentences(60, 10_000)
    made = translate(translator, [one for one, _ in pairs])
    right = sum(one.text == wanted for one, (_, wanted) in zip(made, pairs))
    assert right >= 50
    alone = make_marian_v1(str(folder), "es-en", batch_size=1, beams=2, precision=precision)
    if precision == "fp32":
        assert [one.text for one in translate(alone, [one for one, _ in pairs])] == [
            one.text for one in made
        ]
    scores = [one.score for one, (_, wanted) in zip(made, pairs) if one.text == wanted]
    assert sum(scores) / len(scores) > 0.8
    assert made[0].links is None


@pytest.mark.parametrize("forced", [None, 1])
def test_a_model_without_an_end_gives_errors_not_halves(random_marian, forced):
    translator = make_marian_v1(str(random_marian), "es-en", beams=1)
    # Published models are made to end at the greatest length.
    translator._loaded[1].generation_config.forced_eos_token_id = forced
    translator._loaded[1].final_logits_bias[0, translator._loaded[0].eos_token_id] = -1e9
    made = translate(translator, ["fiebre alta", "", "tos " * 100])
    assert "did not come to an end" in made[0].error
    assert made[1].text == ""
    assert "longer than the model takes" in made[2].error


def test_fingerprints_change_with_model_and_settings(random_marian, tmp_path):
    first = make_marian_v1(str(random_marian), "es-en")
    again = make_marian_v1(str(random_marian), "es-en")
    assert first.fingerprint("es", "en") == again.fingerprint("es", "en")
    other = make_marian(tmp_path / "other", seed=1)
    different = [
        make_marian_v1(str(random_marian), "es-en", beams=3),
        make_marian_v1(str(other), "es-en"),
    ]
    assert first.fingerprint("es", "en") not in [one.fingerprint("es", "en") for one in different]


def test_languages_of_a_multilingual_model(m2m, monkeypatch):
    translator = make_marian_v1(str(m2m), beams=1)
    translator.check("es", "en")
    tokenizer, model = translator._loaded
    seen = []
    generate = model.generate

    def spy(**settings):
        seen.append((settings["input_ids"][0, 0].item(), settings["forced_bos_token_id"]))
        return generate(**settings)

    monkeypatch.setattr(model, "generate", spy)
    made = translate(translator, ["tos"])
    assert len(made) == 1
    assert seen == [tuple(tokenizer.convert_tokens_to_ids(["spa_Latn", "eng_Latn"]))]
    with pytest.raises(ClintlError, match=r"CL620.*'de'"):
        translator.check("es", "de")
    given = make_marian_v1(str(m2m), languages={"xx": "fra_Latn"})
    given.check("xx", "en")
    with pytest.raises(ClintlError, match="CL620"):
        make_marian_v1(str(m2m), languages={"es": "nowhere"}).check("es", "en")


def test_pairs_of_a_model_of_one_pair(random_marian, tmp_path):
    with pytest.raises(ClintlError, match=r"CL600.*fr-en.*es-en"):
        make_marian_v1(str(random_marian), "es-en").check("fr", "en")
    folder = shutil.copytree(random_marian, tmp_path / "model")
    (folder / "tokenizer_config.json").write_text(
        '{"tokenizer_class": "MarianTokenizer", "source_lang": "fr", "target_lang": "en"}',
        encoding="utf-8",
    )
    assert make_marian_v1(str(folder)).capabilities().pairs == {("fr", "en")}
    assert make_marian_v1(str(random_marian)).capabilities().pairs is None


def test_it_travels_without_its_weights(random_marian):
    translator = make_marian_v1(str(random_marian), "es-en", beams=1)
    translate(translator, ["tos"])
    data = pickle.dumps(translator)
    assert len(data) < 10_000
    assert translate(pickle.loads(data), ["tos"]) == translate(translator, ["tos"])
    translator.close()
    assert "_loaded" not in translator.__dict__


@pytest.mark.parametrize("damage", ["no folder", "no config", "encoder", "weights", "tokenizer"])
def test_folders_that_are_no_model_are_named(random_marian, tmp_path, damage):
    folder = tmp_path / "model"
    if damage != "no folder":
        shutil.copytree(random_marian, folder)
    if damage == "no config":
        (folder / "config.json").unlink()
    elif damage == "encoder":
        (folder / "config.json").write_text('{"model_type": "bert"}', encoding="utf-8")
    elif damage == "weights":
        (folder / "model.safetensors").write_bytes(b"damaged")
    elif damage == "tokenizer":
        (folder / "tokenizer.json").write_text("{", encoding="utf-8")
    with pytest.raises(ClintlError, match="CL621") as caught:
        translate(make_marian_v1(str(folder), "es-en"), ["tos"])
    assert str(folder) in str(caught.value)


@pytest.mark.parametrize(
    "settings", [{"beams": 0}, {"batch_size": 0}, {"max_ratio": 0.0}, {"pair": "esen"}]
)
def test_settings_that_cannot_be(settings):
    with pytest.raises(ClintlError, match="CL602"):
        make_marian_v1("model", **settings)
