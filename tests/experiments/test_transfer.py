"""Variants that go on from others, read documents in another form, or apply them by translation."""

import random
import shutil

import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_clintl.data.convert import convert, write_back
from spacy_clintl.data.docbin import docbin_writer, read_docbin
from spacy_clintl.errors import ClintlError
from spacy_clintl.experiments.config import config_of
from spacy_clintl.experiments.heads import Head, entity_keys, unseen_recall
from spacy_clintl.experiments.judge import Judge
from spacy_clintl.experiments.plan import cells_of
from spacy_clintl.experiments.plan_file import read_plan
from spacy_clintl.experiments.runner import pipeline_path, prepare_runs, run_plan
from spacy_clintl.experiments.runs import read_outcomes, read_runs
from spacy_clintl.experiments.subsets import draw, in_form
from tests.encoders import make_unigram_xlmr, make_wordpiece_bert
from tests.experiments.plans import CONFIG, make_encoder, plan_of, write_plan

LEXICON = {"toma": "takes", "duele": "hurts", "aspirina": "aspirin", "hierro": "iron", "y": "and"}
ON = """
[initialize.after_init]
@callbacks = "spacy_clintl.TuneEncoder.v1"
freeze = "embeddings_and_head"
"""


def write(path, texts, drugs):
    vocab = spacy.blank("xx").vocab
    with docbin_writer(path) as add:
        for text in texts:
            doc = Doc(vocab, words=text.split())
            doc.set_ents([Span(doc, t.i, t.i + 1, "DRUG") for t in doc if t.text in drugs])
            add(doc)


@pytest.fixture
def plan(tmp_path):
    rng = random.Random(0)
    spanish = [f"{rng.choice(['toma', 'duele'])} {w}" for w in ("aspirina", "hierro", "y") * 4]
    english = [" ".join(LEXICON[word] for word in text.split()) for text in spanish]
    for fold in (0, 1):
        write(tmp_path / f"fold-{fold}" / "train.spacy", spanish[fold:], {"aspirina", "hierro"})
        write(tmp_path / f"fold-{fold}" / "train.en.spacy", english[fold:], {"aspirin", "iron"})
        write(tmp_path / f"fold-{fold}" / "test.spacy", spanish[:6], {"aspirina", "hierro"})
    write(tmp_path / "titles.spacy", ["hierro"], {"hierro"})
    write(tmp_path / "en.spacy", english * 4, {"aspirin", "iron"})
    lexicon = tmp_path / "es-en.tsv"
    lexicon.write_text("".join(f"{es}\t{en}\n" for es, en in LEXICON.items()), encoding="utf-8")
    make_wordpiece_bert(tmp_path / "encoder", texts=[*spanish, *english])
    whole = CONFIG.replace('"multitask_textcat","drugs_ner"', '"iob_ner"')
    ner = whole[whole.index("[components.drugs_ner]") : whole.index("[corpora]")]
    ner = ner.replace("drugs_ner", "iob_ner").replace('spans_key = "drugs"\n', "")
    first = whole[: whole.index("[components.multitask_textcat]")]
    rest = whole[whole.index("[corpora]") :]
    (tmp_path / "first.cfg").write_text(first + ner + rest, encoding="utf-8")
    start = first[: first.index("[components.transformer]")].replace("encoder = ", "start = ")
    sourced = "".join(
        f"[components.{name}]\nsource = ${{paths.start}}\n\n" for name in ("transformer", "iob_ner")
    )
    (tmp_path / "on.cfg").write_text(start + sourced + rest + ON, encoding="utf-8")
    through = {"drugs": {"source": "es", "translator": "lexicon", "lexicon": str(lexicon)}}
    return {
        "settings": {"epochs": {0: 2, "default": 2}, "evaluations": 1},
        "corpora": {
            "drugs": {
                "train": str(tmp_path / "fold-{seed}" / "train.spacy"),
                "dev": str(tmp_path / "fold-{seed}" / "test.spacy"),
                "component": "iob_ner",
                "score": "ents_f",
                "further": {"titles": str(tmp_path / "titles.spacy")},
            }
        },
        "sizes": [4],
        "seeds": [0],
        "variants": {
            "source": {
                "config": str(tmp_path / "first.cfg"),
                "overrides": {"paths.encoder": str(tmp_path / "encoder")},
                "sizes": [0],
                "also": {"drugs": [str(tmp_path / "en.spacy")]},
                "epochs": 12,
            },
            "through": {
                "config": str(tmp_path / "on.cfg"),
                "start": "source",
                "sizes": [0],
                "through": through,
            },
            "tuned": {
                "config": str(tmp_path / "on.cfg"),
                "start": "source",
                "form": {"drugs": str(tmp_path / "fold-{seed}" / "train.en.spacy")},
                "through": through,
            },
            # What the source finds in Spanish, and what the other adds.
            "both": {
                "config": str(tmp_path / "on.cfg"),
                "start": "tuned",
                "beside": "source",
                "through": through,
                "epochs": 0,
            },
        },
    }


