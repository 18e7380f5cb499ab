"""Shapes of small decoders for the tests of work."""

from __future__ import annotations

from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.shape import (
    AttentionShape,
    Execution,
    ExpertsShape,
    LayerShape,
    ModelShape,
)

ATTENTION = AttentionShape(
    kind="gqa", heads=4, kv_heads=2, qk_head_dim=8, v_head_dim=8, parameters=300, cached_elements=32
)
PER_LOOK = 2 * 4 * (8 + 8)
EXPERTS = ExpertsShape(number=8, per_token=2, parameters=50, n_bytes=100)
EAGER = Execution(attention="rectangle")


def layer(window: int | None = None, *, experts: ExpertsShape | None = None, layers: int = 2) -> LayerShape:
    return LayerShape(
        layers=layers,
        attention=ATTENTION.model_copy(update={"window": window}),
        mlp_parameters=200,
        n_bytes=1000,
        experts=experts,
    )


def shape(*layers: LayerShape) -> ModelShape:
    return ModelShape(
        hidden_size=32,
        vocab_size=10,
        layers=layers or (layer(),),
        output_parameters=320,
        output_bytes=640,
        other_bytes=64,
        embedding_bytes_per_token=64,
        kv_dtype="bfloat16",
        kv_element_bytes=2,
    )


def info(of: ModelShape | None, execution: Execution | None = EAGER, **unknown: str) -> ModelInfo:
    return ModelInfo(
        name="m",
        architecture="A",
        n_parameters=None,
        n_matmul_parameters=None,
        dtype="bfloat16",
        shape=of,
        execution=execution,
        unknown=unknown,
    )
