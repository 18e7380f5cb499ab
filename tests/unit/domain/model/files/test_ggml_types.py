"""The sizes of tensors in GGUF files are those that the gguf package states."""

from __future__ import annotations

import pytest

from llenergymeasure.domain.model.files.ggml_types import GGML_TYPES, type_named


def test_every_type_has_the_number_and_the_size_of_the_gguf_package() -> None:
    constants = pytest.importorskip("gguf.constants")
    for number, each in GGML_TYPES.items():
        kind = constants.GGMLQuantizationType(number)
        assert (kind.name, constants.GGML_QUANT_SIZES[kind]) == (each.name, (each.block, each.block_bytes))


def test_a_number_of_a_packed_type_takes_less_than_a_byte_with_its_scales() -> None:
    assert type_named("q4_1").element_bytes == 0.625
    assert type_named("q4_1").tensor_bytes((576, 192)) == 69_120
