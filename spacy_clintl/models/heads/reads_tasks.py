"""A head that reads what the heads of other tasks say."""

from collections.abc import Callable, Sequence
from typing import Any

from thinc.api import Model
from thinc.types import Floats2d

from .resizing import padded, replace_params
from .settings import require

Readings = dict[str, Floats2d]


def reads_tasks_v1(
    head: Model[list[Any], Floats2d], tasks: list[str], gradient: bool = False
) -> Model[tuple[list[Any], Readings], Floats2d]:
    """Build a head that adds to the logits of another what the probabilities of other tasks of the
    same component suggest: logits + Σ M_task p_task. All M start as zeros, so that the head starts
    as the one inside. Tasks must not read each other in a circle.

    head (Model[List[Floats2d], Floats2d]): The head inside.
    tasks (list[str]): The names of the tasks to read.
    gradient (bool): Whether this task's loss teaches the tasks it reads, too. Even then, a head
        learns nothing in a batch where no document is annotated for its own task.
    RETURNS (Model[Tuple[List[Floats2d], Dict[str, Floats2d]], Floats2d]): The head.
    RAISES (ClintlError): For an impossible setting.
    """
    valid = isinstance(tasks, Sequence) and not isinstance(tasks, str) and len(tasks) > 0
    valid = valid and all(isinstance(task, str) for task in tasks) and len(set(tasks)) == len(tasks)
    require("ReadsTasks", "tasks", tasks, valid, "a list of different names of tasks")
    nested = bool(head.attrs.get("reads"))
    require("ReadsTasks", "head", head.name, not nested, "one that reads no tasks itself")
    return Model(
        "reads_tasks",
        forward,
        init=init,
        layers=[head],
        params={_param(task): None for task in tasks},
        refs={"output_layer": head.get_ref("output_layer")},
        attrs={
            "takes_sides": head.attrs.get("takes_sides", False),
            "reads": list(tasks),
            "gradient": gradient,
            "resize_output": resize_output,
            "resize_reading": resize_reading,
        },
    )


def _param(task: str) -> str:
    return f"W {task}"


def forward(
    model: Model[Any, Floats2d], X: tuple[list[Any], Readings], is_train: bool
) -> tuple[Floats2d, Callable[[Floats2d], tuple[list[Any], Readings]]]:
    documents, readings = X
    logits, backprop_head = model.layers[0](documents, is_train)
    for task in model.attrs["reads"]:
        weights = model.get_param(_param(task))
        logits = logits + model.ops.gemm(readings[task], weights, trans2=True)

    def backprop(d_logits: Floats2d) -> tuple[list[Any], Readings]:
        d_readings = {}
        for task in model.attrs["reads"]:
            if model.attrs["gradient"]:
                d_readings[task] = model.ops.gemm(d_logits, model.get_param(_param(task)))
            d_weights = model.ops.gemm(d_logits, readings[task], trans1=True)
            model.inc_grad(_param(task), d_weights)
        return backprop_head(d_logits), d_readings

    return logits, backprop


def init(model: Model[Any, Floats2d], X: Any = None, Y: object = None) -> None:
    documents, readings = X
    model.layers[0].initialize(X=documents)
    n_labels = model.get_ref("output_layer").get_dim("nO")
    for task in model.attrs["reads"]:
        n_read = readings[task].shape[1]
        model.set_param(_param(task), model.ops.alloc2f(n_labels, n_read))


def resize_output(model: Model[Any, Floats2d], n_labels: int) -> None:
    """Make room for more labels, which heed no other task at first."""
    head = model.layers[0]
    head.attrs["resize_output"](head, n_labels)
    model.set_ref("output_layer", head.get_ref("output_layer"))
    _resize(model, dict.fromkeys(model.attrs["reads"], (n_labels, None)))


def resize_reading(model: Model[Any, Floats2d], task: str, n_labels: int) -> None:
    """Make room for more labels of a task that is read; they are not heeded at first."""
    _resize(model, {task: (None, n_labels)})


def _resize(model: Model[Any, Floats2d], sizes: dict[str, tuple[int | None, int | None]]) -> None:
    names = [name for name in model.param_names if model.has_param(name)]
    params = {name: model.get_param(name) for name in names}
    for task, (rows, columns) in sizes.items():
        if (old := params.get(_param(task))) is not None:
            shape = (rows or old.shape[0], columns or old.shape[1])
            params[_param(task)] = padded(model.ops, old, shape)
    replace_params(model, params)
