"""The loaded model, as far as figures depend on it."""

from __future__ import annotations

from pydantic import Field, NonNegativeInt

from llenergymeasure.core.record import Record
from llenergymeasure.domain.model.shape import Execution, ModelShape
from llenergymeasure.domain.model.weight_faults import WeightFaults

NO_DTYPE = "unknown"
"""`ModelInfo.dtype` of a model whose types the backend cannot know."""


class ModelInfo(Record):
    """Shape and provenance of the model that was measured; None where the architecture does not say."""

    name: str
    architecture: str
    n_parameters: int | None = Field(ge=0)
    """Weights that the layers stand for, however they are packed."""
    n_matmul_parameters: int | None = Field(ge=0)
    """Parameters that multiply for every token: without embedding tables that are only looked up, and of experts as
    many as a token is sent to."""
    n_layers: int | None = None
    hidden_size: int | None = None
    n_attention_heads: int | None = None
    n_kv_heads: int | None = None
    head_dim: int | None = None
    vocab_size: int | None = None
    context_length: int | None = None
    dtype: str
    quantisation: str | None = None
    attention: str | None = None
    """The attention implementation in force, which may differ from the one asked for."""
    weight_bytes: int | None = Field(default=None, ge=0)
    """The weights in memory, with the scales that packed ones are read with."""
    weight_bytes_by_device: dict[str, NonNegativeInt] = Field(default_factory=dict)
    """The same on each of `devices`; empty where the backend does not tell."""
    assistant_weight_bytes: int | None = Field(default=None, ge=0)
    """As `weight_bytes`, of the assistant that proposes tokens; None without one."""
    devices: tuple[str, ...] = ()
    """Where the weights lie: `cpu`, `cuda:0`..."""
    gpu_uuids: dict[str, str] = Field(default_factory=dict)
    """Of the NVIDIA GPUs among `devices`, by name: the UUID of the card, where the backend reports it."""
    cpu_threads: int | None = None
    """Processor threads that work on one operation together."""
    revision: str | None = None
    weights: str = "pretrained"
    """`pretrained`, `random` (as asked for), or `partly random`: tensors were missing, see `weight_faults`."""
    weight_faults: WeightFaults | None = None
    """None where every tensor was read, and where nothing reports it."""
    shape: ModelShape | None = None
    """What FLOPs and bytes follow from; None for an architecture that is not understood, and where the backend does not
    tell."""
    execution: Execution | None = None
    """What the implementation executes; None where the backend does not tell."""
    unknown: dict[str, str] = Field(default_factory=dict)
    """By the name of a count, or of `shape`, that is None: why. By `steps` and `token_times`: why the backend, as
    configured, does not report them."""


def explained(lack: str, info: ModelInfo | None, name: str) -> str:
    """Return what a run lacks, with the backend's reason for it (in `ModelInfo.unknown`) where it gave one."""
    reason = None if info is None else info.unknown.get(name)
    return lack if reason is None else f"{lack}: {reason}"
