from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from llenergymeasure.backends.vllm.engine_messages import EngineMessages, is_out_of_memory

STARTED = """\
(EngineCore pid=7) ERROR 11-28 10:00:01 [core.py:900] EngineCore failed to start.
(EngineCore pid=7) ERROR 11-28 10:00:01 [core.py:900] Traceback (most recent call last):
(EngineCore pid=7) ERROR 11-28 10:00:01 [core.py:900]   File "x.py", line 1, in y
(EngineCore pid=7) ERROR 11-28 10:00:01 [core.py:900] ValueError: No available memory for the cache blocks.
(EngineCore pid=7) Traceback (most recent call last):
(EngineCore pid=7) ValueError: No available memory for the cache blocks.
RuntimeError: Engine core initialization failed. See root cause above. Failed core proc(s): {'EngineCore': 1}
"""


@contextmanager
def log_of_a_worker(path: Path) -> Iterator[Callable[[str], None]]:
    """Make standard error of this process a file, as a worker has it, and give what writes to it."""
    path.write_text("ValueError: of an earlier part of the run\n")
    kept = os.dup(2)
    with path.open("a") as log:
        os.dup2(log.fileno(), 2)
        try:
            yield lambda text: print(text, end="", file=log, flush=True)
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def cause_of(path: Path, text: str) -> str | None:
    with log_of_a_worker(path) as write:
        messages = EngineMessages()
        assert messages.cause() is None
        path.unlink()  # as of a log whose folder has been removed
        write(text)
        return messages.cause()


def test_the_cause_is_the_first_error_of_the_engine_itself(tmp_path):
    cause = cause_of(tmp_path / "log", STARTED)
    assert cause == "ValueError: No available memory for the cache blocks."


def test_what_used_up_the_memory_goes_first(tmp_path):
    out_of_memory = "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB."
    cause = cause_of(tmp_path / "log", f"KeyError: 'a'\n{out_of_memory}\n")
    assert cause == out_of_memory
    assert is_out_of_memory(cause)


def test_memory_that_others_use_is_a_lack_of_memory(tmp_path):
    """As vLLM 0.32 said on a machine with other programs: it wants 92 % of the memory to be free when it starts."""
    said = (
        "ValueError: Available memory on node 0 (19.99/23.54 GiB) on startup is less than desired CPU memory "
        "utilization (0.92, 21.66 GiB)."
    )
    line = f"(VllmWorker-0 pid=27366) ERROR 11-28 22:24:22 [multiproc_executor.py:953] {said}\n"
    cause = cause_of(tmp_path / "log", line)
    assert cause == said
    assert is_out_of_memory(cause)


def test_lines_that_only_mention_an_error_are_no_cause(tmp_path):
    text = "WARNING 11-28 [x.py:1] no ValueError: here, all is well, see KeyError\nINFO all well\n"
    assert cause_of(tmp_path / "log", text) is None
