"""placeholder while wiring"""

import typer


def enrol(app: typer.Typer) -> None:
    """Add the verbs of this room."""
