"""Classification heads: from a document's token vectors to one logit a label.

A head is a Thinc model of List[Floats2d] (tokens, width) to Floats2d (documents, labels). The
layer it calls "output_layer" gets its dimension "nO" from the labels before it is initialized.
"""
