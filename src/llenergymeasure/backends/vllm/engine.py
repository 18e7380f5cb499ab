"""vLLM's engine: started, asked and ended, together with its event loop and its processes."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Collection, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from llenergymeasure.backends.vllm.engine_loop import EngineLoop
from llenergymeasure.backends.vllm.engine_messages import EngineMessages, is_out_of_memory
from llenergymeasure.backends.vllm.processes import EngineProcesses
from llenergymeasure.backends.vllm.steps import IterationLog, logger_factory
from llenergymeasure.core.clock import Clock
from llenergymeasure.core.whose_error import is_the_programs
from llenergymeasure.exceptions import BackendError, LLEMError
from llenergymeasure.foreign_code import described

logger = logging.getLogger(__name__)

SHUTDOWN_S, RESET_S = 20.0, 10.0
LOG = "worker.log, or standard error, has its own messages"
ON_MEMORY = (
    "lower vllm: {engine: {max_model_len: ..., max_num_seqs: ...}}, or gpu_memory_utilization where others use the "
    "memory (VLLM_CPU_KVCACHE_SPACE, in GiB, on a CPU), or choose a smaller model"
)


class Engine:
    """One engine, or several that share the load (data parallelism), behind vLLM's `AsyncLLM`."""

    def __init__(self, clock: Clock) -> None:
        self.steps = IterationLog(clock)
        self._processes = EngineProcesses()
        self._messages = EngineMessages()
        self._loop = EngineLoop()
        self._llm: Any = None

    def start(self, model: str, arguments: Mapping[str, Any]) -> Any:
        """Start the engine's processes, load the model, and return vLLM's resolved configuration.

        Raises:
            BackendError: with the cause, as far as vLLM tells it, and what to try.
        """
        try:
            self._llm = self._loop.run(self._make(arguments))
        except BaseException as error:
            if isinstance(error, LLEMError) or is_the_programs(error):
                raise
            raise BackendError(
                f"model {model} cannot be loaded by vLLM: {self._cause(described(error))}"
            ) from error
        return self._llm.vllm_config

    async def generate(
        self, prompt: Collection[int], params: Any, request_id: str, lora: Any
    ) -> AsyncIterator[Any]:
        """Yield vLLM's outputs of one request as they come; in the engine's loop, see `relay`."""
        from vllm import TokensPrompt

        tokens = TokensPrompt(prompt_token_ids=list(prompt))
        self.steps.sent()
        async for output in self._llm.generate(tokens, params, request_id, lora_request=lora):
            yield output

    @property
    def loop(self) -> EngineLoop:
        """The loop in which it answers."""
        return self._loop

    def reset_prefix_cache(self) -> str | None:
        """Empty the prefix cache; return why that did not work, None where vLLM confirms it."""
        try:
            answer = self._loop.run(self._llm.reset_prefix_cache(), RESET_S)
        except TimeoutError:
            return f"vLLM did not answer within {RESET_S:.0f} s when it was asked to empty its prefix cache"
        if answer is True:
            return None
        return f"vLLM answered {answer!r}, and not True, when it was asked to empty its prefix cache"

    def pids(self) -> Collection[int]:
        """Return the ids of the processes of engine and workers."""
        return self._processes.pids()

    @contextmanager
    def failures_explained(self) -> Iterator[None]:
        """Turn the end of the engine into a BackendError that says why; other errors pass."""
        from vllm.v1.engine.exceptions import EngineDeadError

        try:
            yield
        except EngineDeadError as error:
            raise BackendError(f"vLLM's engine has ended: {self._cause(described(error))}") from error

    def close(self) -> Collection[int]:
        """End the engine and its processes; return the ids of those that did not end."""
        if self._llm is not None:
            self._shut_down()
        left = self._processes.end(patient=self._llm is not None)
        self._llm = None
        self._loop.close()
        return left

    def _shut_down(self) -> None:
        async def shut_down() -> None:
            self._llm.shutdown()

        try:
            self._loop.run(shut_down(), SHUTDOWN_S)
        except Exception as error:  # noqa: BLE001 - its processes are ended in any case
            logger.debug("vLLM's engine did not shut down: %s", described(error))

    async def _make(self, arguments: Mapping[str, Any]) -> Any:
        from vllm.engine.arg_utils import AsyncEngineArgs
        from vllm.v1.engine.async_llm import AsyncLLM

        return AsyncLLM.from_engine_args(
            AsyncEngineArgs(**arguments), stat_loggers=[logger_factory(self.steps)]
        )

    def _cause(self, error: str) -> str:
        cause = self._messages.cause()
        if cause is None:
            return f"{error}; {LOG}"
        return f"{cause} → {ON_MEMORY}" if is_out_of_memory(cause) else f"{cause}; {LOG}"
