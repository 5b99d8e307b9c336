"""`spacy clintl compare` on runs made by hand."""

import gzip
import json
import re
import subprocess
import sys
from statistics import fmean, stdev

import numpy as np
import pytest
from typer.testing import CliRunner

from spacy_clintl.cli import app
from spacy_clintl.evaluation.resampling import score_of, tally
from spacy_clintl.experiments.runs import append_run, outcomes_path, read_runs

# How often a variant is right on a document, by corpus.
QUALITY = {
    "base": {"notes": 0.6, "drugs": 0.5},
    "better": {"notes": 0.75, "drugs": 0.7},
    "same_again": {"notes": 0.6, "drugs": 0.5},
}
LABELS = ["a", "b", "c"]


def clintl(*arguments):
    result = CliRunner().invoke(app, ["compare", *map(str, arguments)])
    return result.exit_code, result.output


def outcomes(corpus, quality, seed, n=200):
    gold = np.random.default_rng(len(corpus)).integers(3, size=n)
    rng = np.random.default_rng([seed, int(1000 * quality)])
    right = rng.random(n) < quality
    if corpus == "drugs":
        counts = [[[int(x), int(not x), int(not x)]] for x in right]
        return {"labels": ["DRUG"], "counts": counts}
    predicted = np.where(right, gold, (gold + 1) % 3)
    tables = {"gold": np.eye(3)[gold].tolist(), "scores": np.eye(3)[predicted].tolist()}
    return {"labels": LABELS, "exclusive": True, "threshold": 0.5, **tables}


def scores(corpus, found):
    [total] = [tally(found, found["labels"]).sum(axis=0)[None]]
    if corpus == "drugs":
        return {"ents_f": score_of(total, "f")[0], "ents_per_type": {}, "documents": 200}
    values = {f"cats_notes_{name}": score_of(total, name)[0] for name in ("macro_f", "acc")}
    return {**values, "cats_notes_macro_auc": 0.9, "cats_notes_n": 200, "documents": 200}


def write_run(path, variant, corpora, size, seed, **changes):
    """Append a run with its outcomes; return its scores by corpus."""
    # Other seeds than those of the base: variants err on other documents.
    quality, shift = QUALITY[variant], 10 * (variant != "base")
    kept = {corpus: outcomes(corpus, quality[corpus], seed + shift) for corpus in corpora}
    found = {corpus: scores(corpus, kept[corpus]) for corpus in corpora}
    headline = {"notes": "cats_notes_macro_f", "drugs": "ents_f"}
    run = {
        "id": f"{variant}-{'-'.join(corpora)}-{size}-{seed}",
        "variant": variant,
        "corpora": corpora,
        "size": size,
        "seed": seed,
        "headline": {corpus: headline[corpus] for corpus in corpora},
        "score": {corpus: found[corpus][headline[corpus]] for corpus in corpora},
        "scores": found,
        "best": {corpus: {"score": 0.5, "epoch": 1.0 + seed, "update": 9} for corpus in corpora},
        "curve": [
            {"epoch": epoch, "scores": {c: {headline[c]: 0.1 * epoch} for c in corpora}}
            for epoch in (1.0, 2.0)
        ],
        **changes,
    }
    append_run(path, run)
    file = outcomes_path(path, run["id"])
    file.parent.mkdir(exist_ok=True)
    with gzip.open(file, "wt", encoding="utf-8") as stream:
        json.dump(kept, stream)
    return {corpus: found[corpus][headline[corpus]] for corpus in corpora}


@pytest.fixture
def runs(tmp_path):
    """One variant with a pipeline for both corpora, two with one for each; two sizes."""
    path = tmp_path / "runs.jsonl"
    values = {}
    for variant in QUALITY:
        for size, seeds in ((0.1, (0, 1, 2)), (300.0, (0,))):
            for seed in seeds:
                groups = [["notes", "drugs"]] if variant == "better" else [["notes"], ["drugs"]]
                for group in groups:
                    for corpus, value in write_run(path, variant, group, size, seed).items():
                        values.setdefault((corpus, variant, size), []).append(value)
    return path, values


