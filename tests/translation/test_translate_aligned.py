"""`translate` with translators that give no links."""

import json

import pytest
import spacy
from typer.testing import CliRunner

from spacy_clintl.cli import app
from spacy_clintl.data.docbin import docbin_writer, read_docbin
from spacy_clintl.translation.alignment import make_alignment_v1
from spacy_clintl.translation.alignment.statistical import StatisticalAligner
from spacy_clintl.translation.choice import make_projector
from spacy_clintl.translation.corpus import translate_corpus
from spacy_clintl.translation.lexicon import Lexicon, LexiconTranslator
from spacy_clintl.translation.protocol import Capabilities

from .bitexts import NOUNS, WORDS, sentence_pairs

# Words that no lexicon has: only the pairs at hand tell what they mean.
ODD = dict(zip(NOUNS, ("wug", "blick", "daxim", "fepo", "zorp")))
PHRASES = {**WORDS, **ODD}


class NoLinks(LexiconTranslator):
    """Translates word by word, and does not say what came from where."""

    name = "tests.NoLinks"

    def __init__(self):
        super().__init__({("en", "es"): Lexicon(PHRASES)})

    def capabilities(self):
        return Capabilities(pairs=frozenset({("en", "es")}))

    def _translate(self, texts, source, target):
        made = super()._translate(texts, source, target)
        return [type(one)(one.text, score=one.score) for one in made]


@pytest.fixture
def corpus(tmp_path):
    nlp = spacy.blank("en")
    with docbin_writer(tmp_path / "en.spacy") as add:
        for source, _ in sentence_pairs(40):
            doc = nlp.make_doc(" ".join(source))
            ents = [(n, word) for n, word in enumerate(source) if word in NOUNS]
            doc.set_ents([spacy.tokens.Span(doc, n, n + 1, "SIGN") for n, _ in ents],
                         default="outside")  # fmt: skip
            add(doc)
    return tmp_path


def right(path):
    """The share of entities that are the translations of the source's entities."""
    hits = total = 0
    for doc, (source, _) in zip(
        read_docbin(path, spacy.blank("es").vocab), sentence_pairs(40), strict=True
    ):
        gold = {ODD[word] for word in source if word in NOUNS}
        hits += len(gold & {ent.text.lower() for ent in doc.ents})
        total += len(gold)
    return hits / total


def test_without_links_the_translations_are_aligned(corpus):
    translator = NoLinks()
    projector = make_projector(None, translator)
    assert projector.needs_pairs
    out = corpus / "es.spacy"
    report = translate_corpus(corpus / "en.spacy", out, translator, projector, "en", "es")
    assert right(out) > 0.9
    assert "AlignmentProjector" in report.projector
    assert report.entities["SIGN"]["kept"] > 40
    # It has seen all pairs before the first was projected.
    assert len(projector.links) == len({" ".join(source) for source, _ in sentence_pairs(40)})

    class Untrained(StatisticalAligner):
        def train(self, pairs, source="", target=""):
            return self.align(pairs)

    worse = make_alignment_v1()
    worse.aligner = Untrained()
    translate_corpus(corpus / "en.spacy", out, translator, worse, "en", "es")
    assert right(out) < 0.8


def clintl(corpus, *options):
    arguments = [corpus / "en.spacy", corpus / "es.spacy", "--from", "en", "--to", "es"]
    arguments += ["--report", corpus / "report.json", *options]
    result = CliRunner().invoke(app, ["translate", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return json.loads((corpus / "report.json").read_text(encoding="utf-8"))["projector"]


def test_alignment_is_used_where_it_is_named(corpus):
    lines = "".join(f"{one}\t{other}\n" for one, other in PHRASES.items())
    (corpus / "en-es.tsv").write_text(lines, encoding="utf-8")
    options = ("--translator", "lexicon", "--lexicon", corpus / "en-es.tsv")
    assert "ProvenanceProjector" in clintl(corpus, *options)
    assert right(corpus / "es.spacy") == 1
    for name in ("alignment", "spacy_clintl.AlignmentProjector.v1"):
        assert "AlignmentProjector" in clintl(corpus, *options, "--projector", name)
        assert right(corpus / "es.spacy") > 0.9
    first = (corpus / "es.spacy").read_bytes()
    clintl(corpus, *options, "--projector", "alignment", "--cache", corpus / "cache")
    assert (corpus / "es.spacy").read_bytes() == first


def test_a_translator_without_links_by_command(corpus):
    @spacy.registry.misc("tests_no_links.v1")
    def make():
        return NoLinks()

    assert "AlignmentProjector" in clintl(corpus, "--translator", "tests_no_links.v1")
    assert right(corpus / "es.spacy") > 0.9
