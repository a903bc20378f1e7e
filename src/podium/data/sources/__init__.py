"""Providers of rates: one small class each, found by entry point."""

from podium.data.sources.base import Source, available, resolve

__all__ = ["Source", "available", "resolve"]
