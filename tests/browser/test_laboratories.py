"""The laboratories: the numerics of the page against Python, and what a reader does."""

import functools
import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
from built_book import HTML, BookPage
from playwright.sync_api import Browser, Page, expect

from lecture_utils.data import reference_trajectories
from lecture_utils.hits import HierarchicalStepper
from lecture_utils.integrators import (
    dop853_step,
    euler_step,
    heun_step,
    integrate,
    rk4_step,
    verlet_step,
)
from lecture_utils.systems import ClassificationFlow, HarmonicOscillator
from reproductions.hits.problems import PROBLEMS
from reproductions.hits.training import load_flows
from reproductions.sympflow import load_network
from tools.laboratory_pictures import flow_points

NAMES = ["phase_plane", "energy", "residual_flow"]
CLOSE: dict[str, Any] = {"rtol": 0.0, "atol": 1e-8}  # the issue asks for 1e-5
OWN_BYTES = 3_000_000  # of a page, with its scripts


@functools.cache
def flows(system: str) -> dict:
    """The shipped networks of a system."""
    return load_flows(system)[0]


@pytest.fixture(scope="module", params=NAMES)
def laboratory(
    request: pytest.FixtureRequest, browser: Browser, homes: dict[str, str]
) -> Iterator[BookPage]:
    """Every laboratory in turn, from the disk."""
    opened = BookPage(f"book/laboratories/{request.param}.html", browser, homes)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def phase_plane(browser: Browser, homes: dict[str, str]) -> Iterator[Page]:
    """The laboratory of the phase plane, from the disk."""
    opened = BookPage("book/laboratories/phase_plane.html", browser, homes)
    yield opened.at("file").page
    opened.close()


def computed(page: Page, script: str, argument: Any, dim: int) -> torch.Tensor:
    """States that a script in the page returns, shape ``(T, dim)``."""
    values = page.evaluate(f"it => Array.from({script})", argument)
    return torch.tensor(values, dtype=torch.float64).reshape(-1, dim)


# ---- the phase plane

STARTS = {
    "hyperbolic": [0.7, -0.9],
    "cubic": [-0.8, 0.4],
    "van_der_pol": [1.0, 2.0],
    "hopf": [0.3, 1.2, -0.5],
}
HIERARCHIES = [
    ([1], 300),
    ([8, 4, 2], 5120),
    ([2**k for k in range(11)], 5120),
    ([1024, 64], 5000),  # the end lies in a gap
    ([512], 1024),  # three states: a parabola
    ([1024], 700),  # two states: a line
]


@pytest.mark.parametrize("system", STARTS)
@pytest.mark.parametrize("interpolation", ["spline", "linear"])
def test_the_page_forecasts_what_python_forecasts(
    phase_plane: Page, system: str, interpolation: str
):
    x0 = torch.tensor(STARTS[system], dtype=torch.float64)
    for levels, n_steps in HIERARCHIES:
        stepper = HierarchicalStepper(
            {k: flows(system)[k] for k in levels},
            PROBLEMS[system].dt,
            interpolation=interpolation,
        )
        script = "laboratory.phasePlane.forecast(...it)"
        asked = [system, STARTS[system], levels, interpolation, n_steps]
        found = computed(phase_plane, script, asked, len(x0))
        torch.testing.assert_close(found, stepper(x0, n_steps), **CLOSE)
        calls = phase_plane.evaluate(
            "it => laboratory.phasePlane.calls(...it)", [levels, n_steps]
        )
        assert calls == stepper.calls(n_steps)


@pytest.mark.parametrize("system", STARTS)
def test_the_truth_of_the_page_is_true(phase_plane: Page, system: str):
    x0 = torch.tensor(STARTS[system], dtype=torch.float64)
    times = PROBLEMS[system].dt * torch.arange(0, 5121, 64, dtype=torch.float64)
    exact = reference_trajectories(PROBLEMS[system].field, x0, times).states
    script = "laboratory.phasePlane.truth(...it)"
    found = computed(phase_plane, script, [system, STARTS[system], 5120], len(x0))
    torch.testing.assert_close(found[::64], exact, **CLOSE)


