"""Seeded writer of the embedded synthetic clinical corpus (see ../README.md)."""
