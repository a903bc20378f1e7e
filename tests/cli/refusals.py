"""How a verb that refuses ends: one line and an exit code that means something."""

INPUT, SOURCE, MISSING, REGISTRY = 2, 4, 5, 6


def refused(said, exit_code: int, *words: str) -> None:
    """One line that begins with the program's name and holds the words; nothing on standard output."""
    assert said.exit_code == exit_code, said
    assert said.out == ""
    (line,) = [line for line in said.err.splitlines() if not line.startswith("note: ")]
    assert line.startswith("podium: ")
    assert len(line) < 400, line
    for word in words:
        assert word in line
