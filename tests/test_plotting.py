import matplotlib.pyplot as plt
import pytest
import torch

from lecture_utils.plotting import (
    plot_convergence,
    plot_phase_portrait,
    scatter_classes,
    use_book_style,
)


@pytest.fixture
def ax():
    with plt.rc_context():
        use_book_style()
        fig, ax = plt.subplots()
        yield ax
        plt.close(fig)


def test_the_book_style_is_found_and_stays_apart_for_colour_blind_readers(ax):
    assert not ax.spines["top"].get_visible()
    assert plt.rcParams["axes.prop_cycle"].by_key()["color"][0] == "#0072B2"


def test_a_phase_portrait_marks_where_it_starts(ax):
    states = torch.tensor([[1.0, 2.0], [3.0, 5.0]], requires_grad=True)
    plot_phase_portrait(ax, states, label="orbit")
    curve, start = ax.lines
    assert curve.get_xydata().tolist() == [[1, 2], [3, 5]]
    assert start.get_xydata().tolist() == [[1, 2]]


def test_classes_differ_in_shape_as_well_as_in_colour(ax):
    points = torch.tensor([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    scatter_classes(ax, points, torch.tensor([0, 1, 0]))
    zeros, ones = ax.lines
    assert zeros.get_xydata().tolist() == [[0, 0], [2, 2]]
    assert ones.get_xydata().tolist() == [[1, 1]]
    assert zeros.get_marker() != ones.get_marker()
    assert zeros.get_color() != ones.get_color()


def test_convergence_curves_are_named_at_their_ends(ax):
    plot_convergence(ax, [1, 2, 4], {"A": [1, 0.5, 0.25], "B": [1, 0.25, 0.06]})
    assert ax.get_xscale() == ax.get_yscale() == "log"
    assert [text.get_text() for text in ax.texts] == ["A", "B"]
    assert ax.texts[1].xy == (4, 0.06)
