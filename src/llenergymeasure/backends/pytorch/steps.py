"""The forward passes of static batches, told from the times at which their tokens were on the host."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

from llenergymeasure.backends.pytorch.generation import Generation
from llenergymeasure.domain.request_table import UNKNOWN
from llenergymeasure.domain.step_table import StepTable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class StepColumns:
    """What the steps of the batches served so far follow from, in columns: 16 bytes a step, and some more a request.

    A step begins when the token before it was on the host, the first when its batch was sent, and ends when its own
    token is. The first reads the prompts; each later one adds a token to every request that has not ended. Rows of
    requests that have ended are computed on as padding, and count nothing.
    """

    def __init__(self) -> None:
        self._clear()

    def append(self, batch: Sequence[Generation]) -> None:
        """Add the steps of a batch; none where the times of its tokens are not known."""
        longest = max(batch, key=lambda each: len(each.chunk_unix_ns))
        if not all(each.chunk_unix_ns for each in batch):
            return
        n_steps = len(longest.chunk_unix_ns)
        self._ends.extend(longest.chunk_unix_ns)
        self._tokens.extend(longest.chunk_tokens)
        self._drafted.extend(longest.drafted_tokens or (UNKNOWN,) * n_steps)
        self._prompts.extend([each.request.prompt_tokens for each in batch])
        self._request_steps.extend([len(each.chunk_unix_ns) for each in batch])
        # Last, and at once: what an interrupt leaves without it belongs to no batch.
        self._batches.extend((longest.sent_unix_ns, n_steps, len(batch)))

    def take(self) -> StepTable:
        """Return the steps since the last call."""
        table = self._table()
        self._clear()
        return table

    def _clear(self) -> None:
        self._batches = array("q")
        """Of each batch: when it was sent, its steps, its requests."""
        self._ends, self._tokens, self._drafted = array("q"), array("i"), array("i")
        self._prompts, self._request_steps = array("q"), array("q")

    def _table(self) -> StepTable:
        import numpy as np

        sent, n_steps, n_requests = np.array(self._batches).reshape(-1, 3).T
        ends, tokens, drafted = (
            np.array(each)[: n_steps.sum()] for each in (self._ends, self._tokens, self._drafted)
        )
        first = np.cumsum(n_steps) - n_steps  # of each batch
        starts = np.empty_like(ends)
        starts[1:] = ends[:-1]
        starts[first] = sent
        began = np.repeat(first, n_requests)
        prompts, lasted = (np.array(each)[: len(began)] for each in (self._prompts, self._request_steps))
        requests = _running(np.ones_like(began), began, lasted, len(ends))
        prompts = _running(prompts, began, lasted, len(ends))
        is_first = np.zeros(len(ends), dtype=bool)
        is_first[first] = True
        written = np.cumsum(tokens) - np.repeat(np.cumsum(tokens)[first] - tokens[first], n_steps)
        return StepTable(
            start_unix_ns=starts,
            end_unix_ns=ends,
            prefill_tokens=np.where(is_first, prompts, 0).astype(np.int32),
            decode_tokens=(requests * (tokens - is_first)).astype(np.int32),
            requests=requests.astype(np.int32),
            context_tokens=prompts + requests * (written - 1),
            drafted_tokens=drafted,
            accepted_tokens=np.where(drafted == UNKNOWN, UNKNOWN, tokens - 1).astype(np.int32),
        )


def _running(
    each: NDArray[np.int64], began: NDArray[np.int64], lasted: NDArray[np.int64], n_steps: int
) -> NDArray[np.int64]:
    """Return, step by step, the sum over the requests that take part of what each has; they begin and last in steps."""
    import numpy as np

    changes = np.zeros(n_steps + 1, dtype=np.int64)
    np.add.at(changes, began, each)
    np.subtract.at(changes, began + lasted, each)
    running: NDArray[np.int64] = np.cumsum(changes)[:-1]
    return running
