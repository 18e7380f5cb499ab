"""Objectives: what they may say, and that they are no part of what is measured."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.config.sections.slo import SloConfig
from llenergymeasure.config.sections.slo_presets import PRESETS
from llenergymeasure.metrics.serving.objectives import limits_of


def test_a_preset_gives_the_limits_that_mlperf_sets() -> None:
    slo = SloConfig(preset="mlperf/llama3.1-8b/server")
    assert (limits_of(slo), slo.percentile) == ({"ttft_s": 2.0, "tpot_s": 0.1}, 99.0)
    assert limits_of(SloConfig(preset="mlperf/gptj/server")) == {"e2e_s": 20.0}


def test_a_limit_beside_a_preset_replaces_that_of_the_preset() -> None:
    slo = SloConfig(preset="mlperf/llama3.1-8b/server", ttft_s=0.7)
    assert limits_of(slo) == {"ttft_s": 0.7, "tpot_s": 0.1}


def test_a_resolved_preset_reads_as_itself_again() -> None:
    slo = SloConfig(preset="mlperf/llama2-70b/interactive")
    assert SloConfig.model_validate(slo.model_dump(mode="json")) == slo


def test_an_unknown_preset_is_named_with_the_nearest() -> None:
    with pytest.raises(ValidationError, match=r"did you mean mlperf/llama3.1-8b/server\?"):
        SloConfig(preset="mlperf/llama-3.1-8b/server")


@pytest.mark.parametrize(
    "settings", [{}, {"percentile": 90.0}, {"ttft_s": 0.0}, {"ttft_s": 1.0, "percentile": 101}]
)
def test_objectives_that_say_nothing_are_refused(settings: dict[str, float]) -> None:
    with pytest.raises(ValidationError):
        SloConfig.model_validate(settings)


def test_objectives_are_no_part_of_what_is_measured() -> None:
    plain = ExperimentConfig(model="m")
    judged = ExperimentConfig(model="m", slo=SloConfig(ttft_s=0.5))
    assert judged.config_hash == plain.config_hash


def test_every_preset_has_a_limit_and_a_source() -> None:
    for name, preset in PRESETS.items():
        assert limits_of(SloConfig(preset=name))
        assert preset.source.startswith("MLPerf")
