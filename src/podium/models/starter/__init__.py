"""A contestant to begin with: a package of three files that is admitted as it is."""

from __future__ import annotations

import re
from importlib.resources import files
from string import Template

from podium.errors import SettingError
from podium.models.base import FAMILY


def starter(family: str) -> dict[str, str]:
    """The files of a new contestant by their paths, the package's folder first.

    Raises:
        SettingError: the name cannot be that of a family.
    """
    if not FAMILY.fullmatch(family) or not family[0].isupper():
        raise SettingError(f"{family!r} cannot name a family; give a capital letter, then letters and digits: Boosting")
    module = "podium_" + re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", family).lower()  # shadows nothing that is installed
    project = module.replace("_", "-")
    names = {"contestant": f"{module}.py", "test": f"test_{module}.py", "pyproject": "pyproject.toml"}
    return {
        f"{project}/{path}": Template((files(__package__) / f"{part}.txt").read_text("utf-8")).substitute(
            Family=family, module=module, project=project
        )
        for part, path in names.items()
    }