def test_the_sentence_below_the_picture_gives_the_error(phase_plane: Page):
    system = phase_plane.get_by_role("combobox", name="System")
    system.select_option(label="cubic oscillator")
    phase_plane.get_by_label("Hierarchy").select_option(label="the longest step alone")
    phase_plane.get_by_label("Between the states").select_option(label="straight lines")
    until = phase_plane.get_by_label("Forecast until")
    until.press("End")
    expect(until).to_have_attribute("aria-valuetext", "t = 51.2")
    status = phase_plane.locator(".lab-status")
    expect(status).to_contain_text("Calls in a row: 5 instead of 5120")
    stepper = HierarchicalStepper({1024: flows("cubic")[1024]}, 0.01)
    x0 = torch.tensor([0.5, 0.5], dtype=torch.float64)  # a quarter from the corner
    times = 0.01 * torch.arange(5121, dtype=torch.float64)
    exact = integrate(PROBLEMS["cubic"].field, x0, times)
    error = (stepper(x0, 5120) - exact)[1:].square().mean().item()
    said = re.search(r"squared error ([\d.e\u2212]+),", status.inner_text())
    assert said is not None
    shown = float(said[1].replace("\u2212", "-"))
    assert shown == pytest.approx(error, rel=0.05)
    rows = phase_plane.locator("#phase-plane tbody tr")
    assert rows.count() == 9


def test_a_click_moves_the_start(phase_plane: Page):
    phase_plane.get_by_role("combobox", name="System").select_option(
        label="hyperbolic fixed point"
    )
    sliders = [phase_plane.get_by_label(f"Start at {it}") for it in "xy"]
    before = [it.input_value() for it in sliders]
    plane = phase_plane.locator("#phase-plane svg.lab-pointed")
    box = plane.bounding_box()
    assert box is not None
    plane.click(position={"x": 0.3 * box["width"], "y": 0.25 * box["height"]})
    after = [it.input_value() for it in sliders]
    assert all(a != b for a, b in zip(before, after, strict=True))
    assert float(after[0]) < 0 < float(after[1])  # left, above the middle
    expect(phase_plane.locator(".lab-status")).to_contain_text("outside the dashed box")


def test_without_a_level_it_asks_for_one(phase_plane: Page):
    phase_plane.get_by_label("Hierarchy").select_option("shortest")
    phase_plane.get_by_label("0.01").press("Space")
    status = phase_plane.locator(".lab-status")
    expect(status).to_have_text("Tick at least one level.")
    for chart in phase_plane.locator(".lab-charts svg").all():
        expect(chart).to_have_attribute("aria-label", re.compile("Tick at least one"))
    assert phase_plane.get_by_label("Hierarchy").input_value() == "own"
    phase_plane.get_by_label("0.64").press("Space")
    expect(status).to_contain_text("mean squared error")


@pytest.mark.parametrize("preset", ["chosen", "all", "shortest", "longest"])
def test_a_forecast_may_end_before_the_first_landmark(phase_plane: Page, preset: str):
    phase_plane.get_by_label("Hierarchy").select_option(preset)
    until = phase_plane.get_by_label("Forecast until")
    status = phase_plane.locator(".lab-status")
    for stop in range(1, 9):
        until.fill(str(stop))
        expect(status).to_contain_text(f"until t = {1.28 * stop:.4g}, ")
        has_none = preset in ("all", "longest") and stop < 8  # steps of 10.24
        assert ("No landmark" in status.inner_text()) == has_none
    until.fill("16")


def test_the_sentence_names_the_system_and_the_interpolant(phase_plane: Page):
    phase_plane.get_by_role("combobox", name="System").select_option("hopf")
    phase_plane.get_by_label("Between the states").select_option("linear")
    expect(phase_plane.locator(".lab-status")).to_have_text(
        re.compile(
            r"^Hopf bifurcation, \u03bc = 0\.3, from .*, joined by straight lines: "
        )
    )
    phase_plane.get_by_label("Between the states").select_option("spline")


# ---- energy


@pytest.fixture(scope="module")
def energy(browser: Browser, homes: dict[str, str]) -> Iterator[Page]:
    """The laboratory of energy, from the disk."""
    opened = BookPage("book/laboratories/energy.html", browser, homes)
    yield opened.at("file").page
    opened.close()


