"""Providers of rates: one small class each, found by entry point."""

from podium.data.sources.source import Source, available, resolve

__all__ = ["Source", "available", "resolve"]
