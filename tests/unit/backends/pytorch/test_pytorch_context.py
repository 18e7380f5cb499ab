"""A context is created on the GPUs that the model will use, and on no other."""

from __future__ import annotations

import sys
import types
from typing import Any

import pytest

from llenergymeasure.backends.pytorch.backend import PyTorchBackend
from llenergymeasure.backends.pytorch.context import create_contexts
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.clock import AnchoredClock
from llenergymeasure.exceptions import BackendError


class Torch(types.ModuleType):
    """What `attach` asks of torch, on a machine with three GPUs; `touched` tells on which there is a context."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__("torch")
        self.touched: list[str] = []
        self.synchronized: list[str] = []
        self._error = error
        self.cuda = types.SimpleNamespace(
            init=lambda: None, device_count=lambda: 3, synchronize=self.synchronized.append
        )

    def zeros(self, _size: int, *, device: str) -> None:
        if self._error is not None:
            raise self._error
        self.touched.append(device)


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> Torch:
    module = Torch()
    monkeypatch.setitem(sys.modules, "torch", module)
    return module


def _config(device: str = "cuda", **pytorch: Any) -> ExperimentConfig:
    return ExperimentConfig.model_validate({"model": "any", "device": device, "pytorch": pytorch})


@pytest.mark.parametrize(
    ("device_map", "gpus"),
    [
        (None, ["cuda:0"]),
        ("auto", ["cuda:0", "cuda:1", "cuda:2"]),
        ("balanced", ["cuda:0", "cuda:1", "cuda:2"]),
        ("cuda", ["cuda:0"]),
        ("cuda:1", ["cuda:1"]),
        ("cpu", []),
        (
            {"model.embed": 0, "model.layers": "cuda:2", "lm_head": "cpu", "rest": "disk"},
            ["cuda:0", "cuda:2"],
        ),
    ],
    ids=str,
)
def test_contexts_follow_the_placement(torch: Torch, device_map: Any, gpus: list[str]) -> None:
    assert list(create_contexts(_config(device_map=device_map))) == gpus
    assert torch.touched == torch.synchronized == gpus


def test_experiment_on_the_processor_has_no_context(torch: Torch) -> None:
    PyTorchBackend().attach(_config(device="cpu"), AnchoredClock())
    assert torch.touched == []


def test_gpu_without_room_for_a_context_is_a_backend_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", Torch(RuntimeError("CUDA error: out of memory")))
    with pytest.raises(
        BackendError, match=r"context of the GPU cannot be created: out of memory .* nvidia-smi"
    ):
        PyTorchBackend().attach(_config(), AnchoredClock())
