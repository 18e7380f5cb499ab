"""A summary says what ran, so that nobody has to open the configuration to read a figure."""

from __future__ import annotations

from typing import Any

import pytest

from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.domain.experiment import ExperimentResult
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.report.summary.result import title
from llenergymeasure.report.summary.what_ran import what_ran_rows
from tests.support.sample_results import measured_result


def _result(info: dict[str, Any] | None = None, **settings: Any) -> ExperimentResult:
    config = ExperimentConfig.model_validate({"model": "m", **settings})
    shape = {
        "name": "m",
        "architecture": "A",
        "n_parameters": 134_515_008,
        "n_matmul_parameters": 1,
        "dtype": "float32",
    }
    return measured_result(
        config=config.model_dump(mode="json"),
        backend=config.backend,
        model_info=ModelInfo.model_validate({**shape, **(info or {})}),
    )


def _shown(result: ExperimentResult) -> dict[str, str]:
    return {row.label: row.value for row in what_ran_rows(result)}


def test_weights_that_were_unpacked_say_how_they_were_stored_and_how_they_were_computed() -> None:
    result = _result({"quantisation": "gguf:Q4_1 dequantised", "attention": "sdpa"}, precision="fp32")
    assert _shown(result)["Weights"] == "pretrained, stored as Q4_1 in a GGUF file and unpacked"
    assert _shown(result)["Computed in"] == "float32, 135 million parameters, attention sdpa"
    assert title(result).endswith(" · fp32 (weights Q4_1)")


def test_weights_that_were_quantised_while_loading_say_so() -> None:
    result = _result({"quantisation": "bitsandbytes:nf4"}, pytorch={"load_in_4bit": True})
    assert _shown(result)["Weights"] == "pretrained, quantised: bitsandbytes:nf4"
    assert _shown(result)["Options of pytorch"] == "load_in_4bit true"
    assert "(weights bitsandbytes:nf4)" in title(result)


def test_random_weights_stand_in_the_first_line() -> None:
    result = _result({"weights": "random"}, weights="random")
    assert title(result).endswith(" · random weights")
    assert _shown(result)["Weights"].startswith("random")


def test_a_gguf_file_that_is_used_as_it_is_has_its_own_types_and_no_precision() -> None:
    result = _result({"quantisation": "gguf:Q4_1", "dtype": "Q4_1"}, precision="bf16")
    assert _shown(result)["Weights"] == "pretrained, stored as Q4_1 in a GGUF file and used as they are"
    assert title(result).endswith(" · Q4_1")


def test_a_model_that_is_stored_as_it_is_computed_has_a_plain_title() -> None:
    assert title(_result()).endswith(" · bf16")


@pytest.mark.parametrize(
    ("n_prompts", "batch_size", "load"),
    [
        (100, 1, "offline, batches of 1"),
        (8, 4, "offline, batches of 4"),
        (10, 4, "offline, batches of 4, the last of a pass 2"),
        (4, 64, "offline, batches of 4: batch_size is 64, and a pass has 4 prompts"),
    ],
)
def test_the_batch_is_the_one_that_ran(n_prompts: int, batch_size: int, load: str) -> None:
    shown = _shown(_result(workload={"n_prompts": n_prompts}, pytorch={"batch_size": batch_size}))
    assert shown["Load"] == load


def test_without_a_section_of_the_backend_its_defaults_ran() -> None:
    assert _shown(_result())["Load"] == "offline, batches of 1"
    assert "Options of pytorch" not in _shown(_result())


def test_a_closed_loop_says_how_many_requests_were_in_flight() -> None:
    closed = {"backend": "standin_streaming", "load": {"kind": "closed", "concurrency": 8}}
    assert _shown(_result(**closed))["Load"] == "closed loop, 8 requests in flight"


def test_the_workload_says_its_size_its_lengths_and_its_template() -> None:
    shown = _shown(_result(workload={"n_prompts": 100, "max_input_tokens": 64, "chat_template": True}))
    assert shown["Workload"] == "builtin, 100 prompts a pass, in the chat template"
    assert shown["Tokens per request"] == "40.0 read and 32.0 written (at most 64 and 128)"
    assert _shown(_result())["Workload"].endswith("no chat template")


def test_decoding_says_what_differs_from_the_most_likely_token() -> None:
    assert _shown(_result())["Decoding"] == "deterministic, until the end of sequence"
    sampled = _result(decoder={"preset": "sampling", "temperature": 0.7, "ignore_eos": True})
    assert _shown(sampled)["Decoding"] == "sampling, temperature 0.7, end of sequence ignored"


def test_a_result_that_states_little_shows_little() -> None:
    assert _shown(measured_result()) == {}
    assert _shown(measured_result(config={"workload": None, "load": "x", "decoder": []})) == {}


def test_options_of_a_backend_that_is_not_installed_are_shown_as_stored() -> None:
    config = {
        "workload": {"dataset": "builtin", "n_prompts": 2},
        "load": {"kind": "offline"},
        "gone": {"slots": 3},
    }
    assert _shown(measured_result(backend="gone", config=config))["Options of gone"] == "slots 3"


def test_parameters_that_could_not_be_counted_are_not_shown_as_a_number() -> None:
    result = _result({"n_parameters": None, "unknown": {"n_parameters": "Layer holds packed weights"}})
    assert _shown(result)["Computed in"] == "float32; parameters not counted: Layer holds packed weights"


def test_of_a_server_no_precision_is_claimed() -> None:
    result = _result(
        {"dtype": "unknown", "n_parameters": None, "unknown": {"n_parameters": "a server does not tell"}}
    )
    assert "bf16" not in title(result)
