"""Classes that other packages bring: found by entry point, and refused in one line where they cannot be used."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import TypeVar

from podium.errors import SettingError

Base = TypeVar("Base")


def load_class(point: EntryPoint, base: type[Base], kind: str) -> type[Base]:
    """The class behind an entry point.

    Args:
        point: as the package that brings it declares it.
        base: what the class must be derived from.
        kind: what people call such a class, such as `source`.

    Raises:
        SettingError: it cannot be imported, or is derived from something else.
    """
    named = f"{kind} {point.name!r} ({point.value})"
    try:
        found = point.load()
    except Exception as error:  # the module is somebody else's, and may raise anything
        reason = f"{type(error).__name__}: {error}"
        raise SettingError(f"{named} cannot be loaded, {reason}; correct or uninstall its package") from error
    if not (isinstance(found, type) and issubclass(found, base)):
        raise SettingError(f"{named} is not a subclass of {base.__module__}.{base.__qualname__}")
    return found
