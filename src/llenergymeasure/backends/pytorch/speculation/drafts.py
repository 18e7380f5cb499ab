"""How many tokens speculation proposes to each forward pass of the model that is measured."""

from __future__ import annotations

import functools
from typing import Any

from llenergymeasure.backends.pytorch.options import PyTorchConfig


class DraftWatch:
    """Notes how many tokens each forward pass of a model reads, where one request is generated with speculation.

    transformers tells a streamer what was accepted, and nobody what was proposed. It asks the model to prepare the
    inputs of each forward pass: those that it does not have yet, the proposed ones among them. A hook on the forward
    pass itself would be compiled with it, and make torch.compile start anew at each call.
    """

    def __init__(self, model: Any) -> None:
        self._widths: list[int] = []
        prepare = model.prepare_inputs_for_generation

        @functools.wraps(prepare)
        def prepare_and_note(*args: Any, **kwargs: Any) -> Any:
            inputs = prepare(*args, **kwargs)
            ids = inputs.get("input_ids")
            if (
                ids is not None
            ):  # a model's own code may prepare something else, of which the width says nothing
                self._widths.append(int(ids.shape[-1]))
            return inputs

        model.prepare_inputs_for_generation = prepare_and_note

    def begin(self) -> None:
        """Forget the forward passes of the request before."""
        self._widths.clear()

    def drafted(self, prompt_tokens: int, passes: int) -> tuple[int, ...]:
        """Return the tokens proposed to each of a request's forward passes; empty where their number is another.

        The first pass reads the prompt with what was proposed, each later one the last token with what was proposed.
        """
        if len(self._widths) != passes:
            return ()
        read = [prompt_tokens] + [1] * (passes - 1)
        return tuple(width - known for width, known in zip(self._widths, read, strict=True))


def speculates(options: PyTorchConfig) -> bool:
    """Whether tokens are proposed to the model that is measured: from the prompt, or by an assistant."""
    return options.prompt_lookup_num_tokens is not None or options.assistant_model is not None
