from pathlib import Path

import pytest
from spacy.cli.init_config import fill_config
from spacy.util import load_config

from spacy_clintl.errors import ClintlError
from spacy_clintl.models.adapted_transformer import adapted_transformer_v1

CONFIGS = sorted((Path(__file__).parents[1] / "configs").glob("*.cfg"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.name)
def test_what_a_config_leaves_out_can_be_filled_in(path, tmp_path):
    config = load_config(path)
    if "transformer" not in config["components"] or "source" in str(config["components"]):
        pytest.skip("its components come from a pipeline")
    fill_config(tmp_path / "filled.cfg", path)
    filled = load_config(tmp_path / "filled.cfg")
    assert filled["nlp"]["disabled"] == []
    assert filled["components"]["transformer"]["model"]["precision"] == "auto"


def test_an_encoder_that_is_not_named_is_told():
    model = adapted_transformer_v1(None)
    with pytest.raises(ClintlError, match=r"CL222.*--paths.encoder.*\$\{paths.encoder\}"):
        model.initialize()
