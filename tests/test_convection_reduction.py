"""Reduced convection: what is shipped is what is recorded."""

from statistics import median

import pytest
import torch

from reproductions.convection.data import (
    convection,
    initial_states,
    simulate,
    snapshot_times,
    trajectories,
)
from reproductions.convection.dynamics import build, train_fields
from reproductions.convection.equations import Convection
from reproductions.convection.reduction import (
    Components,
    Reduction,
    relative_error,
    stretches,
    train_reduction,
)
from reproductions.convection.scoring import (
    failures,
    forecast,
    load_components,
    load_field,
    load_held_out,
    load_reduction,
    read_records,
    relative_errors,
    score,
)
from reproductions.convection.steady import (
    jacobian,
    kind_of,
    resampled,
    run,
    steady_state,
    unmirrored,
)

CASES = [(how, m) for how in ("autoencoder", "components") for m in (3, 5, 7)]
COMPETITORS = ("onsager", "plain", "plain-long")


def rows(kind, **wanted):
    return [r for r in read_records(kind) if all(r[k] == v for k, v in wanted.items())]


@pytest.mark.parametrize("competitor", COMPETITORS)
@pytest.mark.parametrize(("how", "m"), [CASES[0], CASES[2]])
def test_the_recorded_scores_are_those_of_the_shipped_fields(how, m, competitor):
    (recorded,) = rows("score", how=how, m=m, competitor=competitor, seed=0)
    found = score(competitor, m, how=how)
    assert found["t1"] == pytest.approx(recorded["t1"], rel=1e-3)
    assert found["t99"] == pytest.approx(recorded["t99"], rel=0.05)
    assert abs(found["failed"] - recorded["failed"]) <= 2
    assert found["trajectories"] == recorded["trajectories"] == 200


@pytest.mark.parametrize("m", [3, 5, 7])
def test_the_autoencoder_keeps_far_more_than_the_components(m):
    z = load_held_out().z
    errors = {
        how: relative_error(load_reduction(m, how), z)
        for how in ("autoencoder", "components")
    }
    assert 1e-5 < errors["autoencoder"] <= 0.25 * errors["components"]
    (recorded,) = rows("reduction", how="autoencoder", m=m)
    (linear,) = rows("reduction", how="components", m=m)
    assert recorded["relative_error"] <= 0.25 * linear["relative_error"]
    assert 0.5 < recorded["stretch_5"] < recorded["stretch_95"] < 1.5


def test_held_out_flows_end_in_one_of_eight_steady_ones():
    field, held_out = convection(torch.float32), load_held_out()
    x = load_components().decode(held_out.z[:, -1])
    psi = field.split(x)[0][:, 0, :3]
    kinds = kind_of(field, x)
    ends = {
        (int(kind), *(row.sign().int() * (row.abs() > 0.3)).tolist())
        for kind, row in zip(kinds, psi, strict=True)
    }
    assert len(ends) == 8 and {end[0] for end in ends} == {1, 2, 3}
    velocity = field(0.0, x).norm(dim=-1) / (field.damping * x).norm(dim=-1)
    assert velocity.median() < 0.05


def test_components_are_those_of_the_fluid_and_not_of_the_coefficients():
    field = Convection(28.0, 3, 3)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, field.dim, generator=generator, dtype=torch.float64)
    components = Components(field.dim, n=field.dim).double().fit(field, x)
    z = components.encode(x)
    torch.testing.assert_close(components.decode(z), x, rtol=1e-4, atol=1e-4)
    spread = z - z.mean(dim=0)
    covariance = spread.mT @ spread / len(x)
    off = covariance - covariance.diagonal().diag()
    assert off.abs().max() < 1e-5 and z.square().sum(-1).mean() == pytest.approx(1)
    torch.testing.assert_close(
        covariance.diagonal().float(), components.share, rtol=1e-3, atol=1e-5
    )
    # Half of the variance is that of the velocity, whatever its units.
    psi, theta = (c.clone() for c in field.split(x))
    still = field.join(psi * 0 + field.split(components.mean.double())[0], theta)
    assert components.encode(still).square().sum(-1).mean() == pytest.approx(
        0.5, rel=1e-3
    )


