"""One call explores a figure: live with a kernel, from stored images in the book."""

import base64
import contextlib
import html
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from PIL import Image

from lecture_utils import widgets
from lecture_utils.widgets import explore

matplotlib.use("agg")
COLOURS = {"red": (255, 0, 0), "blue": (0, 0, 255)}


def draw(width: float, colour: str = "blue") -> Figure:
    """A bar as wide as the value, so that a state can be read back from its pixels."""
    fig = plt.figure(figsize=(2, 1))
    fig.add_axes((0, 0, 1, 1)).axis("off")
    fig.axes[0].set(xlim=(0, 1), ylim=(0, 1))
    fig.axes[0].fill_between([0, width], 0, 1, color=colour, linewidth=0)
    return fig


def draw_unless_half(width: float) -> Figure:
    fig = draw(width)
    if width == 0.5:
        raise ZeroDivisionError("no half bars")
    return fig


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What explore hands to the display."""
    collected: list[Any] = []
    monkeypatch.delenv("BOOK_STATIC", raising=False)
    monkeypatch.setattr(widgets, "display", lambda it, **_: collected.append(it))
    return collected


@pytest.fixture
def page(shown: list[Any], monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """The HTML that a call of explore leaves in the book."""
    monkeypatch.setenv("BOOK_STATIC", "1")

    def build(*args: Any, **kwargs: Any) -> str:
        explore(*args, **kwargs)
        return shown[-1]["text/html"]

    return build


def stored(page_html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json">(.*?)</script>', page_html)
    assert found
    return json.loads(found[1])


def bar(data: bytes) -> tuple[float, tuple[int, ...]]:
    """Width and colour of the bar in an encoded image."""
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[50]
    coloured = (pixels != 255).any(axis=-1)
    return coloured.mean(), tuple(pixels[0].tolist())


def test_every_combination_is_stored_in_the_order_the_script_counts(page):
    data = stored(page(draw, alt="A bar", width=[0.2, 0.4, 0.6], colour=list(COLOURS)))

    assert len(data["images"]) == 6
    for state, image in enumerate(data["images"]):
        width, colour = bar(base64.b64decode(image))
        assert width == pytest.approx([0.2, 0.4, 0.6][state // 2], abs=0.01)
        assert colour == list(COLOURS.values())[state % 2]


def test_stored_images_have_twice_the_pixels_of_their_size_on_the_page(page, shown):
    text = page(draw, alt="A bar", width=[0.2])
    image = Image.open(io.BytesIO(base64.b64decode(stored(text)["images"][0])))

    assert image.size == (400, 200)
    assert 'width="200" height="100"' in text
    assert Image.open(io.BytesIO(shown[0]["image/png"])).size == (400, 200)


def test_few_colours_are_enough_for_a_busy_figure(page, shown):
    def clouds(seed: int) -> Figure:
        fig, ax = plt.subplots(figsize=(6, 3))
        points = np.random.default_rng(seed).normal(size=(2, 2, 300))
        ax.scatter(*points[0], s=8, alpha=0.6)
        ax.scatter(*points[1], s=8, alpha=0.6)
        return fig

    few = stored(page(clouds, alt="Two clouds of points", seed=[0]))["images"][0]
    full = shown[0]["image/png"]
    found, exact = (
        np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), dtype=int)
        for data in (base64.b64decode(few), full)
    )
    assert np.abs(found - exact).max() <= 40
    assert 0 < len(base64.b64decode(few)) < len(full) / 3


def test_the_default_of_the_parameter_is_shown_first(page, shown):
    text = page(draw, alt="A bar", width=[0.2, 0.4], colour=list(COLOURS))

    assert bar(shown[0]["image/png"])[1] == COLOURS["blue"]
    assert "<option>red</option><option selected>blue</option>" in text
    assert shown[0]["text/plain"] == "A bar (width: 0.2, colour: blue)"
    assert 'alt="A bar (width: 0.2, colour: blue)"' in text


def test_the_first_value_is_shown_if_the_default_is_not_among_the_values(page, shown):
    page(draw, alt="A bar", width=[0.2], colour=["red", "green"])
    assert bar(shown[0]["image/png"])[1] == COLOURS["red"]


def test_building_again_gives_the_same_page(page):
    def build() -> str:
        return page(draw, alt="A bar", width=[0.2, 0.4], colour=["red", "blue"])

    assert build() == build()


def test_labels_and_units_are_what_a_person_reads(page):
    text = page(
        lambda time_step, n: draw(time_step),
        alt="A bar",
        labels={"n": "number of steps"},
        units={"time_step": "s"},
        time_step=[0.25, 1 / 3],
        n=range(10, 12),
    )

    assert "<span>time step</span>" in text and "<span>number of steps</span>" in text
    assert 'aria-valuetext="0.25 s"' in text and ">0.25 s</output>" in text
    assert stored(text)["texts"] == [["0.25 s", "0.3333 s"], ["10", "11"]]


def test_close_values_are_told_apart(page):
    text = page(draw, alt="A bar", width=[0.30001, 0.30002])
    assert stored(text)["texts"] == [["0.30001", "0.30002"]]


@pytest.mark.parametrize("values", [torch.tensor([0.5, 0.25]), np.array([0.5, 0.25])])
def test_tensors_and_arrays_are_values_too(page, values):
    text = page(draw, alt="A bar", width=values)
    assert stored(text)["texts"] == [["0.5", "0.25"]]


def test_no_word_of_the_author_can_end_an_element(page):
    nasty = '"</script><b>&amp;'
    text = page(
        lambda word: draw(0.5),
        alt=nasty,
        caption=nasty,
        labels={"word": nasty},
        units={"word": nasty},
        word=[nasty],
    )

    assert "<b>" not in text
    assert text.count("</script>") == 2
    assert html.escape(nasty) in text
    assert stored(text)["alts"] == [f"{nasty} ({nasty}: {nasty} {nasty})"]


def test_without_scripts_there_is_an_image_and_no_dead_control(page):
    text = page(draw, alt="A bar", width=[0.2, 0.4])
    assert '<div class="explore-controls" hidden>' in text
    assert text.index("<img ") < text.index("<script")
    assert "http" not in text and "fetch" not in text


def test_the_build_never_imports_ipywidgets():
    code = (
        "import sys; from lecture_utils.widgets import explore\n"
        "from matplotlib.figure import Figure\n"
        "explore(lambda a: Figure((1, 1)), alt='Nothing', a=[1, 2])\n"
        "print(sorted(m for m in sys.modules if m.startswith('ipywidgets')))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "BOOK_STATIC": "1", "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.splitlines()[-1] == "[]"


def live_parts(box: Any) -> tuple[list[Any], Any]:
    """Selectors and picture of a live widget."""
    import ipywidgets

    pictures = [part for part in box.children if type(part) is ipywidgets.HTML]
    return [part for part in box.children if part not in pictures], pictures[0]


def live_bar(picture: Any) -> tuple[float, tuple[int, ...]]:
    found = re.search(r'base64,([^"]*)', picture.value)
    assert found
    return bar(base64.b64decode(found[1]))


def test_moving_a_live_control_draws_anew(shown):
    explore(draw, alt="A bar", width=[0.2, 0.4], colour=list(COLOURS))
    (slider, drop_down), picture = live_parts(shown[0])
    assert (slider.value, drop_down.value) == (0.2, "blue")
    assert live_bar(picture)[1] == COLOURS["blue"]

    slider.value, drop_down.value = 0.4, "red"
    width, colour = live_bar(picture)
    assert width == pytest.approx(0.4, abs=0.01)
    assert colour == COLOURS["red"]
    assert 'alt="A bar (width: 0.4, colour: red)"' in picture.value


def test_a_live_widget_may_have_more_states_than_the_book_stores(shown):
    explore(draw, alt="A bar", width=np.linspace(0, 1, 500))
    assert len(shown) == 1


@pytest.mark.parametrize("static", ["0", "1"])
def test_an_exception_while_drawing_is_raised_and_names_the_values(
    shown, monkeypatch, static
):
    monkeypatch.setenv("BOOK_STATIC", static)
    with pytest.raises(ZeroDivisionError, match="no half bars") as caught:
        explore(draw_unless_half, alt="A bar", width=[0.5])
    assert "width=0.5" in caught.value.__notes__[0]
    assert shown == []


def test_an_exception_in_any_stored_state_is_raised(page):
    with pytest.raises(ZeroDivisionError):
        page(draw_unless_half, alt="A bar", width=[0.3, 0.4, 0.5])


def test_an_exception_after_a_move_is_shown_and_goes_with_the_next_move(shown):
    explore(draw_unless_half, alt="A bar", width=[0.3, 0.5])
    (slider,), picture = live_parts(shown[0])

    with pytest.raises(ZeroDivisionError):
        slider.index = 1
    assert "no half bars" in picture.value and "width=0.5" in picture.value
    slider.index = 0
    assert live_bar(picture)[0] == pytest.approx(0.3, abs=0.01)


@pytest.mark.parametrize("static", ["0", "1"])
@pytest.mark.parametrize("values", [[0.3, 0.4], [0.5]])
def test_no_figure_of_a_state_stays_open(shown, monkeypatch, static, values):
    monkeypatch.setenv("BOOK_STATIC", static)
    mine = plt.figure()
    with contextlib.suppress(ZeroDivisionError):
        explore(draw_unless_half, alt="A bar", width=values)
    still_open = plt.get_fignums()
    plt.close("all")
    assert still_open == [mine.number]


def sized(width: float) -> Figure:
    return plt.figure(figsize=(width, 1))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"draw": Figure()}, "needs a function that draws; it got Figure"),
        ({"alt": " "}, "alt must say what the figure shows"),
        ({"alt": [1, 2]}, "alt is a text of explore itself, .* got list"),
        ({"caption": [1, 2]}, "caption is a text of explore itself"),
        ({"labels": [1, 2]}, "labels maps parameter names to words; it got list"),
        ({"units": {"widht": "m"}}, r"units must name controls, .*\['widht'\]"),
        ({"width": None}, "values of width must be a sequence; found None"),
        ({"width": 0.5}, r"must be a sequence; found 0.5. .* width=\[0.5\]"),
        ({"width": "red"}, "must be a sequence; found 'red'"),
        ({"width": []}, "values of width must not be empty"),
        ({"width": [1, "a"]}, "all numbers or all strings"),
        ({"width": np.zeros((2, 2))}, "all numbers or all strings"),
        ({"width": [1, 2, 1]}, r"must differ from one another; found \(1, 2, 1\)"),
        ({"height": [1]}, "must fit draw.* unexpected keyword argument 'height'"),
        ({"width": range(61), "colour": ["r", "b"]}, r"61 \(width\) x 2 .* = 122"),
        ({"draw": sized, "width": [1, 2]}, r"same size.*\(200, 200\), \(400, 200\)"),
    ],
)
def test_bad_input_is_named_together_with_a_way_out(page, arguments, message):
    arguments = {"alt": "A bar", "width": [0.5]} | arguments
    drawn = arguments.pop("draw", draw)
    with pytest.raises(ValueError, match=message):
        page(drawn, **arguments)
    plt.close("all")


def test_a_widget_without_controls_or_with_too_few_is_refused(page):
    with pytest.raises(ValueError, match="at least one control"):
        page(draw, alt="A bar")
    with pytest.raises(ValueError, match="missing a required argument: 'width'"):
        page(draw, alt="A bar", colour=["red"])


def test_draw_must_return_its_figure(page):
    with pytest.raises(TypeError, match="returned NoneType. End it with `return fig`"):
        page(lambda a: None, alt="Nothing", a=[1])