def rows_of(output):
    return [re.split(r"\s{2,}", line.strip()) for line in output.splitlines()]


def cell(values):
    spread = f" ± {100 * stdev(values):.2f}" if len(values) > 1 else ""
    return f"{100 * fmean(values):.2f}{spread} ({len(values)})"


def test_table_of_means(runs):
    path, values = runs
    code, output = clintl(path)
    assert code == 0
    rows = rows_of(output)
    assert ["corpus", "variant", "10 %", "300 docs"] in rows
    for corpus, variant, first in (
        ("notes", "base", ["notes"]),
        ("notes", "better", []),
        ("drugs", "better", []),
    ):
        cells = [cell(values[corpus, variant, size]) for size in (0.1, 300.0)]
        assert [*first, variant, *cells] in rows
    both = [fmean(pair) for pair in zip(values["notes", "base", 0.1], values["drugs", "base", 0.1])]
    [mean] = [row for row in rows if row[0] == "mean"]
    assert mean[:3] == ["mean", "base", cell(both)]


def test_other_scores_and_epochs(runs):
    path, _ = runs
    _, output = clintl(path, "--score", "macro_auc", "--epochs")
    rows = rows_of(output)
    # The curve does not hold this score. Drugs have none, and so there is no mean.
    assert ["notes", "base", "90.00 ± 0.00 (3)", "-", "90.00 (1)", "-"] in rows
    assert not any(row[0] in ("drugs", "mean") for row in rows)
    assert "The corpus 'drugs' has no score 'macro_auc' in 12 of 12 runs." in output
    _, output = clintl(path, "--epochs")
    assert "2.0 ± 1.0 (3)" in output
    _, output = clintl(path, "--score", "f")
    assert "ents_f on the dev documents" in output
    _, output = clintl(path, "--score", "documents")
    assert "200.0 ± 0.0 (3)" in output


def test_epochs_to_the_best_of_another(runs):
    path, _ = runs
    arguments = (path, "--against", "base", "--resamples", 100)
    title = "Epochs to the best of 'base'"
    assert title not in clintl(*arguments)[1]
    _, output = clintl(*arguments, "--epochs")
    rows = rows_of(output[output.index(title) :])
    assert ["10 %", "better", "3 of 3", "2.0", "2.0", "+0 %"] in [row[-6:] for row in rows]
    for kind in ("markdown", "latex", "html"):
        assert "3 of 3" in clintl(*arguments, "--epochs", "--format", kind)[1]
    # The curves do not hold this score.
    assert title not in clintl(*arguments, "--epochs", "--score", "macro_auc")[1]


def test_differences(runs):
    path, values = runs
    code, output = clintl(path, "--against", "base", "--resamples", 2000)
    assert code == 0
    rows = rows_of(output)
    for corpus in ("notes", "drugs"):
        pairs = zip(values[corpus, "better", 0.1], values[corpus, "base", 0.1])
        difference = f"{100 * fmean(a - b for a, b in pairs):+.2f}"
        [row] = [row for row in rows if ["better", "3", difference] == row[-5:-2]]
        low, high = json.loads(row[-2].replace("+", ""))
        assert 0 < low < float(difference) < high
        assert float(row[-1]) < 0.01
    assert ["mean", "10 %", "better", "3"] in [row[:4] for row in rows]
    # Nothing but chance for an equal variant: two sizes of two corpora and their mean.
    equal = [row for row in rows if "same_again" in row and row[-1][:2] == "0."]
    assert len(equal) == 6
    assert sum(float(row[-1]) < 0.05 for row in equal) <= 1
    for text in ("Efron & Tibshirani 1993", "Noreen 1989; Yeh 2000", "2,000 resamples"):
        assert text in output
    assert clintl(path, "--against", "base", "--resamples", 2000)[1] == output


