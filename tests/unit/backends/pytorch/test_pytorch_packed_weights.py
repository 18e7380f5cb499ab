"""Layers that keep several weights in each number, laid out as the libraries that make them lay them out."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from llenergymeasure.backends.pytorch.backend import PyTorchBackend
from llenergymeasure.backends.pytorch.facts.layers.read import read_shape
from llenergymeasure.backends.pytorch.facts.parameters import count_parameters
from llenergymeasure.core.clock import AnchoredClock
from tests.support.models import edit_json
from tests.support.pytorch_runs import configure

pytestmark = pytest.mark.model

IN, OUT = 64, 96  # of the layers that are packed


def llama():
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=100,
            hidden_size=IN,
            intermediate_size=OUT,
            num_hidden_layers=2,
            num_attention_heads=4,
            tie_word_embeddings=False,
        )
    )


def layer(tensors, *, parameters=(), shape=("in_features", "out_features"), bias=False):
    """A layer with these tensors as buffers or parameters."""
    import torch

    module = torch.nn.Module()
    for name, tensor in tensors.items():
        if name in parameters:
            module.register_parameter(name, torch.nn.Parameter(tensor, requires_grad=False))
        else:
            module.register_buffer(name, tensor)
    if bias:
        module.register_buffer("bias", torch.zeros(OUT))
    for name, size in zip(shape, (IN, OUT), strict=False):
        setattr(module, name, size)
    return module


def layouts():
    import torch

    scales, zeros = torch.ones(2, OUT, dtype=torch.float16), torch.zeros(2, OUT // 8, dtype=torch.int32)
    awq = {"qweight": torch.zeros(IN, OUT // 8, dtype=torch.int32), "qzeros": zeros, "scales": scales}
    gptq = {"qweight": torch.zeros(IN // 8, OUT, dtype=torch.int32), "qzeros": zeros, "scales": scales}
    gptq["g_idx"] = torch.zeros(IN, dtype=torch.int32)
    bits = {"weight": torch.zeros(OUT // 4, IN, dtype=torch.uint8), "weight_scale": torch.ones(1)}
    fp8 = {"weight": torch.zeros(OUT, IN).to(torch.float8_e4m3fn), "weight_scale_inv": torch.ones(3, 2)}
    compressed = {"weight_packed": torch.zeros(OUT, IN // 8, dtype=torch.int32)}
    compressed |= {"weight_scale": torch.ones(OUT, 2), "weight_shape": torch.tensor([OUT, IN])}
    hqq = {"W_q": torch.zeros(OUT * IN // 8, dtype=torch.float32)}
    int8 = {"weight": torch.zeros(OUT, IN, dtype=torch.int8), "SCB": torch.ones(OUT)}
    return {
        "AWQ": layer(awq),
        "GPTQ": layer(gptq, bias=True),
        "old GPTQ": layer(gptq, shape=("infeatures", "outfeatures")),
        "BitNet": layer(bits),
        "FP8": layer(fp8, parameters=fp8),
        "compressed tensors": layer(compressed, parameters=compressed),
        "HQQ in floats": layer(hqq, parameters=hqq),
        "int8": layer(int8, parameters=int8),
    }


def kept_bytes(module):
    return sum(each.numel() * each.element_size() for each in module.state_dict().values())


@pytest.mark.parametrize(
    "kind", ["AWQ", "GPTQ", "old GPTQ", "BitNet", "FP8", "compressed tensors", "HQQ in floats", "int8"]
)
def test_packed_weights_count_as_what_they_stand_for_and_take_the_memory_that_they_take(kind):
    model, plain = llama(), count_parameters(llama())
    packed = layouts()[kind]
    model.model.layers[0].mlp.up_proj = packed
    counts = count_parameters(model)
    bias = OUT if kind == "GPTQ" else 0
    assert counts.unknown == {}
    assert counts.n_parameters == plain.n_parameters + bias
    assert counts.n_matmul_parameters == plain.n_matmul_parameters + bias
    assert counts.weight_bytes == plain.weight_bytes - 4 * IN * OUT + kept_bytes(packed)
    shape, reason = read_shape(model)
    assert reason is None
    assert shape.parameters_per_token == read_shape(llama())[0].parameters_per_token
    assert shape.bytes_per_pass + shape.embedding_bytes == counts.weight_bytes


def test_bitnet_packed_counts_as_bitnet_unpacked():
    from transformers.integrations.bitnet import BitLinear

    model, plain = llama(), count_parameters(llama())
    packed = 0
    for block in model.model.layers:
        for name in ("up_proj", "gate_proj"):
            setattr(block.mlp, name, BitLinear(IN, OUT, bias=False))
            packed += IN * OUT
    counts = count_parameters(model)
    assert (counts.n_parameters, counts.n_matmul_parameters) == (
        plain.n_parameters,
        plain.n_matmul_parameters,
    )
    assert counts.weight_bytes == plain.weight_bytes - 4 * packed + packed // 4 + 4 * 4


def test_four_bit_weights_of_bitsandbytes_count_with_their_scales():
    import torch

    class QuantState:
        """As bitsandbytes keeps the scales of blocks of 64."""

        def __init__(self):
            self.absmax = torch.ones(IN * OUT // 64)

    class Params4bit(torch.nn.Parameter):
        """As bitsandbytes stores them: two weights in a byte."""

    weight = Params4bit(torch.zeros(IN * OUT // 2, 1, dtype=torch.uint8), requires_grad=False)
    weight.quant_state = QuantState()
    model, plain = llama(), count_parameters(llama())
    model.model.layers[0].mlp.up_proj.weight = weight
    counts = count_parameters(model)
    assert counts.n_parameters == plain.n_parameters
    assert counts.weight_bytes == plain.weight_bytes - 4 * IN * OUT + IN * OUT // 2 + 4 * IN * OUT // 64


def test_packed_weights_of_an_unknown_shape_leave_every_count_unknown():
    import torch

    model = llama()
    model.model.layers[0].mlp.up_proj = layer({"codes": torch.zeros(8, 8, dtype=torch.int16)}, shape=())
    counts = count_parameters(model)
    assert counts.n_parameters is counts.n_matmul_parameters is None
    assert "does not say how many they stand for" in counts.unknown["n_parameters"]
    assert counts.weight_bytes > 0
    shape, reason = read_shape(model)
    assert shape is None
    assert "does not say how many they stand for" in (reason or "")


def test_masks_and_positions_are_no_weights():
    import torch

    model, plain = llama(), count_parameters(llama())
    model.model.register_buffer("causal_mask", torch.ones(1, 1, 64, 64, dtype=torch.uint8))
    model.model.register_buffer("position_ids", torch.arange(64).int()[None])
    model.model.register_buffer("ones", torch.ones(64, 64, dtype=torch.bool))
    assert count_parameters(model) == plain


def test_random_weights_are_not_called_quantised_whatever_the_configuration_names(tiny_llama, tmp_path):
    folder = Path(shutil.copytree(tiny_llama, tmp_path / "named"))
    edit_json(folder / "config.json", quantization_config={"quant_method": "gptq", "bits": 4})
    backend = PyTorchBackend()
    info = backend.load(configure(folder, weights="random"), AnchoredClock())
    backend.close()
    assert info.quantisation is None
    assert info.weight_bytes == 4 * info.n_parameters
