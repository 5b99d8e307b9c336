"""Span search: which span of the target sentence carries an entity, if any."""