def test_pushing_forward_is_the_chain_rule():
    torch.manual_seed(0)
    reduction = Reduction(3, nonlinear=True, n=6).double()
    z, velocity = torch.randn(5, 6).double(), torch.randn(5, 6).double()
    slope = torch.func.vmap(torch.func.jacrev(reduction.encode))(z)
    exact = (slope @ velocity[..., None]).squeeze(-1)
    torch.testing.assert_close(reduction.push(z, velocity), exact, rtol=1e-7, atol=1e-9)
    linear = Reduction(3, nonlinear=False, n=6)
    torch.testing.assert_close(linear.encode(z), z[:, :3])
    assert (linear.decode(z[:, :3])[:, 3:] == 0).all()


def test_an_autoencoder_trains_and_stays_near_an_isometry(monkeypatch):
    monkeypatch.setattr("reproductions.convection.reduction.N_STEPS", 300)
    z = load_held_out().z[:, :51].flatten(0, 1)
    generator = torch.Generator().manual_seed(0)
    reduction, record = train_reduction(3, z, seed=0)
    linear = Reduction(3, nonlinear=False)
    assert relative_error(reduction, z) < 0.5 * relative_error(linear, z)
    assert (stretches(reduction, z, generator) - 1).abs().median() < 0.2
    assert record["steps"] == 300


def test_fields_of_both_kinds_have_equally_many_parameters():
    for m in (3, 5, 7):
        ours, theirs = (
            sum(p.numel() for p in build(kind, m).parameters())
            for kind in ("onsager", "plain")
        )
        assert abs(ours - theirs) < 0.07 * ours


@pytest.mark.parametrize("kind", ["onsager", "plain"])
def test_training_fits_a_spiral_with_every_seed(kind):
    generator = torch.Generator().manual_seed(0)
    h = torch.rand(2000, 3, generator=generator) * 2 - 1
    turn = torch.tensor([[-1.0, 2.0, 0.0], [-2.0, -1.0, 0.0], [0.0, 0.0, -3.0]])
    fields, record = train_fields(
        kind, h, h @ turn.mT, seeds=(0, 1), n_steps=300, rate=1e-2
    )
    velocity = h @ turn.mT
    for field in fields:
        missed = (field(0.0, h) - velocity).square().mean() / velocity.square().mean()
        assert missed < 0.02
    weights = [next(field.parameters()) for field in fields]
    assert not torch.allclose(*weights) and record["epochs"] == 75


def test_forecasts_errors_and_failures_of_a_known_field():
    times = torch.tensor([0.0, 0.5, 2.0], dtype=torch.float64)
    h0 = torch.tensor([[1.0, 0.0], [0.0, 2.0]], dtype=torch.float64)
    h = forecast(lambda t, h: -h, h0, times)
    true = h0[:, None] * (-times).exp()[:, None]
    torch.testing.assert_close(h, true, rtol=1e-6, atol=0)
    torch.testing.assert_close(
        relative_errors(1.1 * true, true), torch.full((2,), 0.1).double()
    )
    assert relative_errors(1e4 * true, true).tolist() == [2.0, 2.0]
    wrong = true.clone()
    wrong[0, -1] += torch.tensor([0.0, 0.31])
    wrong[1, -1] += torch.tensor([0.0, 0.59])
    assert failures(wrong, true).tolist() == [True, False]
    escaped = forecast(lambda t, h: h**2 + 1, h0, times)
    assert escaped.isfinite().all() and failures(escaped, true).all()
    assert failures(true * torch.nan, true).all()
    with pytest.raises(ValueError, match="multiples of dt"):
        forecast(lambda t, h: -h, h0, times * 1.01)


def test_a_simulation_stops_where_nothing_moves(monkeypatch):
    monkeypatch.setattr("reproductions.convection.data.DT", 0.05)
    field = Convection(2.5, 3, 2)
    x = initial_states(field, 2, torch.Generator().manual_seed(0))
    snapshots, times = simulate(field, x), snapshot_times()
    assert snapshots.shape == (2, len(times), field.dim)
    later = run(field, x, 1.0 + 2.0, 0.05)
    torch.testing.assert_close(snapshots[:, times == 2.0].squeeze(1), later)
    end = snapshots[:, -1]
    assert torch.equal(end, snapshots[:, -2])  # no rounding: it was left alone
    assert field(0.0, end).norm() < 1e-3 * (field.damping * end).norm()
    assert (end.norm(dim=-1) > 0.1).all()


