"""Another way to train the encoder of a pipeline that goes on learning: callbacks for
[initialize.after_init].

A component that is sourced comes with its settings. In a config whose transformer has `source`, the
following freezes the layers between embeddings and heads, and adds an entity label:

    [initialize.after_init]
    @callbacks = "spacy_clintl.InTurn.v1"

    [initialize.after_init.*]

    [initialize.after_init.*.tune]
    @callbacks = "spacy_clintl.TuneEncoder.v1"
    freeze = "embeddings_and_head"
    rate = 0.5

    [initialize.after_init.*.grow]
    @callbacks = "spacy_clintl.Grow.v1"

    [initialize.after_init.*.grow.components]

    [initialize.after_init.*.grow.components.iob_ner]
    labels = ["DOSAGE"]
"""

from collections.abc import Callable
from dataclasses import fields, replace
from typing import Any

from spacy.language import Language

from ..errors import ClintlError, Errors
from .score_weights import name_all_scores

# The second is what `Language.replace_listeners` puts in the place of a listener.
ARCHITECTURES = ("spacy_clintl.AdaptedTransformer.v1", "spacy_clintl.AdaptedTok2Vec.v1")
Callback = Callable[[Language], Language]


def make_tune_encoder_v1(
    component: str = "transformer",
    freeze: str | None = None,
    rate: float | None = None,
    layer_decay: float | None = None,
    unfreeze_every: int | None = None,
    dropout: float | None = None,
    attention_dropout: float | None = None,
) -> Callback:
    """Create a callback that changes how the encoder of a trained pipeline learns.

    component (str): The transformer, or a component with an encoder of its own.
    The other arguments are those of `spacy_clintl.AdaptedTransformer.v1`; None leaves one as it is.
    RETURNS (Callable[[Language], Language]): The callback; the settings are saved with the
        pipeline.
    """
    given = {
        "freeze": freeze,
        "rate": rate,
        "layer_decay": layer_decay,
        "unfreeze_every": unfreeze_every,
        "dropout": dropout,
        "attention_dropout": attention_dropout,
    }
    changes = {name: value for name, value in given.items() if value is not None}

    def tune(nlp: Language) -> Language:
        from ..models.encoder_shim import EncoderSettings, EncoderShim

        if component not in nlp.component_names:
            _complain(component, f"but the pipeline has: {', '.join(nlp.component_names)}")
        if component in nlp.config["training"].get("frozen_components", ()):
            _complain(component, "which is frozen")
        assert set(changes) <= {field.name for field in fields(EncoderSettings)}
        model = getattr(nlp.get_pipe(component), "model", None)
        layers = model.walk() if model is not None else ()
        shims = [shim for layer in layers for shim in layer.shims if isinstance(shim, EncoderShim)]
        if not shims:
            _complain(component, "which has no such encoder of its own")
        for shim in shims:
            shim.retune(replace(shim.settings, **changes))
        for block in _blocks_of(nlp.get_pipe_config(component)["model"]):
            block.update(changes)
        name_all_scores(nlp)
        return nlp

    return tune


def make_in_turn_v1(*callbacks: Callback) -> Callback:
    """Create a callback that calls others one after the other: spaCy's settings take only one.

    callbacks (Callable[[Language], Language]): The callbacks.
    RETURNS (Callable[[Language], Language]): The callback.
    """

    def in_turn(nlp: Language) -> Language:
        for callback in callbacks:
            nlp = callback(nlp)
        return nlp

    return in_turn


def _blocks_of(config: Any) -> list[dict[str, Any]]:
    """List the blocks of the encoder's architectures within the config of a model."""
    if not isinstance(config, dict):
        return []
    own = [config] if config.get("@architectures") in ARCHITECTURES else []
    return own + [block for value in config.values() for block in _blocks_of(value)]


def _complain(name: str, what: str) -> None:
    raise ClintlError(Errors.CL498.format(name=name, what=what))
