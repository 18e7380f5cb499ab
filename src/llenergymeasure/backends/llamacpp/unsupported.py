"""What this backend cannot do as configured, found before anything is loaded."""

from __future__ import annotations

import os
from collections.abc import Iterator

from llenergymeasure.backends.gguf import gguf_refusals
from llenergymeasure.backends.llamacpp.devices import gpu_names
from llenergymeasure.backends.llamacpp.options import LlamaCppOptions
from llenergymeasure.backends.llamacpp.parameters import options_of, passthrough_problem
from llenergymeasure.config.models import ExperimentConfig
from llenergymeasure.core.cpu import most_threads

CUDA_WHEELS = "https://xorbitsai.github.io/xllamacpp/whl/cu128"
"""The package index of the builds for CUDA 12.8; `cu132` those for CUDA 13.2 (xllamacpp, README.md)."""
THREADS_PER_PROCESSOR = 4
"""More are a slip, or the setting of a larger machine."""


def refusals(config: ExperimentConfig) -> list[str]:
    """Return one sentence for each thing that cannot work, with what to do; empty if nothing is known to fail."""
    return [
        *gguf_refusals(config),
        *_thread_refusals(options_of(config)),
        *_device_refusals(config),
        *(
            problem
            for key, value in (config.passthrough_kwargs or {}).items()
            if (problem := passthrough_problem(key, value)) is not None
        ),
    ]


def _thread_refusals(options: LlamaCppOptions) -> Iterator[str]:
    most = THREADS_PER_PROCESSOR * (os.cpu_count() or 1)
    for name in ("n_threads", "n_threads_batch"):
        chosen = getattr(options, name)
        if chosen is not None and chosen > most:
            yield (
                f"llamacpp.{name} {chosen} is more than {most}, {THREADS_PER_PROCESSOR} for each of the "
                f"{os.cpu_count() or 1} processors of this machine: set {most_threads()}, or remove it"
            )


def _device_refusals(config: ExperimentConfig) -> Iterator[str]:
    if config.device == "cpu":
        if options_of(config).n_gpu_layers:
            yield "llamacpp.n_gpu_layers puts layers on a GPU, and device is cpu: remove it, or set device: cuda"
        return
    if not gpu_names():
        yield (
            "device: cuda: the installed build of xllamacpp sees no GPU, and the one from PyPI is for CPUs → "
            f"pip install xllamacpp --force-reinstall --index-url {CUDA_WHEELS}, or set device: cpu"
        )
