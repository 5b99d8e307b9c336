"""Translating text and carrying its labels along."""
