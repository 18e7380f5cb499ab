from __future__ import annotations

import pytest


@pytest.mark.model
def test_a_backend_without_gpu_reports_the_host_alone(tiny_llama):
    from tests.support.pytorch_runs import configure, loaded

    with loaded(configure(tiny_llama)) as backend:
        backend.reset_peak_memory()
        backend.synchronize()
        peaks = backend.peak_memory_bytes()
    assert set(peaks) <= {"host", "host_since_start"}
    assert all(value > 0 for value in peaks.values())