@pytest.mark.slow
def test_a_multilingual_encoder_needs_no_translation(tmp_path, plan):
    encoder = make_unigram_xlmr(tmp_path / "xlmr", texts=[*LEXICON, *LEXICON.values()])
    source, configs = plan["variants"]["source"], "configs/experiments"
    plan["variants"] = {
        "source": {
            **source,
            "config": f"{configs}/transfer.cfg",
            "overrides": {"paths.encoder": str(encoder)},
        },
        "source + target": {"config": f"{configs}/transfer_on.cfg", "start": "source"},
    }
    plan["settings"]["epochs"]["default"] = 40
    plan["sizes"] = [8]
    read = read_plan(write_plan(tmp_path, plan))
    path = tmp_path / "runs.jsonl"
    told = []
    assert run_plan(read, prepare_runs(read), path, tell=told.append).failed == [], told
    direct, tuned = read_runs(path)
    assert direct["score"]["drugs"] <= tuned["score"]["drugs"] > 0.7
    nlp = spacy.load(pipeline_path(path, direct["id"]))
    assert nlp("toma hierro")._.trf_data.wordpieces.strings[0][0] == "<s>"


@pytest.mark.slow
def test_transfer_from_end_to_end(tmp_path, plan):
    read = read_plan(write_plan(tmp_path, plan))
    path = tmp_path / "runs.jsonl"
    runs = prepare_runs(read, ["tuned"])
    # The run that it starts from comes along.
    assert [run.cell.name for run in runs] == ["source/drugs/0/seed-0", "tuned/drugs/4/seed-0"]
    runs = prepare_runs(read)
    told = []
    outcome = run_plan(read, runs, path, tell=told.append)
    assert outcome.failed == [], told
    source, through, tuned, both = read_runs(path)
    assert (source["documents"]["drugs"], tuned["documents"]["drugs"]) == (0, 4)
    # English words are all it knows, and none of them stands in Spanish texts.
    assert source["score"]["drugs"] < 0.7 < through["score"]["drugs"]
    assert through["corpora"] == ["drugs", "titles"]
    assert through["scores"]["titles"]["documents"] == 1
    assert set(read_outcomes(path, through["id"])) == {"drugs", "titles"}
    assert through["updates"] == 0 < tuned["updates"]
    assert "ents_r_unseen" not in through["scores"]["drugs"]
    assert "ents_n_unseen" in tuned["scores"]["drugs"]
    assert both["updates"] == 0
    assert both["documents"]["drugs"] == 4
    # The source alone, which comes first, does worse.
    assert both["score"]["drugs"] > source["score"]["drugs"]
    kept = pipeline_path(path, runs[0].id)
    assert spacy.load(kept).pipe_names == ["transformer", "iob_ner"]
    # Nothing is done twice, also where the pipeline has gone from which others started.
    shutil.rmtree(kept)
    assert len(run_plan(read, runs, path).skipped) == 4
    # It is made again when one has to start from it.
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if through["id"] not in line), encoding="utf-8")
    assert run_plan(read, runs, path).done == ["source/drugs/0/seed-0", "through/drugs/0/seed-0"]


