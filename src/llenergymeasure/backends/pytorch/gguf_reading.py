"""Reading a GGUF file once and without a progress bar, where transformers would read it four times."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import lru_cache, partialmethod
from pathlib import Path
from typing import Any


@contextmanager
def read_once() -> Iterator[None]:
    """Within the block, remember what the gguf package parsed.

    transformers parses the file anew for tokenizer, config and weights, and builds the table of tensor names once per
    module: 19 s instead of 7 s for a model of 135 M parameters. Both are pure functions of their arguments. Its bar is
    tqdm's own, which no setting of transformers turns off.
    """
    import gguf
    from tqdm.auto import tqdm

    with ExitStack() as stack:
        _replace(stack, gguf, "GGUFReader", lru_cache(gguf.GGUFReader))
        _replace(stack, gguf, "get_tensor_name_map", lru_cache(gguf.get_tensor_name_map))
        _replace(stack, tqdm, "__init__", partialmethod(tqdm.__init__, disable=True))
        yield


def quantisation_name(path: Path) -> str:
    """Return the type of most tensors, as the file itself says; transformers has unpacked them."""
    import gguf

    field = gguf.GGUFReader(str(path)).get_field("general.file_type")
    if field is None:
        return "gguf dequantised"
    name = gguf.LlamaFileType(int(field.parts[-1][0])).name
    return f"gguf:{name.removeprefix('MOSTLY_').removeprefix('ALL_')} dequantised"


def _replace(stack: ExitStack, owner: Any, name: str, value: Any) -> None:
    stack.callback(setattr, owner, name, getattr(owner, name))
    setattr(owner, name, value)