def test_formats(runs, tmp_path):
    path, _ = runs
    _, output = clintl(path, "--against", "base", "--resamples", 100, "--format", "markdown")
    assert "| corpus | variant | 10 % | 300 docs |\n| --- | --- | ---: | ---: |" in output
    assert "|  | same\\_again |" in output
    latex = tmp_path / "table.tex"
    code, output = clintl(path, "--against", "base", "--resamples", 100, "--output", latex)
    assert code == 0
    assert "12 runs" not in output
    text = latex.read_text()
    assert r"corpus & variant & 10 \% & 300 docs \\" in text
    assert r"same\_again" in text
    assert r"$\pm$" in text
    assert "±" not in text
    assert text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == 2


def test_page_stands_by_itself(runs, tmp_path):
    path, _ = runs
    page = tmp_path / "deep" / "page.html"
    code, output = clintl(path, "--against", "base", "--resamples", 100, "--output", page)
    assert code == 0, output
    text = page.read_text()
    assert text.count("<table>") == 2
    assert text.count("<svg") == 1
    for name in ("same_again", "notes, 10 %", "drugs, 300 docs", "epoch"):
        assert name in text
    assert not re.search(
        r"""(src|href)\s*=\s*["'](?!#)|url\((?!["']?#)|@import|<script|<link""", text
    )
    assert "<!DOCTYPE svg" not in text
    again = tmp_path / "again.html"
    clintl(path, "--against", "base", "--resamples", 100, "--output", again)
    assert again.read_text() == text


