"""The colours of the style sheet, measured."""

import itertools
import re

import numpy as np
import pytest

from podium.report.pages import style

# Machado, Oliveira and Fernandes (2009), severity 1.0, for linear RGB
EYES = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]]
    ),
}
TO_LMS = np.array(
    [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
     [0.0883024619, 0.2817188376, 0.6299787005]]
)  # fmt: skip
TO_OKLAB = np.array(
    [[0.2104542553, 0.793617785, -0.0040720468], [1.9779984951, -2.428592205, 0.4505937099],
     [0.0259040371, 0.7827717662, -0.808675766]]
)  # fmt: skip


def scheme(name: str) -> dict[str, str]:
    """Colours by name, light or dark."""
    blocks = re.findall(r":root \{(.*?)\}", style(), re.DOTALL)
    block = blocks[0 if name == "light" else 1]
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", block))


def linear(colour: str) -> np.ndarray:
    """Linear RGB."""
    channels = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    return np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)


def oklab(rgb: np.ndarray) -> np.ndarray:
    """Ottosson (2020): distances are about those that are seen."""
    return np.asarray(TO_OKLAB @ np.cbrt(TO_LMS @ np.clip(rgb, 0, 1)))


def contrast(one: str, other: str) -> float:
    """WCAG contrast ratio."""
    dark, light = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("name", ["light", "dark"])
def test_every_colour_of_a_line_stands_out_from_the_card(name: str) -> None:
    """At least 3 to 1 (WCAG 1.4.11) for graphics, 4.5 to 1 (1.4.3) for text."""
    colours = scheme(name)
    for ink in ("c1", "c2", "c3", "c4", "c5", "c6", "walk", "main", "bad", "quiet"):
        assert contrast(colours[ink], colours["card"]) >= 3, ink
    for text in ("text", "soft", "accent"):
        assert contrast(colours[text], colours["card"]) >= 4.5, text
        assert contrast(colours[text], colours["page"]) >= 4.5, text
    for word, back in (("warn", "warn-back"), ("bad", "bad-back"), ("good", "good-back")):
        assert contrast(colours[word], colours[back]) >= 4.5, word


@pytest.mark.parametrize("eyes", EYES)
@pytest.mark.parametrize("name", ["light", "dark"])
def test_the_first_three_contestants_can_be_told_apart_by_every_kind_of_eye(name: str, eyes: str) -> None:
    """OKLab distance of at least 0.12, where 0.02 is just noticed side by side."""
    colours = scheme(name)
    seen = [oklab(EYES[eyes] @ linear(colours[ink])) for ink in ("c1", "c2", "c3")]
    assert min(float(np.linalg.norm(a - b)) for a, b in itertools.combinations(seen, 2)) >= 0.12
