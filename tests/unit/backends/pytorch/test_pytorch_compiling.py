"""Every shape of the workload is compiled before the first window, whatever the warm-up does."""

from __future__ import annotations

from pathlib import Path

import pytest

from llenergymeasure.backends.base import ScheduledRequest
from tests.support.pytorch_runs import TEXTS, as_prompts, configure, loaded

pytestmark = pytest.mark.model


def test_serving_compiles_nothing_more_after_the_workload_was_encoded(tiny_llama: Path) -> None:
    options = {"torch_compile": True, "torch_compile_backend": "eager", "batch_size": 2}
    with loaded(configure(tiny_llama, max_output_tokens=4, pytorch=options)) as backend:
        encoded = backend.encode(as_prompts(TEXTS))  # a full batch, and one that is partly filled
        before_s = backend.compile_seconds()
        requests = [
            ScheduledRequest(request_id=str(each.index), repeat=0, scheduled_unix_ns=0, encoded=each)
            for each in encoded
        ]
        backend.run(requests, lambda _record: None)
        assert before_s is not None
        assert before_s > 0
        assert backend.compile_seconds() == before_s
