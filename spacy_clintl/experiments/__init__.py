"""Experiments: variants of pipelines trained on the same documents, one JSON line a run."""
