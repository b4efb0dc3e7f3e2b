"""The shop's accent as a small stylesheet, shifted where needed so that it can be read on light and on dark paper."""

import colorsys
from functools import lru_cache
from hashlib import sha256

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import condition

from merchant.store import current_store

# The paper of static/css/tokens.css.
LIGHT_PAPER, DARK_PAPER = "#fbf9f6", "#161412"
WHITE, INK = "#ffffff", "#161412"
READABLE = 4.5  # WCAG 2.2, 1.4.3
STEP = 0.005


def luminance(colour: str) -> float:
    """Relative luminance of ``#rrggbb``: https://www.w3.org/TR/WCAG22/#dfn-relative-luminance."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _channels(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    """Contrast ratio of two colours, from 1 to 21."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@lru_cache(maxsize=64)
def readable(colour: str, paper: str) -> str:
    """``colour``, made darker or lighter by as little as gives 4.5:1 on ``paper``; its hue stays."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*_channels(colour))
    step = -STEP if luminance(paper) > 0.5 else STEP
    while contrast(colour, paper) < READABLE:
        lightness = min(1.0, max(0.0, lightness + step))
        colour = _hex(colorsys.hls_to_rgb(hue, lightness, saturation))
    return colour


def ink_on(colour: str) -> str:
    """White or ink, whichever reads better on ``colour``."""
    return max(WHITE, INK, key=lambda ink: contrast(ink, colour))


def stylesheet(accent: str) -> str:
    """The accent and the ink on it, for light and for dark."""
    light, dark = readable(accent.lower(), LIGHT_PAPER), readable(accent.lower(), DARK_PAPER)
    return (
        f":root{{--accent:{light};--on-accent:{ink_on(light)}}}\n"
        f"@media(prefers-color-scheme:dark){{:root{{--accent:{dark};--on-accent:{ink_on(dark)}}}}}\n"
    )


def _etag(request: HttpRequest) -> str:
    return f'"{sha256(current_store().accent.encode()).hexdigest()[:16]}"'


@condition(etag_func=_etag)
def theme(request: HttpRequest) -> HttpResponse:
    """``/theme.css``: kept by browsers for a minute, then asked again by its ETag."""
    response = HttpResponse(stylesheet(current_store().accent), content_type="text/css; charset=utf-8")
    response["Cache-Control"] = "public, max-age=60"
    return response


def _channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return red, green, blue


def _hex(channels: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(c * 255):02x}" for c in channels)
