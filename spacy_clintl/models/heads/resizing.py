"""More labels for a head that has learned some: what was there keeps its weights."""

from thinc.api import Model
from thinc.layers.resizable import resize_linear_weighted
from thinc.types import FloatsXd


def resize_linear_output(head: Model, n_labels: int) -> None:
    """Make room for more labels in a head whose "output_layer" is Thinc's `Linear`.

    head (Model): The head. Weights of new labels are 0.
    n_labels (int): How many labels it is to have.
    """
    old = head.get_ref("output_layer")
    new = resize_linear_weighted(old, n_labels)
    if new is not old:
        head.replace_node(old, new)
        head.set_ref("output_layer", new)
    if head.has_dim("nO"):
        head.set_dim("nO", n_labels, force=True)


def replace_params(model: Model, params: dict[str, FloatsXd]) -> None:
    """Give a layer all its parameters anew, in other shapes.

    model (Model): The layer.
    params (dict[str, FloatsXd]): All its parameters by name.
    """
    # An optimizer keeps moments by the layer's id, and Thinc gradients: both have the old shape.
    with Model.global_id_lock:
        Model.global_id += 1
        model.id = Model.global_id
    for name, value in params.items():
        model.set_param(name, value)


def padded(ops, array: FloatsXd, shape: tuple[int, ...]) -> FloatsXd:
    """Return an array of a larger shape that holds another in its first corner, else zeros."""
    result = ops.alloc(shape)
    result[tuple(slice(size) for size in array.shape)] = array
    return result
