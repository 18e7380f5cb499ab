"""Where the memory of a device went: weights, KV cache, the rest; and what would still fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from llenergymeasure.domain.breakdowns.memory import MemoryUse
from llenergymeasure.domain.interference import OtherGpuLoad, OtherLoad
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.shape import AttentionShape, Execution, LayerShape, ModelShape
from llenergymeasure.domain.request import RequestRecord
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.metrics.performance.memory_use import memory_use
from tests.support.requests import request, unix_ns

GIB = 2**30
LAYERS, ELEMENTS = 4, 2 * 2 * 64
"""Two heads of keys and of values with 64 numbers each, in two bytes."""
PER_TOKEN = LAYERS * ELEMENTS * 2
UUID = "GPU-1"


def _shape(window: int | None = None, **attention: Any) -> ModelShape:
    known = {"kind": "gqa", "cached_elements": ELEMENTS, "window": window, **attention}
    return ModelShape(
        layers=(LayerShape(layers=LAYERS, attention=AttentionShape(**known)),),
        kv_dtype="bfloat16",
        kv_element_bytes=2,
    )


def _info(**changes: Any) -> ModelInfo:
    known: dict[str, Any] = {
        "name": "m",
        "architecture": "Any",
        "n_parameters": None,
        "n_matmul_parameters": None,
        "dtype": "bfloat16",
        "weight_bytes": 2 * GIB,
        "weight_bytes_by_device": {"cuda:0": 2 * GIB},
        "devices": ("cuda:0",),
        "gpu_uuids": {"cuda:0": UUID},
        "shape": _shape(),
    }
    return ModelInfo(**{**known, **changes})


def _batch(number: int, lengths: Sequence[tuple[int, int]]) -> list[RequestRecord]:
    start_s = float(10 * number)
    return [
        request(
            f"{number}-{place}",
            scheduled_s=start_s,
            token_s=(start_s + 1,),
            prompt_tokens=prompt,
            output_tokens=output,
            chunk_tokens=(output,),
            batch=number,
        )
        for place, (prompt, output) in enumerate(lengths)
    ]


def _used(
    info: ModelInfo | None,
    requests: Sequence[RequestRecord],
    peaks: dict[str, int] | None = None,
    after: OtherLoad | None = None,
) -> MemoryUse:
    window = Phase(
        name="window",
        repeat=0,
        start_unix_ns=unix_ns(0),
        end_unix_ns=unix_ns(1000),
        peak_memory_bytes=tuple({"cuda:0": 3 * GIB}.items() if peaks is None else peaks.items()),
    )
    return memory_use(info, RequestTable.from_records(requests), [window], after)


def _card(used: int = 30 * GIB, **changes: Any) -> OtherLoad:
    known: dict[str, Any] = {
        "memory_used_bytes": used,
        "memory_total_bytes": 80 * GIB,
        "own_memory_bytes": 4 * GIB,
    }
    return OtherLoad(gpus=(OtherGpuLoad(device=UUID, label="GPU 0", **{**known, **changes}),))


def test_a_token_takes_the_keys_and_values_of_every_layer() -> None:
    assert _used(_info(), []).kv_bytes_per_token == PER_TOKEN


def test_every_row_of_a_static_batch_is_as_long_as_the_longest() -> None:
    requests = [*_batch(0, [(10, 5), (100, 2)]), *_batch(1, [(20, 3)])]
    used = _used(_info(), requests)
    assert used.kv_cache_tokens == 2 * (100 + 4)  # the last token of an answer is never fed back
    assert used.kv_cache_bytes == 2 * 104 * PER_TOKEN


def test_requests_that_overlap_add_up_and_others_do_not() -> None:
    def served(name: str, start_s: float, end_s: float) -> RequestRecord:
        return request(name, scheduled_s=start_s, token_s=(end_s,), prompt_tokens=10, output_tokens=1)

    requests = [served("a", 0, 2), served("b", 1, 3), served("c", 2, 4), served("d", 50, 60)]
    assert _used(_info(), requests).kv_cache_tokens == 20


def test_bytes_are_whole_numbers() -> None:
    used = _used(_info(), _batch(0, [(1000, 25)] * 4), after=_card())
    stored = {**used.model_dump(), **used.by_device[0].model_dump()}
    n_bytes = {name: value for name, value in stored.items() if "bytes" in name}
    assert {"kv_bytes_per_token", "kv_cache_bytes", "activations_bytes"} <= n_bytes.keys()
    assert {type(value) for value in n_bytes.values()} == {int}


def test_a_sliding_window_bounds_the_cache() -> None:
    used = _used(_info(shape=_shape(window=32)), _batch(0, [(100, 5)]))
    assert used.kv_cache_bytes == 32 * PER_TOKEN
    assert used.kv_bytes_per_token == PER_TOKEN


def test_what_is_left_of_the_peak_are_activations() -> None:
    (device,) = _used(_info(), _batch(0, [(1000, 25)] * 4), after=_card()).by_device
    assert device.device == "cuda:0"
    assert device.weights_bytes == 2 * GIB
    assert device.kv_cache_bytes == 4 * 1024 * PER_TOKEN
    assert device.activations_bytes == 3 * GIB - 2 * GIB - 4 * 1024 * PER_TOKEN
    assert (device.process_bytes, device.used_bytes, device.total_bytes) == (4 * GIB, 30 * GIB, 80 * GIB)
    assert device.available_bytes == 50 * GIB
    assert device.unknown == {}


def test_weights_of_an_assistant_are_weights_too() -> None:
    (device,) = _used(_info(assistant_weight_bytes=GIB // 4), []).by_device
    assert device.weights_bytes == 2 * GIB + GIB // 4


def test_the_room_is_what_was_left_and_what_cache_and_activations_took() -> None:
    used = _used(_info(), _batch(0, [(1000, 25)] * 4), after=_card())
    (device,) = used.by_device
    assert device.activations_bytes is not None
    assert used.longest_context_tokens is not None
    per_token = PER_TOKEN + device.activations_bytes / 4096
    room = 50 * GIB + 4096 * per_token
    assert used.longest_context_tokens == pytest.approx(room / per_token, abs=1)
    assert used.longest_context_limit == "memory"
    assert used.largest_batch == int(room // (1024 * per_token))


def test_no_context_is_longer_than_the_model_takes() -> None:
    used = _used(_info(context_length=8192), _batch(0, [(1000, 25)]), after=_card())
    assert (used.longest_context_tokens, used.longest_context_limit) == (8192, "model")
    assert used.largest_batch is not None
    assert used.largest_batch > 1


def test_a_cpu_has_the_memory_of_the_host_and_no_share_for_activations() -> None:
    info = _info(devices=("cpu",), weight_bytes_by_device={"cpu": GIB}, gpu_uuids={})
    after = OtherLoad(host_memory_available_bytes=8 * GIB)
    used = _used(info, _batch(0, [(1000, 25)]), {"host": 3 * GIB}, after)
    (device,) = used.by_device
    assert (device.device, device.weights_bytes, device.peak_bytes) == ("host", GIB, 3 * GIB)
    assert device.available_bytes == 8 * GIB
    assert device.activations_bytes is None
    assert "Python and libraries" in device.unknown["activations_bytes"]
    assert used.longest_context_tokens == 8 * GIB // PER_TOKEN
    assert used.largest_batch == 8 * GIB // (1024 * PER_TOKEN)


def test_a_model_on_several_cards_has_its_weights_by_card_and_no_room() -> None:
    devices = ("cuda:0", "cuda:1")
    info = _info(devices=devices, weight_bytes_by_device={"cuda:0": GIB, "cuda:1": 3 * GIB})
    used = _used(info, _batch(0, [(100, 5)]), {"cuda:0": 2 * GIB, "cuda:1": 4 * GIB}, _card())
    assert [(each.device, each.weights_bytes, each.kv_cache_bytes) for each in used.by_device] == [
        ("cuda:0", GIB, None),
        ("cuda:1", 3 * GIB, None),
    ]
    assert used.kv_cache_bytes == 104 * PER_TOKEN
    assert "several devices" in used.unknown["longest_context_tokens"]
    assert "several devices" in used.by_device[0].unknown["kv_cache_bytes"]


def test_what_is_unknown_has_its_reason() -> None:
    used = _used(_info(shape=None, unknown={"shape": "its attention is not understood"}), _batch(0, [(9, 2)]))
    assert used.kv_bytes_per_token is None
    assert set(used.unknown.values()) == {"its attention is not understood"}
    assert set(used.unknown) == {name for name in MemoryUse.model_fields if getattr(used, name) is None}
    (device,) = used.by_device
    unknown = {name for name in type(device).model_fields if getattr(device, name) is None}
    assert set(device.unknown) == unknown
    assert "NVML" in device.unknown["used_bytes"]


def test_a_model_of_which_the_devices_are_not_stated_is_not_said_to_lie_on_several() -> None:
    used = _used(_info(devices=(), weight_bytes_by_device={}), _batch(0, [(9, 2)]), after=_card())
    (device,) = used.by_device
    assert used.unknown["largest_batch"] == device.unknown["kv_cache_bytes"]
    assert used.unknown["largest_batch"] == "the backend does not state on which devices the model lies"
    assert device.unknown["activations_bytes"] == "not known of this device: weights, KV cache"


def test_a_peak_below_the_weights_leaves_the_activations_unknown() -> None:
    (device,) = _used(_info(), _batch(0, [(9, 2)]), {"cuda:0": GIB}).by_device
    assert device.activations_bytes is None
    assert "did not count all" in device.unknown["activations_bytes"]


def test_a_run_without_a_cache_says_so() -> None:
    execution = Execution(passes_unknown="pytorch.use_cache is false")
    used = _used(_info(execution=execution), _batch(0, [(9, 2)]), after=_card())
    assert used.unknown["kv_cache_bytes"] == "pytorch.use_cache is false"
    assert used.kv_cache_bytes is None


def test_a_backend_that_tells_nothing_has_its_peaks_alone() -> None:
    used = _used(None, [], {"cuda:0": GIB, "host_since_start": 2 * GIB})
    assert [(each.device, each.peak_bytes) for each in used.by_device] == [("cuda:0", GIB), ("host", 2 * GIB)]
    assert used.unknown["kv_bytes_per_token"] == "the shape of the model is unknown"
