"""Ask a figure "what if?": one call makes a slider or a drop-down per parameter.

With a person at a kernel the controls are ipywidgets and every move draws anew. While
the book is built (environment variable ``BOOK_STATIC=1``) every combination is drawn
once instead, and the page shows the stored images with no kernel and no network.
"""

import html
import inspect
import os
from collections.abc import Iterable, Mapping
from typing import Any

from IPython.display import display

from lecture_utils._stored_figures import (
    Control,
    Draw,
    Value,
    alt_text,
    draw_state,
    encode,
    image_tag,
    stored_figures,
)


def explore(
    draw: Draw,
    /,
    *,
    alt: str,
    caption: str = "",
    labels: Mapping[str, str] | None = None,
    units: Mapping[str, str] | None = None,
    **controls: Iterable[Value],
) -> None:
    """Show the figure of ``draw`` with one control per parameter.

    Numbers make a slider over exactly the given values, strings a drop-down. What is
    shown first is the default of the parameter if it is among the values, else the
    first value. All figures must have one size: set ``figsize``.

    Args:
        draw: Makes a figure and returns it, ``draw(**values) -> Figure``.
        alt: What the figure shows, for those who cannot see it. The current values are
            appended.
        caption: The finding, in words; shown below the figure.
        labels: Parameter name -> label; without it ``n_steps`` reads "n steps".
        units: Parameter name -> unit, shown behind the value.
        **controls: Parameter name -> the values to choose from.

    Raises:
        ValueError: Before anything is drawn, if an argument does not fit ``draw``, or
            if the book is built and there are more than 120 combinations.
    """
    _check_texts(draw, alt, caption)
    labels, units = labels or {}, units or {}
    _check_names(draw, controls, labels, units)
    parsed = [
        _parse(draw, name, values, labels.get(name), units.get(name, ""))
        for name, values in controls.items()
    ]
    if os.environ.get("BOOK_STATIC") == "1":
        display(stored_figures(draw, parsed, alt, caption), raw=True)
    else:
        _show_live(draw, parsed, alt, caption)


# ---- what the caller gave


def _check_texts(draw: Draw, alt: str, caption: str) -> None:
    if not callable(draw):
        raise ValueError(
            "explore(draw, ...) needs a function that draws; it got "
            f"{type(draw).__name__}. Pass the function itself: explore(draw, ...), "
            "not explore(draw(), ...)."
        )
    for name, text in (("alt", alt), ("caption", caption)):
        if not isinstance(text, str):
            raise ValueError(
                f"{name} is a text of explore itself, not a control; it got "
                f"{type(text).__name__}. Rename the parameter of draw."
            )
    if not alt.strip():
        raise ValueError(
            "alt must say what the figure shows; it is empty. Write one sentence for "
            "a reader who cannot see it."
        )


def _check_names(
    draw: Draw,
    controls: Mapping[str, Iterable[Value]],
    labels: Mapping[str, str],
    units: Mapping[str, str],
) -> None:
    for option, words in (("labels", labels), ("units", units)):
        if not isinstance(words, Mapping):
            raise ValueError(
                f"{option} maps parameter names to words; it got "
                f"{type(words).__name__}. Rename the parameter of draw, if it is one."
            )
        if unknown := set(words) - set(controls):
            raise ValueError(
                f"{option} must name controls, which are {sorted(controls)}; it names "
                f"{sorted(unknown)}. Correct the spelling."
            )
    if not controls:
        raise ValueError(
            "explore needs at least one control; it got none. Give the values of a "
            "parameter, e.g. explore(draw, alt=..., dt=[0.1, 0.2])."
        )
    signature = inspect.signature(draw)
    try:
        signature.bind(**dict.fromkeys(controls))
    except TypeError as error:
        raise ValueError(
            f"The controls must fit draw{signature}; they are {sorted(controls)}, and "
            f"that is {error}. Rename the control, or give the parameter a default."
        ) from None


def _parse(
    draw: Draw, name: str, given: Iterable[Value], label: str | None, unit: str
) -> Control:
    values = _checked_values(name, given)
    parameter = inspect.signature(draw).parameters.get(name)
    default = parameter.default if parameter else None
    start = next((i for i, value in enumerate(values) if value == default), 0)
    texts = tuple(f"{text} {unit}".rstrip() for text in _texts(values))
    return Control(name, label or name.replace("_", " "), values, texts, start)


def _checked_values(name: str, given: Any) -> tuple[Value, ...]:
    # .tolist() and .item() turn NumPy and torch numbers into Python's
    plain: Any = given.tolist() if hasattr(given, "tolist") else given
    if isinstance(plain, str) or not isinstance(plain, Iterable):
        raise ValueError(
            f"The values of {name} must be a sequence; found {plain!r}. "
            f"For a single value write {name}=[{plain!r}]."
        )
    items: list[Any] = list(plain)
    values = tuple(v.item() if hasattr(v, "item") else v for v in items)
    if not values:
        raise ValueError(f"The values of {name} must not be empty. Give at least one.")
    all_text = all(isinstance(v, str) for v in values)
    if not all_text and not all(isinstance(v, int | float) for v in values):
        raise ValueError(
            f"The values of {name} must be all numbers or all strings; found "
            f"{values!r}. Give names, and look the objects up inside draw."
        )
    if len(set(values)) < len(values):
        raise ValueError(
            f"The values of {name} must differ from one another; found {values!r}. "
            "Drop the repeated ones."
        )
    return values


def _texts(values: tuple[Value, ...]) -> list[str]:
    """Values in four digits, or in all of them if four do not tell them apart."""
    short = [f"{v:.4g}" if isinstance(v, float) else str(v) for v in values]
    return short if len(set(short)) == len(values) else [str(v) for v in values]


# ---- with a person at the kernel


def _show_live(draw: Draw, controls: list[Control], alt: str, caption: str) -> None:
    # only here: one ipywidget in a built page would load scripts from the network
    import ipywidgets

    def picture(indices: list[int]) -> str:
        image = draw_state(draw, controls, indices)
        return image_tag(encode(image, "png"), image, alt_text(alt, controls, indices))

    def redraw(_change: object) -> None:
        try:
            shown.value = picture([selector.index for selector in selectors])
        except Exception as error:
            # a kernel only logs what a callback raises, so the learner is told here
            shown.value = f"<pre role='alert'>{html.escape(_message(error))}</pre>"
            raise

    # drawn before any widget is made: an exception must fail the cell
    shown = ipywidgets.HTML(picture([control.start for control in controls]))
    selectors = [_selector(control) for control in controls]
    for selector in selectors:
        selector.observe(redraw, names="index")
    below = [ipywidgets.HTML(html.escape(caption))] if caption else []
    display(ipywidgets.VBox([*selectors, shown, *below]))


def _selector(control: Control) -> Any:
    import ipywidgets

    kind = ipywidgets.SelectionSlider if control.is_slider else ipywidgets.Dropdown
    return kind(
        options=list(zip(control.texts, control.values, strict=True)),
        index=control.start,
        description=control.label,
        style={"description_width": "initial"},
    )


def _message(error: Exception) -> str:
    return "\n".join([f"{type(error).__name__}: {error}", *error.__notes__])