def test_folds_and_epochs_of_a_variant(tmp_path, plan):
    plan["seeds"] = [0, 1]
    cells = list(cells_of(read_plan(write_plan(tmp_path, plan))))
    assert [cell.name for cell in cells[:2]] == ["source/drugs/0/seed-0", "through/drugs/0/seed-0"]
    by_name = {cell.name: cell for cell in cells}
    assert by_name["source/drugs/0/seed-0"].settings.epochs == 12
    cell = by_name["tuned/drugs/4/seed-1"]
    assert cell.settings.epochs == 2
    assert cell.start is by_name["source/drugs/0/seed-1"]
    for file in (cell.corpora[0].train, cell.corpora[0].dev, cell.corpora[0].form):
        assert file.parent.name == "fold-1"


def test_ids_follow_start_form_and_translation(tmp_path, plan):
    def ids():
        runs = prepare_runs(read_plan(write_plan(tmp_path, plan)))
        return {run.cell.variant.name: run.id for run in runs}

    form = plan["variants"]["tuned"]["form"]
    before = ids()
    plan["variants"]["source"]["epochs"] = 3
    assert all(before[name] != run_id for name, run_id in ids().items())
    plan["variants"]["source"]["epochs"] = 12
    plan["variants"]["tuned"]["through"]["drugs"]["cache"] = "elsewhere.db"
    assert ids() == before
    plan["variants"]["tuned"]["through"]["drugs"]["overwrite"] = True

    def changed():
        return {name for name, run_id in ids().items() if run_id != before[name]}

    assert changed() == {"through", "tuned", "both"}
    plan["variants"]["tuned"]["through"]["drugs"].pop("overwrite")
    plan["variants"]["tuned"]["form"] = {}
    assert changed() == {"tuned", "both"}
    plan["variants"]["tuned"]["form"] = form
    plan["variants"]["both"]["beside"] = "through"
    assert changed() == {"both"}


@pytest.mark.parametrize(
    ("variant", "change", "code"),
    [
        ("through", {"start": "nobody"}, "CL502"),
        ("source", {"start": "through"}, "CL502"),
        ("tuned", {"start": "source", "seeds": [3]}, "CL532"),
        ("source", {"also": {}}, "CL502"),
        ("source", {"also": {"drugs": "en.spacy"}}, "CL502"),
        ("tuned", {"form": {"other": "x"}}, "CL503"),
        ("tuned", {"form": {"drugs": 3}}, "CL502"),
        ("tuned", {"through": {"drugs": "es"}}, "CL502"),
        ("tuned", {"through": [1]}, "CL502"),
        ("source", {"epochs": 0}, "CL502"),
        ("tuned", {"epochs": -1}, "CL502"),
        ("both", {"beside": "nobody"}, "CL502"),
        ("both", {"beside": "both"}, "CL502"),
        ("both", {"through": {}}, "CL502.*'beside'"),
        ("both", {"seeds": [3]}, "CL532"),
        ("source", {"keep": "iob_ner"}, "CL502"),
        ("source", {"keep": ["textcat"]}, r"CL505.*'textcat', which 'keep' names"),
    ],
)
def test_faults(tmp_path, plan, variant, change, code):
    plan["variants"][variant].update(change)
    with pytest.raises(ClintlError, match=code):
        prepare_runs(read_plan(write_plan(tmp_path, plan)))


@pytest.fixture
def adversarial(tmp_path, plan):
    """The plan with the domain-adversarial config: English gold, and Spanish texts without."""
    domains = {"written": tmp_path / "en.spacy", "spoken": tmp_path / "fold-0" / "train.spacy"}
    for domain, source in domains.items():
        lines = tmp_path / f"{domain}.jsonl"
        write_back("records", source, lines)
        convert(
            "records",
            lines,
            tmp_path / "domains" / ("written" if domain == "written" else "fold-0") / "a.spacy",
            with_entities=domain == "written",
            categories=[f"domain/{domain}"],
        )
    plan["variants"]["adversarial"] = {
        "config": "configs/experiments/transfer_adversarial.cfg",
        "overrides": {
            "paths.encoder": str(tmp_path / "encoder"),
            "training.batcher.size": 60,
            "training.optimizer.learn_rate.initial_rate": 0.005,
            "components.transformer.model.rate": 1.0,
        },
        "sizes": [0],
        "keep": ["multitask_textcat"],
        "also": {
            "drugs": [
                str(tmp_path / "domains" / "written"),
                str(tmp_path / "domains" / "fold-{seed}"),
            ]
        },
        "epochs": 12,
    }
    return plan


