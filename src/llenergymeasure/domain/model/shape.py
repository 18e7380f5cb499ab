"""The shape of a decoder: the matrices of its layers, its attention, its experts, and the bytes that they take."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from llenergymeasure.core.record import Record

AttentionKind = Literal["mha", "gqa", "mqa", "mla"]


class AttentionShape(Record):
    """The attention of a layer."""

    kind: AttentionKind = "mha"
    """As many heads of keys and values as of queries (`mha`), fewer (`gqa`), one (`mqa`), or keys and values from a
    compressed latent (`mla`)."""
    heads: int = Field(default=0, ge=0)
    """Heads of queries."""
    kv_heads: int = Field(default=0, ge=0)
    """Heads of keys and values."""
    qk_head_dim: int = Field(default=0, ge=0)
    v_head_dim: int = Field(default=0, ge=0)
    window: int | None = Field(default=None, ge=1)
    """How many tokens a token looks back at, itself included; None: at all of them."""
    q_lora_rank: int | None = None
    kv_lora_rank: int | None = None
    rope_head_dim: int | None = None
    """Of `mla`, the part of a key that carries the position; all heads share it."""
    parameters: int = Field(default=0, ge=0)
    """Of the projections, without biases."""
    latent_parameters: int = Field(default=0, ge=0)
    """Those among them that turn a latent into keys and values."""
    cached_elements: int = Field(default=0, ge=0)
    """Numbers that a token adds to the KV cache."""

    @property
    def per_look(self) -> int:
        """FLOPs for each token that a token looks at: QK^T and AV."""
        return 2 * self.heads * (self.qk_head_dim + self.v_head_dim)


class ExpertsShape(Record):
    """The routed experts of a layer."""

    number: int = Field(default=1, ge=1)
    per_token: int = Field(default=1, ge=1)
    """Experts that a token is sent to."""
    parameters: int = Field(default=0, ge=0)
    """Of the matrices of one expert."""
    n_bytes: int = Field(default=0, ge=0)
    """All weights of one expert, as they are in memory."""


class LayerShape(Record):
    """A layer, and how many layers are exactly like it."""

    layers: int = Field(default=1, ge=1)
    attention: AttentionShape = AttentionShape()
    mlp: Literal["gated", "plain"] | None = None
    """Of the part that every token meets; None: there is none, or it is neither."""
    intermediate_size: int | None = None
    mlp_parameters: int = Field(default=0, ge=0)
    """Of the matrices outside attention that every token meets, shared experts and the router among them."""
    shared_expert_parameters: int = Field(default=0, ge=0)
    router_parameters: int = Field(default=0, ge=0)
    lora_parameters: int = Field(default=0, ge=0)
    """Of the matrices of an adapter that is not merged."""
    experts: ExpertsShape | None = None
    n_bytes: int = Field(default=0, ge=0)
    """All weights as they are in memory, norms, biases and adapters among them, routed experts not."""

    @property
    def parameters_per_token(self) -> int:
        """Parameters of the matrices that one token is multiplied with."""
        routed = 0 if self.experts is None else self.experts.per_token * self.experts.parameters
        return self.attention.parameters + self.mlp_parameters + self.lora_parameters + routed


class ModelShape(Record):
    """What FLOPs and bytes of a decoder follow from; read from its modules, not guessed from its configuration."""

    hidden_size: int = Field(default=0, ge=0)
    vocab_size: int = Field(default=0, ge=0)
    """Rows of the output layer."""
    tied_embeddings: bool = False
    layers: tuple[LayerShape, ...] = ()
    """One row for each kind of layer."""
    output_parameters: int = Field(default=0, ge=0)
    """Of the matrix of the output layer (the LM head)."""
    output_bytes: int = Field(default=0, ge=0)
    other_parameters: int = Field(default=0, ge=0)
    """Of the matrices outside the layers that every token meets, without the output layer."""
    other_bytes: int = Field(default=0, ge=0)
    """The weights outside the layers, without embedding tables and the output layer."""
    embedding_bytes: int = Field(default=0, ge=0)
    """Of the tables that are only looked up."""
    embedding_bytes_per_token: int = Field(default=0, ge=0)
    """What a token looks up in them."""
    kv_dtype: str | None = None
    """Data type of the KV cache."""
    kv_element_bytes: float | None = Field(default=None, gt=0)
    """None where a cached number has no fixed size."""

    @property
    def parameters_per_token(self) -> int:
        """Parameters of the matrices that one token is multiplied with, without the output layer."""
        return self.other_parameters + sum(each.layers * each.parameters_per_token for each in self.layers)

    @property
    def bytes_per_pass(self) -> int:
        """Weights that every forward pass reads once: all but routed experts and tables that are only looked up."""
        layers = sum(each.layers * each.n_bytes for each in self.layers)
        return layers + self.other_bytes + self.output_bytes


class Execution(Record):
    """What the implementation computes that the mathematics does not ask for, as far as it goes by rules."""

    attention: Literal["rectangle", "causal_unless_masked", "causal"] | None = None
    """`rectangle`: each query against all keys of the batch, padding and future tokens among them;
    `causal_unless_masked`: the causal part, but the rectangle where padding or a window needs a mask;
    `causal`: the causal part of the real tokens. None: see `unknown`."""
    pads: bool = True
    """Whether a batch is as wide as its longest prompt and as long as its longest answer, for every row."""
    output_positions: Literal["last", "all"] = "last"
    """At which positions of a prompt the output layer computes."""
    expands_cached_latents: bool = False
    """Whether every pass computes keys and values of all cached tokens again, from their latents."""
    unknown: str | None = None
    """Why it is not known what the implementation computes."""
    passes_unknown: str | None = None
    """Why the forward passes do not follow from the lengths of prompts and answers; None: they do."""