def test_states_can_be_resampled():
    field, fine = Convection(28.0, 3, 3), Convection(28.0, 5, 6)
    x = initial_states(field, 2, torch.Generator().manual_seed(0))
    wide = resampled(x, field, fine)
    torch.testing.assert_close(resampled(wide, fine, field), x)
    assert wide.shape == (2, fine.dim) and wide.norm() == pytest.approx(x.norm())


def test_newton_finds_the_roll_and_its_growth_rates():
    field = Convection(1.5, 3, 2)
    psi, theta = field.split(torch.zeros(field.dim, dtype=torch.float64))
    psi[0, 0], theta[0, 1] = 0.2, 0.1
    near = run(field, field.join(psi, theta), 5.0, 0.05)
    x = steady_state(field, near)
    assert field(0.0, x).norm() < 1e-9 and 1e-6 < (x - near).norm() < 0.1 < x.norm()
    slope = torch.func.jacrev(lambda x: field(0.0, x))(x)
    torch.testing.assert_close(jacobian(field, x), slope)
    free, same = unmirrored(field, x)
    assert free(0.0, same).norm() < 1e-8 and same.norm() == pytest.approx(x.norm())
    rates = torch.linalg.eigvals(jacobian(free, same)).real.topk(2).values
    assert abs(rates[0]) < 1e-6 < 0.01 < -rates[1]  # a shift, and what decays
    with pytest.raises(ValueError, match="No steady state found"):
        steady_state(Convection(28.0, 3, 2), 100 * torch.ones_like(x))


def test_the_steady_flows_are_converged_and_lorenz_is_far_off():
    flows = rows("nusselt")
    for kind, expected in [(1, 5.90), (2, 5.26), (3, 4.57)]:
        by_size = {r["modes"]: r for r in flows if r["flow"] == kind}
        fine, data = by_size[24], by_size[16]
        assert fine["volume"] == pytest.approx(expected, abs=0.005)
        assert data["volume"] == pytest.approx(fine["volume"], rel=5e-4)
        assert fine["wall"] == pytest.approx(fine["volume"], rel=5e-5)
        assert by_size[8]["volume"] != pytest.approx(fine["volume"], rel=0.01)
        assert by_size[12]["mirror_rate"] < -0.1
    lorenz, *_, full = rows("truncation")
    assert (lorenz["nx"], lorenz["nz"], full["nx"]) == (1, 2, 16)
    assert lorenz["steady"] == 0 and 0.7 < lorenz["exponent"] < 1.2
    assert full["steady"] >= 11 and full["exponent"] < 0
    assert lorenz["nusselt"] < 0.6 * full["nusselt"]


def test_impossible_requests_are_refused():
    with pytest.raises(ValueError, match="split must be one of"):
        trajectories("exam")
    with pytest.raises(ValueError, match="m must be 3, 5 or 7"):
        load_reduction(4)
    with pytest.raises(ValueError, match="No field 'onsager/7'"):
        load_field("onsager", 7, seed=7)
    with pytest.raises(ValueError, match="kind must be"):
        build("symmetric", 3)
    with pytest.raises(ValueError, match="between 1 and 32"):
        Reduction(33, nonlinear=False)


def test_every_competitor_had_the_same_tuning_and_three_seeds():
    for how, m in CASES:
        for name in ("onsager", "plain"):
            tried = rows("trial", how=how, m=m, competitor=name)
            assert len({r["rate"] for r in tried}) == 3
        for name in COMPETITORS:
            found = rows("score", how=how, m=m, competitor=name)
            assert {r["seed"] for r in found} == {0, 1, 2}
        ours, theirs = (
            median(r["cpu_seconds"] for r in rows("score", how=how, m=m, competitor=c))
            for c in ("onsager", "plain-long")
        )
        assert 0.6 < theirs / ours < 1.7