def test_components_that_are_kept(tmp_path, adversarial):
    def pipeline():
        read = read_plan(write_plan(tmp_path, adversarial))
        [cell] = [cell for cell in cells_of(read) if cell.variant.name == "adversarial"]
        config, heads = config_of(cell)
        assert [head.component for head in heads.values()] == ["iob_ner"]
        assert list(config["components"]) == config["nlp"]["pipeline"]
        return config

    config = pipeline()
    # The last listener is the one that sends gradients back.
    assert config["nlp"]["pipeline"] == ["transformer", "multitask_textcat", "iob_ner"]
    [task] = config["components"]["multitask_textcat"]["tasks"].values()
    assert task["adversarial"] == 0.1
    adversarial["variants"]["adversarial"]["keep"] = []
    assert pipeline()["nlp"]["pipeline"] == ["transformer", "iob_ner"]
    # One that learns a corpus, too, keeps its other tasks as well.
    adversarial["corpora"]["drugs"] |= {"component": "multitask_textcat", "task": "domain"}
    variant = adversarial["variants"]["adversarial"]
    variant["overrides"]["components.multitask_textcat.tasks.mood"] = {"exclusive": True}
    adversarial["variants"] = {"adversarial": variant}
    for keep, tasks in (([], {"domain"}), (["multitask_textcat"], {"domain", "mood"})):
        variant["keep"] = keep
        read = read_plan(write_plan(tmp_path, adversarial))
        config, _ = config_of(next(cells_of(read)))
        assert set(config["components"]["multitask_textcat"]["tasks"]) == tasks


def test_domain_adversarial_variant_from_end_to_end(tmp_path, adversarial):
    read = read_plan(write_plan(tmp_path, adversarial))
    runs = prepare_runs(read, ["adversarial"])
    outcome = run_plan(read, runs, tmp_path / "runs.jsonl", keep=tmp_path / "kept")
    assert outcome.failed == []
    [line] = read_runs(tmp_path / "runs.jsonl")
    assert line["documents"]["drugs"] == 0
    assert set(line["scores"]) == {"drugs", "titles"}
    nlp = spacy.load(tmp_path / "kept" / "adversarial" / "drugs" / "0" / "seed-0")
    assert nlp.pipe_names == ["transformer", "multitask_textcat", "iob_ner"]
    assert nlp.get_pipe("multitask_textcat").labels == ("domain/spoken", "domain/written")
    assert nlp.get_pipe("iob_ner").labels == ("DRUG",)
    assert [e.label_ for e in nlp("takes aspirin").ents] == ["DRUG"]


def test_other_form_of_the_documents_drawn(tmp_path, plan):
    vocab = spacy.blank("xx").vocab
    docs = read_docbin(tmp_path / "fold-0" / "train.spacy", vocab)
    forms = read_docbin(tmp_path / "fold-0" / "train.en.spacy", vocab)
    drawn = draw(docs, 5, 1)
    found = in_form(docs, drawn, forms, "train.en.spacy")
    assert [" ".join(LEXICON[token.text] for token in doc) for doc in drawn] == [
        doc.text.strip() for doc in found
    ]
    with pytest.raises(ClintlError, match=r"CL529.*train\.en\.spacy"):
        in_form(docs, drawn, forms[1:], "train.en.spacy")


