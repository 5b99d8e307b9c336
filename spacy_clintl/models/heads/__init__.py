"""Classification heads: from a document's token vectors to one logit a label.

A head is a Thinc model of List[Floats2d] (tokens, width) to Floats2d (documents, labels). The
layer it calls "output_layer" gets its dimension "nO" from the labels before it is initialized. No
document is without rows: one without tokens is a single row of zeros.

Its attributes, all optional, say more:

- `takes_sides` (bool): documents are pairs, each a tuple of two arrays, and so are its gradients.
- `reads` (list[str]): the tasks whose probabilities it wants. It takes (documents, {task:
  probabilities}), and its callback gives (gradients, {task: gradient of the probabilities}), the
  latter only of tasks that it wants to teach.
- `exclusive` (bool): whether the labels of its task exclude each other; `multitask_textcat` sets
  it in each layer that has the attribute.
- `resize_output` (function of head and number of labels): makes room for more labels; those there
  keep their weights.
"""
