"""Draw the states of a widget and store them in a page that needs no kernel."""

import base64
import html
import io
import itertools
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

Value: TypeAlias = float | str
Draw: TypeAlias = Callable[..., Figure]

MAX_STATES = 120  # 3 MB at 20 kB each, which is all that a page may weigh
DOTS_PER_INCH = 200  # shown at 100 per inch, so the figure is sharp on a fine screen
SCRIPT = Path(__file__).with_name("explore.js")


@dataclass(frozen=True)
class Control:
    """One parameter of ``draw``: its values, and how a person reads them."""

    name: str
    label: str
    values: tuple[Value, ...]
    texts: tuple[str, ...]  # one per value, with the unit
    start: int  # index of the value shown first

    @property
    def is_slider(self) -> bool:
        """Numbers slide; strings and truth values drop down."""
        return not isinstance(self.values[0], str | bool)


def stored_figures(
    draw: Draw, controls: Sequence[Control], alt: str, caption: str
) -> dict[str, bytes | str]:
    """Draw every combination of values once.

    Returns:
        A display bundle: the control for a page, the first state as a plain image for
        print, and its alternative text.

    Raises:
        ValueError: Before anything is drawn, if there are more than 120 combinations;
            or if the figures differ in size.
    """
    _check_count(controls)
    states = list(itertools.product(*(range(len(c.values)) for c in controls)))
    images = [draw_state(draw, controls, indices) for indices in states]
    if len(sizes := {image.size for image in images}) > 1:
        raise ValueError(
            "All figures of one explore must have the same size, or the page would "
            f"jump; found {sorted(sizes)} pixels. Set figsize to a constant in draw."
        )
    first = states.index(tuple(control.start for control in controls))
    return {
        "text/html": _page(controls, states, images, first, alt, caption),
        "image/png": encode(images[first], "png"),
        "text/plain": alt_text(alt, controls, states[first]),
    }


def _check_count(controls: Sequence[Control]) -> None:
    count = math.prod(len(control.values) for control in controls)
    if count > MAX_STATES:
        factors = " x ".join(f"{len(c.values)} ({c.name})" for c in controls)
        raise ValueError(
            f"explore may store at most {MAX_STATES} states in the book; the controls "
            f"have {factors} = {count}. Give fewer values, or make two widgets."
        )


def draw_state(
    draw: Draw, controls: Sequence[Control], indices: Sequence[int]
) -> Image.Image:
    """Draw one state and close its figure, also when drawing fails."""
    values = {c.name: c.values[i] for c, i in zip(controls, indices, strict=True)}
    open_before = set(plt.get_fignums())
    try:
        figure = draw(**values)
        if not isinstance(figure, Figure):
            raise TypeError(
                "draw must return the matplotlib figure it made; it returned "
                f"{type(figure).__name__}. End it with `return fig`."
            )
        plt.close(figure)
        figure.set_dpi(DOTS_PER_INCH)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB")
    except Exception as error:
        named = ", ".join(f"{name}={value!r}" for name, value in values.items())
        error.add_note(f"This happened in explore, while drawing {named}.")
        raise
    finally:
        for number in set(plt.get_fignums()) - open_before:
            plt.close(number)


def alt_text(alt: str, controls: Sequence[Control], indices: Sequence[int]) -> str:
    """Say what the figure shows, and at which values."""
    pairs = zip(controls, indices, strict=True)
    return f"{alt} (" + ", ".join(f"{c.label}: {c.texts[i]}" for c, i in pairs) + ")"


def encode(image: Image.Image, format: str) -> bytes:
    """Compress without loss of sharpness; a page stores "webp", print takes "png".

    WebP is cut to 64 colours, which makes it a quarter of the PNG or less. Maximum
    coverage keeps rare colours: on lines, clouds, contours and a map no channel was off
    by more than 35 of 255, while median cut, the default, was off by up to 156.
    """
    data = io.BytesIO()
    if format == "webp":
        few = image.quantize(
            64, Image.Quantize.MAXCOVERAGE, kmeans=1, dither=Image.Dither.NONE
        )
        few.convert("RGB").save(data, format, lossless=True, method=4)
    else:
        image.save(data, format)
    return data.getvalue()


def image_tag(data: bytes, image: Image.Image, alt: str, format: str = "png") -> str:
    """HTML of an encoded image, shown at half of its pixels."""
    width, height = image.width // 2, image.height // 2
    return (
        f'<img src="data:image/{format};base64,{_base64(data)}" '
        f'alt="{html.escape(alt)}" width="{width}" height="{height}" '
        'style="max-width: 100%; height: auto">'
    )


def _page(
    controls: Sequence[Control],
    states: Sequence[tuple[int, ...]],
    images: Sequence[Image.Image],
    first: int,
    alt: str,
    caption: str,
) -> str:
    stored = [encode(image, "webp") for image in images]
    alts = [alt_text(alt, controls, indices) for indices in states]
    content = {
        "texts": [control.texts for control in controls],
        "alts": alts,
        "images": [_base64(data) for data in stored],
    }
    # inside a script element only "<" could end it, whatever a label contains
    data = json.dumps(content).replace("<", "\\u003c")
    below = f"<figcaption>{html.escape(caption)}</figcaption>\n" if caption else ""
    return (
        '<figure class="explore">\n'
        f'<div class="explore-controls" hidden>\n{_inputs(controls)}</div>\n'
        f"{image_tag(stored[first], images[first], alts[first], 'webp')}\n{below}"
        "<noscript><p>With JavaScript switched on, this figure can be changed.</p>"
        f'</noscript>\n<script type="application/json">{data}</script>\n'
        f"<script>\n{SCRIPT.read_text(encoding='utf-8')}</script>\n</figure>"
    )


def _inputs(controls: Sequence[Control]) -> str:
    return "".join(
        f'<div class="explore-control"><label><span>{html.escape(control.label)}'
        f"</span> {_slider(control) if control.is_slider else _drop_down(control)}"
        "</div>\n"
        for control in controls
    )


def _slider(control: Control) -> str:
    text = html.escape(control.texts[control.start])
    # autocomplete: some browsers would restore the position, but not the image
    return (
        f'<input type="range" min="0" max="{len(control.values) - 1}" step="1" '
        f'value="{control.start}" aria-valuetext="{text}" autocomplete="off"></label> '
        f'<output aria-live="polite">{text}</output>'
    )


def _drop_down(control: Control) -> str:
    options = "".join(
        f"<option{' selected' * (i == control.start)}>{html.escape(text)}</option>"
        for i, text in enumerate(control.texts)
    )
    return f'<select autocomplete="off">{options}</select></label>'


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