def test_damaged_pipeline_to_start_from(tmp_path, plan):
    folder = tmp_path / "pipeline"
    folder.mkdir()
    (folder / "config.cfg").write_text("[components\n", encoding="utf-8")
    plan["variants"]["tuned"]["start"] = str(folder)
    read = read_plan(write_plan(tmp_path, plan))
    with pytest.raises(ClintlError, match=r"CL520.*pipeline"):
        prepare_runs(read, ["tuned"])


def test_entities_of_a_pipeline_beside_come_first(tmp_path):
    patterns = {"es": ("hierro", "tos"), "en": ("iron", "aspirin", "cough")}
    for lang, words in patterns.items():
        nlp = spacy.blank(lang)
        ruler = nlp.add_pipe("entity_ruler")
        ruler.add_patterns([{"label": lang.upper(), "pattern": [{"LOWER": w}]} for w in words])
        nlp.to_disk(tmp_path / lang)
    lexicon = tmp_path / "es-en.tsv"
    lexicon.write_text("aspirina\taspirin\nhierro\tiron\n", encoding="utf-8")
    through = {"source": "es", "translator": "lexicon", "lexicon": str(lexicon)}
    head = Head("entity_ruler", "entity_ruler")
    expected = {None: [("aspirina", "EN"), ("hierro", "EN")]}
    expected[str(tmp_path / "es")] = [("aspirina", "EN"), ("hierro", "ES"), ("tos", "ES")]
    for beside, wanted in expected.items():
        judge = Judge(spacy.load(tmp_path / "en"), head, {"drugs": head}, through, beside)
        doc = judge.outer("aspirina , hierro y tos")
        assert [(ent.text, ent.label_) for ent in doc.ents] == wanted


def test_recall_of_what_training_did_not_show():
    nlp = spacy.blank("en")
    known = Doc(nlp.vocab, words=["takes", "Aspirin"])
    known.set_ents([Span(known, 1, 2, "DRUG")])
    gold, found = (Doc(nlp.vocab, words=["aspirin", ",", "iron", "zinc"]) for _ in range(2))
    gold.set_ents([Span(gold, n, n + 1, "DRUG") for n in (0, 2, 3)])
    found.set_ents([Span(found, 0, 1, "DRUG"), Span(found, 3, 4, "DRUG")])
    scores = unseen_recall([Example(found, gold)], frozenset(entity_keys(known)))
    assert scores == {"ents_r_unseen": 0.5, "ents_n_unseen": 2}
    every = frozenset(entity_keys(gold))
    assert unseen_recall([Example(found, gold)], every)["ents_r_unseen"] is None


@pytest.mark.slow
def test_together_first_and_then_each_for_itself(tmp_path):
    make_encoder(tmp_path)
    plan = plan_of(tmp_path)
    whole = (tmp_path / "plan.cfg").read_text(encoding="utf-8")
    first, rest = whole[: whole.index("[components.tr")], whole[whole.index("[corpora]") :]
    names = ("transformer", "multitask_textcat", "drugs_ner")
    sourced = "".join(f"[components.{name}]\nsource = ${{paths.start}}\n\n" for name in names)
    text = first.replace("encoder = ", "start = ") + sourced + rest
    (tmp_path / "on.cfg").write_text(text, encoding="utf-8")
    plan["variants"] = {
        "both": plan["variants"]["both"],
        "then": {"config": str(tmp_path / "on.cfg"), "start": "both", "corpora": "each"},
    }
    read = read_plan(write_plan(tmp_path, plan))
    runs = prepare_runs(read)
    assert [run.cell.corpora[0].name for run in runs[1:]] == ["mood", "drugs"]
    # How a component was made says the pipeline that it comes from.
    assert runs[2].heads["drugs"] == Head("drugs_ner", "iob_ner", None, "drugs")
    assert runs[1].config["nlp"]["pipeline"] == ["transformer", "multitask_textcat"]
    told = []
    outcome = run_plan(read, runs, tmp_path / "runs.jsonl", tell=told.append)
    assert outcome.failed == [], told
    _, mood, drugs = read_runs(tmp_path / "runs.jsonl")
    assert mood["updates"] > 0
    assert drugs["score"]["drugs"] is not None
