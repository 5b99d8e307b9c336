"""Files that are no modules must be in a wheel, too."""

import configparser
from pathlib import Path

import pytest

import spacy_clintl

PACKAGE = Path(spacy_clintl.__file__).parent
SETUP = PACKAGE.parent / "setup.cfg"


@pytest.mark.skipif(not SETUP.exists(), reason="not in a checkout")
def test_every_file_of_the_package_is_declared():
    config = configparser.ConfigParser()
    config.read(SETUP, encoding="utf-8")
    patterns = config["options.package_data"]["spacy_clintl"].split(",")
    declared = {path for pattern in patterns for path in PACKAGE.glob(pattern.strip())}
    files = {
        path
        for path in PACKAGE.rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc") and path.name[0] != "."
    }
    assert files == declared
    assert {path.name for path in files} >= {"seed_lexicon.tsv", "weights.json"}
