"""Builders of tiny random language models as ordinary Hugging Face folders; nothing is downloaded."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

CORPUS = (
    "The quick brown fox jumps over the lazy dog. A model reads tokens and writes tokens; a meter reads joules. "
    "How much energy does one sentence cost? Measure twice, report the interval, and say what was not known. "
    "Der schnelle Fuchs springt. Le renard saute. 0123456789 def add(a, b): return a + b # code, too. "
)
CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
CONTEXT_LENGTH = 512
SPREAD = 0.3
"""Standard deviation of the random weights: wide enough that greedy output varies from step to step."""


def build_llama(folder: Path, *, hidden_size: int = 64, safetensors: bool = True, seed: int = 0) -> Path:
    """Write a two-layer Llama with grouped-query attention, a chat template, and a pad token of its own."""
    from transformers import LlamaConfig, LlamaForCausalLM

    vocab_size = save_tokenizer(
        folder,
        specials={"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"},
        adds_bos=True,
        chat_template=CHAT_TEMPLATE,
    )
    config = LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=hidden_size,
        intermediate_size=2 * hidden_size,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT_LENGTH,
        initializer_range=SPREAD,
        tie_word_embeddings=False,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    return _save_model(lambda: LlamaForCausalLM(config), folder, safetensors, seed)


def build_gpt2(folder: Path, *, hidden_size: int = 64, safetensors: bool = True, seed: int = 0) -> Path:
    """Write a two-layer GPT-2: tied output layer, learnt positions, one token for begin and end, none for padding."""
    from transformers import GPT2Config, GPT2LMHeadModel

    end = "<|endoftext|>"
    vocab_size = save_tokenizer(folder, specials={"bos_token": end, "eos_token": end, "unk_token": end})
    config = GPT2Config(
        vocab_size=vocab_size,
        n_embd=hidden_size,
        n_layer=2,
        n_head=4,
        n_positions=CONTEXT_LENGTH,
        initializer_range=SPREAD,
        bos_token_id=0,
        eos_token_id=0,
    )
    return _save_model(lambda: GPT2LMHeadModel(config), folder, safetensors, seed)


def build_opt(folder: Path, *, hidden_size: int = 64, safetensors: bool = True, seed: int = 0) -> Path:
    """Write a two-layer OPT: tied output layer, positions with an offset, padding distinct from the end."""
    from transformers import OPTConfig, OPTForCausalLM

    vocab_size = save_tokenizer(
        folder,
        specials={"bos_token": "</s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "</s>"},
        adds_bos=True,
    )
    config = OPTConfig(
        vocab_size=vocab_size,
        hidden_size=hidden_size,
        word_embed_proj_dim=hidden_size,
        ffn_dim=2 * hidden_size,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=CONTEXT_LENGTH,
        init_std=SPREAD,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=1,
    )
    return _save_model(lambda: OPTForCausalLM(config), folder, safetensors, seed)


def build_adapter(folder: Path, base: Path) -> Path:
    """Write a LoRA adapter of rank 4 on a Llama's query and value projections, strong enough to change the output."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        adapted = get_peft_model(
            AutoModelForCausalLM.from_pretrained(base),
            LoraConfig(r=4, lora_alpha=64, target_modules=["q_proj", "v_proj"], init_lora_weights=False),
        )
    adapted.save_pretrained(folder)
    return folder


def save_tokenizer(
    folder: Path, *, specials: dict[str, str], adds_bos: bool = False, chat_template: str | None = None
) -> int:
    """Train a byte-level BPE tokenizer, save it, and return its size; special tokens have the first ids."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    ordered = list(dict.fromkeys(specials.values()))
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=ordered,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([CORPUS] * 3, trainer)
    if adds_bos:
        bos = specials["bos_token"]
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, ordered.index(bos))]
        )
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, **specials)
    wrapped.chat_template = chat_template
    wrapped.save_pretrained(folder)
    return len(wrapped)


def edit_json(path: Path, **changes: Any) -> None:
    """Overwrite keys of a JSON file, such as a model's config.json."""
    content = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**content, **changes}), encoding="utf-8")


def _save_model(build: Callable[[], Any], folder: Path, safetensors: bool, seed: int) -> Path:
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build()
    model.save_pretrained(folder)
    if not safetensors:
        (folder / "model.safetensors").unlink()
        torch.save(model.state_dict(), folder / "pytorch_model.bin")
    return folder
