"""Every message a user can meet, in one place, each with its code.

Ranges: 1xx data, 2xx encoder folders, 3xx pipeline components, 4xx adaptation, 5xx evaluation,
deployment and command line. A message names the file, line, label or option and says what to do;
it never quotes the text of a note.
"""

from spacy.errors import ErrorsWithCodes


class ClintlError(ValueError):
    """An error the user can mend. The command line prints its message without a traceback."""


class Errors(metaclass=ErrorsWithCodes):
    # 1xx: data in and out
    CL100 = "{path} does not exist. Check the path."

    # 2xx: encoder folders
    CL200 = (
        "{path} is not an encoder folder: it has no {missing}. Make one with "
        "'python -m spacy clintl base NAME OUT'."
    )
    CL201 = (
        "The encoder in {path} has model type '{model_type}', which is not a bidirectional encoder "
        "that transformers can train with masked-language modelling. Use a BERT-, RoBERTa-, "
        "DeBERTa-, XLM-R- or similar encoder."
    )
    CL202 = (
        "The encoder in {path} has no fast tokenizer (tokenizer.json). Make the folder again with "
        "'python -m spacy clintl base NAME OUT', which converts slow tokenizers."
    )
    CL203 = (
        "The weights in {path} do not belong to the encoder described in its config.json: "
        "{n_missing} of {n_total} tensors are missing (first: {first}). Fetch the folder again."
    )
    CL204 = "The encoder folder {path} cannot be read: {reason}. Fetch the folder again."

    # 3xx: pipeline components

    # 4xx: adaptation

    # 5xx: evaluation, deployment, command line
