"""Scores, tests and the ranking: pure functions on arrays."""
