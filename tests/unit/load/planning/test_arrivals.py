"""The times of an open loop follow the distribution that was asked for, and from the seed alone."""

from __future__ import annotations

from itertools import islice

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from llenergymeasure.config.load import OpenLoad
from llenergymeasure.core.random_streams import random_stream
from llenergymeasure.load.planning.arrivals import arrival_times_s

KS_LIMIT = 1.63
"""A distance of the largest sample from the true distribution, times the root of its size: over it in 1 % of cases
(Kolmogorov's distribution)."""


def _times_s(
    count: int = 4000, rate: float = 5.0, seed: int = 1, ramp_s: float = 0.0, **settings: object
) -> NDArray[np.float64]:
    load = OpenLoad.model_validate({"kind": "open", "rate_per_s": rate, **settings})
    return np.array(list(islice(arrival_times_s(load, rate, random_stream(seed, "test"), ramp_s), count)))


def _gaps_s(**settings: object) -> NDArray[np.float64]:
    return np.diff(_times_s(**settings), prepend=0.0)  # type: ignore[arg-type]


def test_gaps_of_poisson_arrivals_are_exponential() -> None:
    gaps = np.sort(_gaps_s(rate=5.0))
    true = 1 - np.exp(-5.0 * gaps)
    steps = np.arange(len(gaps) + 1) / len(gaps)
    distance = max((true - steps[:-1]).max(), (steps[1:] - true).max())
    assert distance * np.sqrt(len(gaps)) < KS_LIMIT


def test_numbers_of_poisson_arrivals_vary_as_much_as_their_mean() -> None:
    """A schedule that is rescaled to its exact total has less variance than that."""
    counts = [np.searchsorted(_times_s(count=400, rate=5.0, seed=seed), 20.0) for seed in range(200)]
    assert np.mean(counts) == pytest.approx(100, abs=3)
    assert np.var(counts) == pytest.approx(100, rel=0.3)


@pytest.mark.parametrize("burstiness", [0.25, 1.0, 4.0])
def test_gaps_of_gamma_arrivals_have_the_stated_variation(burstiness: float) -> None:
    gaps = _gaps_s(arrivals="gamma", burstiness=burstiness, count=20_000)
    assert gaps.mean() == pytest.approx(1 / 5.0, rel=0.05)
    assert gaps.std() / gaps.mean() == pytest.approx(1 / np.sqrt(burstiness), rel=0.05)


def test_constant_arrivals_are_at_even_distances() -> None:
    assert _gaps_s(arrivals="constant") == pytest.approx(0.2)


def test_the_rate_rises_evenly_over_the_ramp_and_stays() -> None:
    times = _times_s(rate=10.0, ramp_s=8.0, arrivals="constant", count=200)
    assert (times <= 4.0).sum() == pytest.approx(
        10, abs=1
    )  # a quarter of the 40 that half the rate brings in 8 s
    assert (times <= 8.0).sum() == pytest.approx(40, abs=1)
    assert np.diff(times[times > 8.0]) == pytest.approx(0.1)


def test_streams_of_other_purposes_and_seeds_are_others() -> None:
    assert (_times_s(seed=1) == _times_s(seed=1)).all()
    assert not np.isin(_times_s(seed=1), _times_s(seed=2)).any()
    one, other = random_stream(1, "r0"), random_stream(1, "r1")
    assert one.random() != other.random()


@given(
    rate=st.floats(0.001, 1e5),
    arrivals=st.sampled_from(["poisson", "constant", "gamma"]),
    ramp_s=st.floats(0, 1000),
    seed=st.integers(0, 2**32 - 1),
)
def test_arrivals_never_run_backwards_and_are_finite(
    rate: float, arrivals: str, ramp_s: float, seed: int
) -> None:
    times = _times_s(count=300, rate=rate, seed=seed, ramp_s=ramp_s, arrivals=arrivals)
    assert np.isfinite(times).all()
    assert (np.diff(times) >= 0).all()
    assert times[0] > 0
