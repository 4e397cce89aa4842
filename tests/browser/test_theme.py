"""Every colour of text can be read on both surfaces, in both themes: WCAG's contrast, computed from theme.css."""

import re

import pytest

from tests.conftest import REPOSITORY
from topics.kit.page.traces import INKS

CSS = (REPOSITORY / "templates/static/css/theme.css").read_text()
PAIRS = {name: (light, dark) for name, light, dark in re.findall(r"--([\w-]+): light-dark\((#\w+), (#\w+)\);", CSS)}
TEXTS = ["text", "text-muted", "accent", *(f"ink-{name}" for name in INKS)]


def luminance(colour):
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    bright, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (bright + 0.05) / (dark + 0.05)


def test_the_oracle_knows_black_on_white():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("surface", ["surface", "surface-2"])
@pytest.mark.parametrize("name", TEXTS)
def test_every_text_is_readable(name, surface, theme):
    at = ["light", "dark"].index(theme)
    assert contrast(PAIRS[name][at], PAIRS[surface][at]) >= 4.5


@pytest.mark.parametrize("at", [0, 1])
def test_text_on_the_accent_is_readable(at):
    assert contrast(PAIRS["accent-contrast"][at], PAIRS["accent"][at]) >= 4.5


def test_every_idea_has_a_class():
    assert set(re.findall(r"^\.ink-(\w+) \{ color: var\(--ink-\1\); \}", CSS, re.M)) == set(INKS)