def by_steps(step: Any) -> Any:
    """A method of the package as a flow ``(h, x) -> x``."""
    return lambda h, x: step(HarmonicOscillator(), 0.0, x, h)


FLOWS = {
    "euler": lambda: by_steps(euler_step),
    "rk4": lambda: by_steps(rk4_step),
    "verlet": lambda: by_steps(verlet_step),
    "symplectic": lambda: load_network("oscillator", "symplectic-lm"),
    "plain": lambda: load_network("oscillator", "plain-lm"),
}


@pytest.mark.parametrize("method", FLOWS)
@pytest.mark.parametrize("is_random", [False, True])
def test_the_page_steps_as_python_does(energy: Page, method: str, is_random: bool):
    script = "laboratory.energy.lengths(...it)"
    lengths = energy.evaluate(f"it => Array.from({script})", [0.4, 1500, is_random])
    assert 0.2 <= min(lengths) <= max(lengths) <= 0.4
    assert (len(set(lengths)) > 1400) == is_random
    found = computed(
        energy, "laboratory.energy.orbit(...it)", [method, [0.9, -0.6], lengths], 2
    )
    flow, x = FLOWS[method](), torch.tensor([0.9, -0.6], dtype=torch.float64)
    states = [x]
    for h in lengths:
        # a number would become float32 on its way into a network
        states.append(flow(torch.tensor(h, dtype=torch.float64), states[-1]))
    relative = {"rtol": 1e-8, "atol": 1e-8}  # Euler's states grow without bound
    torch.testing.assert_close(found, torch.stack(states), **relative)


def test_no_orbit_is_said_to_be_infinite(energy: Page):
    energy.get_by_label("Euler").check()
    energy.get_by_label("Step h").press("End")
    energy.get_by_label("Number of steps").press("End")
    status = energy.locator(".lab-status")
    expect(status).to_contain_text("Euler over 1e200")
    cells = energy.get_by_role("row", name="Euler").locator("td")
    lost = ["Euler", "over 1e200", "over 1e200 times", "over 1e100"]
    expect(cells).to_have_text(lost)
    assert "NaN" not in energy.locator(".laboratory").inner_html()
    # what the chapter says, in one sentence: the symmetry keeps the energy
    said = dict(
        re.findall(
            r"([\w ]+?) ([\d.e\u2212]+)[,.](?= |$)", status.inner_text().split(": ")[1]
        )
    )
    errors = {k.strip(): float(v.replace("\u2212", "-")) for k, v in said.items()}
    assert errors["SympFlow"] < 1e-3 < errors["plain network"]
    assert errors["RK4"] == pytest.approx(1, abs=0.01)


def test_the_circle_of_every_start_is_round_and_in_sight(energy: Page):
    for name in ("q", "p"):
        energy.get_by_label(f"Start at {name}").press("End")
    expect(energy.locator(".lab-status")).to_contain_text("outside the dashed box")
    energy.wait_for_timeout(100)  # the picture follows in the next frame
    plane = energy.locator("svg.lab-pointed")
    frame = plane.locator(".lab-axes rect").bounding_box()
    circle = plane.locator(".lab-truth").bounding_box()
    assert frame is not None and circle is not None
    assert circle["width"] == pytest.approx(circle["height"], rel=0.01)
    assert circle["width"] > 0.9 * frame["height"]
    for side, size in (("x", "width"), ("y", "height")):
        assert frame[side] < circle[side]
        assert circle[side] + circle[size] < frame[side] + frame[size]


def test_a_chart_without_curves_says_so(energy: Page):
    energy.get_by_label("Start at q").fill("0")
    energy.get_by_label("Start at p").fill("0")
    expect(energy.locator(".lab-status")).to_contain_text("The origin is at rest")
    for chart in energy.locator(".lab-charts svg").all():
        expect(chart).to_have_attribute("aria-label", re.compile("origin is at rest"))


