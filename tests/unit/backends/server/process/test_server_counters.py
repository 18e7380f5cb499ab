"""What a server counts itself: read, and as differences over a window."""

from __future__ import annotations

from pathlib import Path

import pytest

from llenergymeasure.backends.server.presets import PRESETS
from llenergymeasure.backends.server.process.connect import open_server
from llenergymeasure.backends.server.process.prometheus import totals
from llenergymeasure.domain.server_side import ServerSample, server_window
from tests.support.quick_servers import quick

VLLM = """
# HELP vllm:prompt_tokens_total Number of prefill tokens processed.
# TYPE vllm:prompt_tokens_total counter
vllm:prompt_tokens_total{engine="0",model_name="a \\\\"b\\\\" {c}"} 100.0
vllm:prompt_tokens_total{engine="1",model_name="m"} 20.0
vllm:generation_tokens_total{engine="0",model_name="m"} 1.5e+03 1700000000000
vllm:request_success_total{engine="0",finished_reason="stop"} 3
vllm:request_success_total{engine="0",finished_reason="length"} 4
vllm:time_to_first_token_seconds_bucket{le="0.5"} 6.0
vllm:time_to_first_token_seconds_bucket{le="+Inf"} 7.0
vllm:time_to_first_token_seconds_sum{engine="0"} 1.4
vllm:time_to_first_token_seconds_count{engine="0"} 7.0
vllm:prefix_cache_hits_total{engine="0"} 0.0
vllm:kv_cache_usage_perc{engine="0"} NaN
this line is none
""".replace('\\\\"', '\\"')


def test_samples_are_summed_over_their_labels() -> None:
    found = totals(VLLM)
    assert found["vllm:prompt_tokens_total"] == 120
    assert found["vllm:generation_tokens_total"] == 1500
    assert found["vllm:request_success_total"] == 7
    assert found["vllm:time_to_first_token_seconds_sum"] == 1.4
    assert "vllm:kv_cache_usage_perc" not in found
    assert "this" not in found


def test_a_server_is_read_under_the_names_of_its_preset(tmp_path: Path) -> None:
    counts = tmp_path / "counts"
    counts.write_text(VLLM)
    server = open_server(quick("--counts", str(counts), preset="vllm"), model="any", folder=tmp_path)
    try:
        sample = server.sample()
    finally:
        server.close()
    assert sample.unknown is None
    assert (sample.prompt_tokens, sample.output_tokens, sample.requests) == (120, 1500, 7)
    assert (sample.cached_prompt_tokens, sample.ttft_sum_s, sample.ttft_count) == (0, 1.4, 7)
    assert sample.decode_count is None


def test_a_server_without_counters_says_what_to_start_it_with(tmp_path: Path) -> None:
    server = open_server(quick(preset="sglang"), model="any", folder=tmp_path)
    try:
        unknown = server.sample().unknown
    finally:
        server.close()
    assert unknown is not None
    assert unknown.endswith("/metrics gave status 404 → start the server with --enable-metrics")


def sample(unix_ns: int, **counts: float) -> ServerSample:
    return ServerSample(unix_ns=unix_ns, **counts)


def test_a_window_is_what_was_counted_between_two_readings() -> None:
    window = server_window(
        2,
        sample(5, output_tokens=100, ttft_sum_s=1.0, ttft_count=10, energy_j=500.0),
        sample(9, output_tokens=160, ttft_sum_s=1.6, ttft_count=12, energy_j=530.5, requests=2),
    )
    assert (window.repeat, window.start_unix_ns, window.end_unix_ns) == (2, 5, 9)
    assert (window.output_tokens, window.requests, window.energy_j) == (60, 2, 30.5)
    assert window.ttft_mean_s == pytest.approx(0.3)
    assert window.prompt_tokens is None
    assert window.queued_mean_s is None


def test_counters_that_began_anew_are_no_difference() -> None:
    window = server_window(0, sample(1, output_tokens=100), sample(2, output_tokens=40))
    assert window.output_tokens is None
    assert window.unknown == "the server's counters began anew within the window: it was started again"


def test_what_could_not_be_read_once_is_unknown() -> None:
    window = server_window(0, sample(1, output_tokens=1), ServerSample(unix_ns=2, unknown="status 404"))
    assert (window.output_tokens, window.unknown) == (None, "status 404")


def test_every_preset_that_has_counters_says_which() -> None:
    for row in PRESETS.values():
        assert (row.metrics_path is not None) == bool(row.counters.output_tokens), row.name
