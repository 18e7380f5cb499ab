"""The price list: each price is what one more costs on a card with a known model, and unknown with a reason."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from llenergymeasure.domain.estimate import Estimate
from llenergymeasure.metrics.attribution.by_request.attribute import Attribution
from llenergymeasure.metrics.attribution.by_request.marginal import mean_request
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.windows import window_totals
from llenergymeasure.metrics.figures import prices
from llenergymeasure.metrics.figures.figure import Figure, FigureInputs, Unknown
from tests.support.simulated_power import COUNTERS
from tests.support.simulated_serving import COSTS_J, Mix, ServedRun, serve

ALL = (prices.PER_PROMPT_TOKEN, prices.PER_OUTPUT_TOKEN, prices.PER_REQUEST, prices.PER_STEP)


def _inputs(run: ServedRun, attribution: Attribution | str | None = None) -> FigureInputs:
    rows = window_totals(EnergyAccount(run.trace), run.phases, run.requests)
    return FigureInputs(rows=rows, attribution=run.attribution() if attribution is None else attribution)


def _price(figure: Figure, inputs: FigureInputs) -> Estimate:
    found = figure.compute(figure, inputs)
    assert isinstance(found, Estimate), found
    return found


def test_prices_are_those_of_the_simulated_card() -> None:
    run = serve(Mix(), 1, COUNTERS["a100"], windows=3, window_s=5.0)
    inputs = _inputs(run)
    records = list(run.requests.rows())
    output = np.array([each.output_tokens for each in records])
    prompt = np.array([each.prompt_tokens for each in records])
    context = prompt * output + output * (output - 1) / 2
    step, prefill, decode, per_context, _ = COSTS_J
    true_j = (
        prefill + output.mean() * per_context,
        decode + (prompt + output).mean() * per_context,
        prompt.mean() * prefill + (output - 1).mean() * decode + context.mean() * per_context,
        step,
    )
    for figure, expected_j in zip(ALL, true_j, strict=True):
        found = _price(figure, inputs)
        assert found.value == pytest.approx(expected_j, rel=0.05)
        assert found.low is not None
        assert found.high is not None
        assert found.low <= expected_j <= found.high


def test_a_systematic_error_of_the_sensor_widens_every_price() -> None:
    run = serve(Mix(), 1, COUNTERS["a100"], windows=2, window_s=4.0)
    channel = run.trace.channels[0].model_copy(update={"relative_error": 0.05})
    wider = replace(run, trace=type(run.trace)(channels=(channel,), samples=run.trace.samples))
    for figure in ALL:
        exact, found = _price(figure, _inputs(run)), _price(figure, _inputs(wider))
        assert exact.half_width is not None
        assert found.half_width is not None
        extra = found.half_width**2 - exact.half_width**2
        assert extra == pytest.approx((0.05 * found.value) ** 2, rel=0.1)


def test_a_single_repeat_has_prices_without_the_spread_and_says_so() -> None:
    found = _price(prices.PER_STEP, _inputs(serve(Mix(), 2, COUNTERS["a100"], windows=1, window_s=5.0)))
    assert found.reason == "without the spread between repeats, for which it takes two"
    assert found.low is not None


def test_prices_that_steps_alike_do_not_show_are_unknown() -> None:
    alike = Mix(slots=4, prompt_tokens=(100, 100), output_tokens=(50, 50))
    inputs = _inputs(serve(alike, 1, COUNTERS["a100"], windows=2, window_s=4.0))
    for figure in (prices.PER_PROMPT_TOKEN, prices.PER_OUTPUT_TOKEN, prices.PER_STEP):
        found = figure.compute(figure, inputs)
        assert isinstance(found, Unknown)
        assert found.reason.startswith("not identifiable: the steps are too much alike")


def test_a_price_with_an_interval_wider_than_itself_says_that_the_steps_are_much_alike() -> None:
    alike = Mix(slots=4, prompt_tokens=(100, 102), output_tokens=(50, 51))
    inputs = _inputs(serve(alike, 1, COUNTERS["a100"], windows=2, window_s=4.0))
    wide, narrow = _price(prices.PER_OUTPUT_TOKEN, inputs), _price(prices.PER_PROMPT_TOKEN, inputs)
    assert wide.low == 0
    assert str(wide.reason).startswith("wider than the price itself, because the steps are much alike: serve")
    assert narrow.reason is None


def test_a_price_of_0_says_that_it_is_the_bound_of_the_fit() -> None:
    run = serve(Mix(), 1, COUNTERS["a100"], windows=2, window_s=3.0)
    found = run.attribution()
    (fit,) = found.costs.by_channel
    at_bound = replace(found.costs, by_channel=(replace(fit, coefficients=np.zeros(len(fit.coefficients))),))
    free = _price(prices.PER_OUTPUT_TOKEN, _inputs(run, replace(found, costs=at_bound)))
    assert (free.value, free.low) == (0.0, 0.0)
    assert free.high > 0
    assert str(free.reason).startswith("one-sided: no cost is below 0")


def test_a_price_that_is_uncertain_by_its_sensor_alone_does_not_blame_the_steps() -> None:
    run = serve(Mix(), 1, COUNTERS["a100"], windows=2, window_s=4.0)
    channel = run.trace.channels[0].model_copy(update={"relative_error": 1.2})
    found = _price(
        prices.PER_STEP,
        _inputs(replace(run, trace=type(run.trace)(channels=(channel,), samples=run.trace.samples))),
    )
    assert found.reason == "wider than the price itself, because of the systematic error of the sensors"


def test_prices_by_a_meter_that_estimates_are_estimates() -> None:
    inputs = _inputs(serve(Mix(), 1, COUNTERS["a100"], windows=2, window_s=4.0))
    for figure in ALL:
        assert _price(figure, replace(inputs, method="estimated")).method == "estimated"
        assert _price(figure, replace(inputs, method="counter")).method == "derived"


def test_without_an_attribution_the_reason_is_that_of_the_attribution() -> None:
    inputs = _inputs(
        serve(Mix(), 1, COUNTERS["a100"], windows=1, window_s=1.0), "the backend reports no steps"
    )
    for figure in ALL:
        assert figure.compute(figure, inputs) == Unknown(reason="the backend reports no steps")


def test_the_mean_request_is_that_of_the_answered_ones() -> None:
    run = serve(Mix(), 1, COUNTERS["a100"], windows=1, window_s=2.0)
    mean = mean_request(run.attribution())
    assert mean is not None
    assert mean.prefill_tokens == pytest.approx(run.requests.prompt_tokens.mean())
    assert mean.decode_tokens == pytest.approx(run.requests.output_tokens.mean() - 1)
    assert mean.steps == pytest.approx(run.requests.output_tokens.mean())