def test_page_without_matplotlib(runs, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    code, output = clintl(runs[0], "--format", "html")
    assert code == 1
    assert "CL167" in output
    assert "spacy-clintl[corpus]" in output
    # The other formats need none.
    assert clintl(runs[0], "--format", "markdown")[0] == 0


def test_runs_without_outcomes_have_no_interval(runs):
    path, _ = runs
    outcomes_path(path, "base-notes-0.1-1").unlink()
    code, output = clintl(path, "--against", "base", "--resamples", 100)
    assert code == 0
    # Notes at 10 % of two variants, and their means.
    flat = " ".join(output.split())
    assert "No interval and no p in 4 of 12 rows: of some run it is not kept" in flat
    assert sum(row[-2:] == ["-", "-"] for row in rows_of(output)) == 4
    _, output = clintl(path, "--against", "base", "--score", "macro_auc")
    assert "add up over documents" in output


def test_other_documents_or_scores_have_no_interval(runs):
    path, _ = runs
    kept = {"notes": outcomes("notes", 0.6, 0, n=150)}
    with gzip.open(outcomes_path(path, "base-notes-0.1-1"), "wt") as stream:
        json.dump(kept, stream)
    assert "same documents" in clintl(path, "--against", "base", "--resamples", 100)[1]
    kept = {"notes": outcomes("notes", 0.99, 0)}
    for seed in (0, 1, 2):
        with gzip.open(outcomes_path(path, f"base-notes-0.1-{seed}"), "wt") as stream:
            json.dump(kept, stream)
    output = clintl(path, "--against", "base", "--resamples", 100)[1]
    assert "does not give the score" in output


def test_seeds_with_folds_of_their_own(runs, tmp_path, monkeypatch):
    # Each seed has other documents, and other numbers of them.
    whole = outcomes
    monkeypatch.setattr(
        "tests.cli.test_compare.outcomes",
        lambda corpus, quality, seed: whole(corpus, quality, seed, n=150 + 10 * (seed % 10)),
    )
    path = tmp_path / "folds.jsonl"
    for variant in ("base", "better"):
        for seed in (0, 1, 2):
            write_run(path, variant, ["notes"], 0.1, seed)
    code, output = clintl(path, "--against", "base", "--resamples", 200)
    assert code == 0, output
    assert "documents of its own" in output
    assert "No interval" not in output
    [row] = [row for row in output.splitlines() if "[" in row and "better" in row]
    low, high = (float(value) for value in row[row.index("[") + 1 : row.index("]")].split(","))
    middle = float(row.split("[")[0].split()[-1])
    assert low < middle < high
    assert high - low < 40


def test_several_files(runs, tmp_path, monkeypatch):
    path, _ = runs
    other = tmp_path / "more.jsonl"
    monkeypatch.setitem(QUALITY, "third", QUALITY["better"])
    for seed in (0, 1, 2):
        write_run(other, "third", ["notes"], 0.1, seed)
    code, output = clintl(path, other, "--against", "third", "--resamples", 100)
    assert code == 0, output
    # The outcomes of each lie beside its own file.
    expected = ["better", "3", "+0.00", "[+0.00, +0.00]", "1.0000"]
    assert expected in [row[-5:] for row in rows_of(output)]
    assert "runs are left out" not in output


def test_runs_of_one_id_and_two_variants(runs):
    path, _ = runs
    for run in read_runs(path):
        if run["variant"] == "base":
            append_run(path, {**run, "variant": "base again"})
    code, output = clintl(path, "--against", "base", "--resamples", 100)
    assert code == 0
    assert "left out" not in output
    expected = ["base again", "3", "+0.00", "[+0.00, +0.00]", "1.0000"]
    assert [row[-5:] for row in rows_of(output)].count(expected) == 3


def test_means_are_of_the_same_seeds(tmp_path):
    path = tmp_path / "runs.jsonl"
    values = {}
    for variant in ("base", "better"):
        for corpus, seeds in (("notes", (0, 1, 2)), ("drugs", (1,))):
            for seed in seeds:
                found = write_run(path, variant, [corpus], 300, seed)
                values[variant, corpus, seed] = found[corpus]
    _, output = clintl(path, "--against", "base", "--resamples", 200)
    means = [
        fmean([values[variant, "notes", 1], values[variant, "drugs", 1]])
        for variant in ("better", "base")
    ]
    rows = rows_of(output)
    assert ["mean", "base", cell(means[1:])] in rows
    [row] = [row for row in rows if row[:2] == ["mean", "300 docs"]]
    assert row[2:5] == ["better", "1", f"{100 * (means[0] - means[1]):+.2f}"]
    low, high = json.loads(row[5].replace("+", ""))
    assert low < 100 * (means[0] - means[1]) < high
    # The row of the corpus itself is of all its seeds.
    assert ["notes", "300 docs", "better", "3"] in [row[:4] for row in rows]
    # Seeds that only one of the corpora has are no mean.
    other = tmp_path / "other.jsonl"
    for variant in ("base", "better"):
        write_run(other, variant, ["notes"], 300, 0)
        write_run(other, variant, ["drugs"], 300, 1)
    _, output = clintl(other, "--against", "base", "--resamples", 200)
    assert not any(row[0] == "mean" for row in rows_of(output))


def test_corpus_smaller_than_the_size(runs):
    path, _ = runs
    write_run(path, "base", ["notes"], 300.0, 1, documents={"notes": 12})
    write_run(path, "base", ["drugs"], 300.0, 1, documents={"drugs": 300})
    output = clintl(path)[1]
    assert "The runs of 'notes' at 300 docs were trained on 12: there are no more." in output
    assert "The runs of 'drugs'" not in output


def test_score_that_is_no_number(runs):
    path, _ = runs
    *_, run = read_runs(path)
    [corpus] = run["corpora"]
    run["scores"][corpus][run["headline"][corpus]] = float("nan")
    run["curve"][0]["scores"][corpus][run["headline"][corpus]] = float("nan")
    append_run(path, run)
    code, output = clintl(path, "--epochs", "--against", "base", "--resamples", 100)
    assert code == 0, output
    assert "nan" not in output
    assert "The corpus 'drugs' has no score 'ents_f' in 1 of 12 runs." in output


def test_same_runs_in_a_file_without_outcomes(runs, tmp_path):
    path, _ = runs
    copy = tmp_path / "copy" / "runs.jsonl"
    copy.parent.mkdir()
    copy.write_bytes(path.read_bytes())
    whole = clintl(path, "--against", "base", "--resamples", 100)[1]
    assert "No interval" not in whole
    for files in ((path, copy), (copy, path)):
        assert clintl(*files, "--against", "base", "--resamples", 100)[1] == whole


def test_names_with_dollar_signs(tmp_path, monkeypatch):
    path, page = tmp_path / "runs.jsonl", tmp_path / "page.html"
    for name in ("cost $5_mini$ x", "p$^$q"):
        monkeypatch.setitem(QUALITY, name, QUALITY["base"])
        write_run(path, name, ["notes"], 0.1, 0)
    code, output = clintl(path, "--output", page)
    assert code == 0, output
    [figure] = re.findall(r"<svg.*</svg>", page.read_text(), re.DOTALL)
    assert ">cost $5_mini$ x<" in figure
    assert ">p$^$q<" in figure


@pytest.mark.parametrize("place", ["folder", "runs.jsonl/page.md", "/proc/none/page.md"])
def test_output_that_cannot_be_written(runs, tmp_path, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    code, output = clintl("runs.jsonl", "--output", place)
    assert code == 1
    assert f"CL219] {place} cannot be written" in " ".join(output.split())
    assert "Traceback" not in output


def test_runs_of_other_settings_are_told(runs):
    path, _ = runs
    write_run(path, "base", ["notes"], 0.1, 0, id="later")
    assert "1 of 21 runs are left out" in clintl(path)[1]


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (("nowhere.jsonl",), "CL100", "nowhere.jsonl"),
        (("runs.jsonl", "--against", "worse"), "CL515", "base, better, same_again"),
        (("runs.jsonl", "--score", "bleu"), "CL516", "macro_f, acc, macro_auc"),
        (("empty.jsonl",), "CL514", "empty.jsonl"),
        (("prose.txt",), "CL508", "line 1"),
        (("binary",), "CL508", "line 1"),
        (("other.jsonl",), "CL513", "'variant'"),
        (("half.jsonl",), "CL513", "'scores'"),
        (("alone.jsonl", "--against", "base"), "CL517", "base"),
        ((".",), "CL519", "directory"),
    ],
)
def test_bad_input(runs, tmp_path, monkeypatch, arguments, code, named):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.jsonl").write_text("")
    (tmp_path / "prose.txt").write_text("This is no file of runs.\nNot at all.\n")
    (tmp_path / "binary").write_bytes(bytes(range(256)) * 2)
    (tmp_path / "other.jsonl").write_text('{"id": "a"}\n')
    line = json.loads((tmp_path / "runs.jsonl").read_text().splitlines()[0])
    (tmp_path / "half.jsonl").write_text(json.dumps({**line, "scores": {}}) + "\n")
    (tmp_path / "alone.jsonl").write_text(json.dumps(line) + "\n")
    status, output = clintl(*arguments)
    flat = " ".join(output.split())
    assert status == 1, output
    assert code in flat
    assert named in flat
    assert "Traceback" not in output


def test_damaged_outcomes(runs):
    path, _ = runs
    file = outcomes_path(path, "base-notes-0.1-1")
    file.write_bytes(file.read_bytes()[:50])
    status, output = clintl(path, "--against", "base", "--resamples", 100)
    assert (status, "CL518" in output) == (1, True)


def test_loads_nothing_heavy():
    code = "import sys, spacy_clintl.cli.compare\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert "spacy_clintl.cli.compare" in loaded
    assert not loaded & {"matplotlib", "sklearn", "spacy_clintl.experiments.runner"}
