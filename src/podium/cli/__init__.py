"""The verbs. The only room that prints, sets up logging, and turns errors into exit codes."""

from podium.cli.main import main

__all__ = ["main"]
