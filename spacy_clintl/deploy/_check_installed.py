"""Run by `spacy clintl verify` inside the new environment; needs spaCy only, not this package.

Reads {"name", "note", "outside", "allowed", "output"} as JSON from standard input, loads the
installed pipeline, runs the note through it and writes what it found, without text, to "output".
"""

import json
import os
import sys
import time
import traceback
from collections import Counter

NETWORK = {
    "socket.connect",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.sendto",
    "socket.sendmsg",
}
FILES = {"open", "os.listdir", "os.scandir"}


def block(outside, allowed):
    """Make Python raise on any use of the network and any read below the folders in `outside`.

    Hooks cannot be taken back. RETURNS (list[str]): Grows by one entry a violation, also where the
    calling code swallows the error.
    """
    outside = [os.path.realpath(folder) for folder in outside]
    allowed = [os.path.realpath(folder) for folder in allowed]
    violations = []

    def depth(path, folders):
        return max(
            (len(f) for f in folders if path == f or path.startswith(f.rstrip("/\\") + os.sep)),
            default=-1,
        )

    def hook(event, args):
        what = None
        if event in NETWORK:
            what = event
        elif event in FILES and not isinstance(args[0], int):
            path = os.path.realpath(os.fsdecode("." if args[0] is None else args[0]))
            # The innermost folder decides: an environment may lie in a project, or the other way.
            if depth(path, outside) > depth(path, allowed):
                what = f"{event} {path}"
        if what is not None:
            violations.append(what)
            raise PermissionError(f"not allowed here: {what}")

    sys.addaudithook(hook)
    return violations


def summarise(nlp, doc):
    best: dict[str, dict] = {}
    for key, score in doc.cats.items():
        task, _, label = key.partition("/")
        if task not in best or score > best[task]["score"]:
            best[task] = {"label": label or key, "score": float(score)}
    return {
        "pipes": list(nlp.pipe_names),
        "tokens": len(doc),
        "entities": dict(sorted(Counter(ent.label_ for ent in doc.ents).items())),
        "offsets": [[ent.start_char, ent.end_char, ent.label_] for ent in doc.ents],
        "categories": best,
    }


def main():
    job = json.load(sys.stdin)
    violations = block(job["outside"], [*job["allowed"], sys.prefix, sys.base_prefix])
    result: dict = {}
    try:
        import spacy

        start = time.perf_counter()
        nlp = spacy.load(job["name"])
        result["load_seconds"] = round(time.perf_counter() - start, 3)
        result["spacy"] = spacy.__version__
    except BaseException:
        traceback.print_exc()
        result["failed"] = "loading the pipeline"
    else:
        try:
            start = time.perf_counter()
            doc = nlp(job["note"])
            result["run_seconds"] = round(time.perf_counter() - start, 3)
            result.update(summarise(nlp, doc))
        except BaseException as error:
            # Frames and the error's type only: its message may quote the note.
            traceback.print_tb(error.__traceback__)
            print(type(error).__name__, file=sys.stderr)
            result["failed"] = "running the note"
    result["violations"] = sorted(set(violations))
    with open(job["output"], "w", encoding="utf-8") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main()