@pytest.mark.parametrize("name", ["phase_plane", "energy"])
def test_only_a_tap_and_the_first_button_move_the_start(
    browser: Browser, homes: dict[str, str], name: str
):
    context = browser.new_context(
        viewport={"width": 390, "height": 844}, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(f"{homes['file']}book/laboratories/{name}.html")
    plane = page.locator("svg.lab-pointed")
    plane.scroll_into_view_if_needed()
    sliders = page.get_by_label("Start at").all()

    def start() -> list[str]:
        page.wait_for_timeout(100)
        return [it.input_value() for it in sliders]

    def place(across: float, up: float) -> dict[str, float]:
        box = plane.bounding_box()
        assert box is not None
        return {
            "x": box["x"] + across * box["width"],
            "y": box["y"] + up * box["height"],
        }

    first, top = start(), page.evaluate("scrollY")
    finger, at = context.new_cdp_session(page), place(0.4, 0.7)
    for kind, moved in [
        ("touchStart", 0),
        *(("touchMove", 10 * k) for k in range(1, 16)),
    ]:
        points = [{"x": at["x"], "y": at["y"] - moved}]
        finger.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
    finger.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_timeout(300)
    assert page.evaluate("scrollY") != top  # the finger did scroll
    assert start() == first
    page.mouse.click(**place(0.4, 0.4), button="right")
    assert start() == first
    page.touchscreen.tap(**place(0.45, 0.35))
    tapped = start()
    assert all(a != b for a, b in zip(first, tapped, strict=True))
    page.mouse.click(**place(0.6, 0.6))
    assert all(a != b for a, b in zip(tapped, start(), strict=True))
    context.close()


# ---- the residual network


@pytest.fixture(scope="module")
def residual_flow(browser: Browser, homes: dict[str, str]) -> Iterator[Page]:
    """The laboratory of residual networks, from the disk."""
    opened = BookPage("book/laboratories/residual_flow.html", browser, homes)
    yield opened.at("file").page
    opened.close()


def layer_times(depth: int, h: float) -> torch.Tensor:
    """Times of the layers, shape ``(depth + 1,)``."""
    return h * torch.arange(depth + 1, dtype=torch.float64)


METHODS = {"euler": euler_step, "heun": heun_step, "rk4": rk4_step}


@pytest.mark.parametrize("method", METHODS)
def test_the_layers_of_the_page_are_steps(residual_flow: Page, method: str):
    for x0, depth, h in [([0.3, -0.8], 40, 0.1), ([-1.0, 0.9], 4, 1.0)]:
        script = "laboratory.residualFlow.layers(...it).flat()"
        found = computed(residual_flow, script, [method, x0, depth, h], 2)
        start = torch.tensor(x0, dtype=torch.float64)
        times = layer_times(depth, h)
        exact = integrate(ClassificationFlow(), start, times, step=METHODS[method])
        torch.testing.assert_close(found, exact, **CLOSE)


def test_the_flow_of_the_page_is_the_flow(residual_flow: Page):
    script = "laboratory.residualFlow.flow(...it).flat()"
    found = computed(residual_flow, script, [[0.3, -0.8], 12, 0.25], 2)
    start, times = torch.tensor([0.3, -0.8], dtype=torch.float64), layer_times(12, 0.25)
    exact = integrate(
        ClassificationFlow(), start, times, step=dop853_step, n_substeps=20
    )
    torch.testing.assert_close(found, exact, **CLOSE)


def test_it_counts_where_a_layer_turns_the_plane_over(residual_flow: Page):
    points, times = flow_points(), layer_times(3, 1.0)
    states = integrate(ClassificationFlow(), points, times, step=euler_step)
    is_over = torch.zeros(len(points), dtype=torch.bool)
    for k in range(3):
        step = functools.partial(euler_step, ClassificationFlow(), times[k], dt=1.0)
        slopes = torch.func.vmap(torch.func.jacrev(step))(states[:, k])
        is_over |= torch.linalg.det(slopes) <= 0
    assert 0 < is_over.sum() < len(points)
    residual_flow.get_by_role("slider", name="Depth L").fill("3")
    residual_flow.get_by_role("slider", name="Step h").fill("1")
    status = residual_flow.locator(".lab-status")
    expect(status).to_contain_text(f"Around {is_over.sum()} of 240 points")


def test_the_horizon_can_be_kept(residual_flow: Page):
    residual_flow.get_by_role("slider", name="Step h").fill("0.25")
    residual_flow.get_by_role("slider", name="Depth L").fill("12")
    residual_flow.get_by_label("keep the horizon").check()
    residual_flow.get_by_role("slider", name="Depth L").fill("48")
    status = residual_flow.locator(".lab-status")
    expect(status).to_contain_text("48 layers with the step h = 0.0625, horizon T = 3.")
    residual_flow.get_by_role("slider", name="Step h").fill("1")
    expect(status).to_contain_text("3 layers with the step h = 1, horizon T = 3.")
    residual_flow.get_by_label("keep the horizon").uncheck()


def test_the_slider_of_the_step_says_the_step(residual_flow: Page):
    depth = residual_flow.get_by_role("slider", name="Depth L")
    step = residual_flow.get_by_role("slider", name="Step h")
    status = residual_flow.locator(".lab-status")
    depth.fill("6")
    step.fill("0.25")
    depth.fill("12")
    kept = residual_flow.get_by_label("keep the horizon")
    kept.check()
    for n_layers, h in ((24, "0.125"), (1, "3"), (80, "0.0375")):
        depth.fill(str(n_layers))
        expect(step).to_have_attribute("aria-valuetext", h)
        layers = "1 layer" if n_layers == 1 else f"{n_layers} layers"
        said = f"{layers} with the step h = {h}, horizon T = 3."
        expect(status).to_contain_text(said)
    kept.uncheck()
    residual_flow.get_by_role("combobox").select_option("heun")
    expect(status).to_contain_text("step h = 0.0375, horizon T = 3.")
    expect(step).to_have_attribute("aria-valuetext", "0.0375")
    residual_flow.get_by_role("combobox").select_option("euler")


def test_a_network_that_blows_up_is_never_right(residual_flow: Page):
    residual_flow.get_by_role("slider", name="Step h").fill("1.5")
    residual_flow.get_by_role("slider", name="Depth L").fill("80")
    status = residual_flow.locator(".lab-status")
    expect(status).to_contain_text("horizon T = 120")
    said = re.search(r"(\d+) of (\d+) points .* other (\d+) the", status.inner_text())
    assert said is not None
    right, kept, gone = map(int, said.groups())
    assert right == 0 < kept == 240 - gone < 240
    expect(status).to_contain_text("to the flow at the end: over 1000.")
    last = residual_flow.locator("#residual-flow tbody tr").last.locator("td")
    assert last.all_inner_texts() == ["80", "120", "over 1000", "over 1000"]


# all points stay; some stray; many are lost
@pytest.mark.parametrize(("depth", "h"), [(12, 0.25), (20, 0.25), (30, 0.75)])
def test_the_distances_in_the_table_are_those_of_numpy(
    residual_flow: Page, depth: int, h: float
):
    residual_flow.get_by_role("slider", name="Step h").fill(str(h))
    residual_flow.get_by_role("slider", name="Depth L").fill(str(depth))
    field, points, times = ClassificationFlow(), flow_points(), layer_times(depth, h)
    network = integrate(field, points, times, step=euler_step)
    exact = integrate(field, points, times, step=rk4_step, n_substeps=round(100 * h))
    distance = (network - exact).norm(dim=-1).numpy()
    is_kept = exact.norm(dim=-1).numpy() < 1000
    distance[~(distance < 1000)] = np.inf  # also where it is no number
    status = residual_flow.locator(".lab-status")
    expect(status).to_contain_text(f"{depth} layers with the step h = {h},")
    rows = residual_flow.locator("#residual-flow tbody tr")
    for n, row in enumerate(rows.all()):
        shown = [
            float(it.replace("over 1000", "inf").replace("\u2212", "-"))
            for it in row.locator("td").all_inner_texts()
        ]
        here = distance[is_kept[:, n], n]
        asked = [n, n * h, here.max(), np.median(here)]
        assert shown == pytest.approx(asked, rel=5.1e-3)


# ---- all of them


def test_the_keyboard_works_every_control(laboratory: BookPage):
    page = laboratory.at("file").page
    place = page.locator(".laboratory[data-ready]")
    assert place.locator("input[type=range], select").count() >= 3
    for control in place.locator("input[type=range]:visible, select:visible").all():
        expect(control).to_have_accessible_name(re.compile(r"\S"))
        seen, first = set(), control.input_value()
        for key in ("Home", "ArrowRight", "End"):
            control.press(key)
            page.wait_for_timeout(60)  # the picture follows in the next frame
            seen.add((control.input_value(), place.locator(".lab-charts").inner_html()))
        is_slider = control.get_attribute("type") == "range"
        n_choices = control.evaluate("it => it.options?.length ?? 3")
        assert len({value for value, _ in seen}) == min(3, n_choices)
        # the choice "my own" leaves a picture as it was
        assert len({picture for _, picture in seen}) >= (3 if is_slider else 2)
        control.fill(first) if is_slider else control.select_option(first)
    for chart in place.locator(".lab-charts svg").all():
        assert len((chart.get_attribute("aria-label") or "").split()) >= 8
    assert "NaN" not in place.inner_html()
    assert laboratory.at("file").errors == []


def test_a_finger_can_hit_every_control(laboratory: BookPage):
    page = laboratory.at("file").page
    page.set_viewport_size({"width": 390, "height": 844})
    place = page.locator(".laboratory")
    for control in place.locator("input:visible, select:visible").all():
        box = control.locator("xpath=ancestor::label[1]").bounding_box()
        assert box is not None and box["height"] >= 24 and box["width"] >= 24
        assert box["x"] >= 0 and box["x"] + box["width"] <= 390
    for chart in place.locator(".lab-charts svg").all():
        box = chart.bounding_box()
        assert box is not None and box["width"] >= 300
    page.set_viewport_size({"width": 1280, "height": 900})


def test_the_browser_restores_no_control_without_its_picture(laboratory: BookPage):
    controls = laboratory.at("file").page.locator(".laboratory :is(input, select)")
    assert controls.count() >= 3
    for control in controls.all():
        expect(control).to_have_attribute("autocomplete", "off")


OVERLAPS = """() => [...document.querySelectorAll(".explore-control")]
  .filter((it) => it.offsetParent)
  .filter((it) => {
    const range = document.createRange();
    const [input, output] = ["input, select", "output"].map((q) => it.querySelector(q));
    const box = input.getBoundingClientRect();
    if (output) range.selectNodeContents(output);
    const text = output && range.getBoundingClientRect();
    const end = text ? text.right : box.right;
    const isOver = text && box.right > text.left + 0.5 && box.bottom > text.top;
    return isOver || end > it.getBoundingClientRect().right + 1;
  })
  .map((it) => it.innerText)"""


@pytest.mark.parametrize("width", [320, 390, 640, 1210])
def test_no_slider_runs_under_its_value(laboratory: BookPage, width: int):
    page = laboratory.at("file").page
    page.set_viewport_size({"width": width, "height": 900})
    assert page.evaluate(OVERLAPS) == []
    page.set_viewport_size({"width": 1280, "height": 900})


def test_nothing_moves_by_itself(laboratory: BookPage):
    page = laboratory.at("file").page
    place = page.locator(".laboratory")
    page.wait_for_timeout(100)
    before = place.inner_html()
    page.wait_for_timeout(500)
    assert place.inner_html() == before


def test_without_scripts_the_still_picture_shows(
    laboratory: BookPage, browser: Browser, homes: dict[str, str]
):
    page = browser.new_page(java_script_enabled=False)
    page.goto(homes["file"] + laboratory.name)
    assert page.locator("figure img").first.is_visible()
    notice = page.locator(".laboratory noscript")
    assert "With JavaScript switched on" in (notice.text_content() or "")
    assert not page.get_by_text("Click, tap or drag").is_visible()
    page.close()
    assert not laboratory.at("file").page.locator("figure img").first.is_visible()


def test_a_laboratory_is_light_enough_with_its_scripts(laboratory: BookPage):
    scripts = laboratory.at("file").page.locator("article script[src]")
    sources = scripts.evaluate_all("all => all.map(it => it.getAttribute('src'))")
    images = (HTML / "_images").glob(f"{laboratory.file.stem}*")
    files = {laboratory.file, *(laboratory.file.parent / it for it in sources), *images}
    weight = sum(path.stat().st_size for path in files)
    assert 10_000 < weight <= OWN_BYTES, f"{weight / 1e6:.1f} MB"
