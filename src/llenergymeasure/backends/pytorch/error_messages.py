"""What the libraries' exceptions mean to the user, and what to try."""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from llenergymeasure.core.secrets import mask_secrets
from llenergymeasure.core.whose_error import is_the_programs
from llenergymeasure.domain.model.hub_answers import HubAnswer, causes_of, hub_answer
from llenergymeasure.exceptions import BackendError, LLEMError
from llenergymeasure.foreign_code import described, text_of

_OUT_OF_MEMORY = re.compile(
    r"OutOfMemoryError|MemoryError|out of memory|not enough memory|can't allocate memory|_ALLOC_FAILED"
)
_CODE_CAUSES: tuple[tuple[str, str], ...] = (
    (
        r"EOF when reading a line",
        "the Python code that the model brings waits for input from a keyboard, and a run has none: correct that code",
    ),
)
"""Of the Python code that a model may bring, whenever it is called."""
_NO_NUMBER = (
    r"'<' not supported between instances of '(str|list|dict)' and 'int'",
    "a value in its generation_config.json, such as pad_token_id, is no number: correct it there ({detail})",
)
_LOAD_CAUSES: tuple[tuple[str, str], ...] = (
    (
        r"Validation error for field '(?P<field>\w+)'",
        "its config.json has no usable value for '{field}': correct it there",
    ),
    (
        r"Padding_idx must be within num_embeddings",
        "pad_token_id in its config.json is no token of its vocabulary: correct it there, or remove it",
    ),
    _NO_NUMBER,
    (
        r"Can't find 'adapter_config\.json'",
        "there is no adapter_config.json: set pytorch.lora_adapter to a peft adapter",
    ),
    (
        r"trust_remote_code",
        "it brings Python code of its own: read that code, then set trust_remote_code: true if you trust it",
    ),
    (
        r"unexpected keyword argument '(?P<key>\w+)'",
        "nothing takes the argument '{key}': correct or remove it in passthrough_kwargs",
    ),
    (
        r"[Nn]o file named .*(safetensors|\.bin)|does not appear to have a file named .*(safetensors|\.bin)",
        "it has no weights of that kind: download them, or set weights: random for the bare architecture",
    ),
    (
        r"does not recognize this architecture|Unrecognized model in|[Uu]nknown architecture|not supported yet",
        "this version of transformers does not know its architecture: pip install --upgrade transformers",
    ),
    (
        r"Unrecognized configuration class",
        "it is no causal language model, and only those generate text token by token: choose another",
    ),
    (
        r"backend tokenizer|[Cc]an't load tokenizer|SentencePiece|sentencepiece|tiktoken",
        "its tokenizer cannot be read: add the tokenizer's files; older ones need pip install sentencepiece tiktoken",
    ),
    (
        r"UnpicklingError|Weights only load failed",
        "its pickled weights hold more than tensors and could run code: use safetensors instead",
    ),
    (r"SafetensorError|EOFError|PytorchStreamReader", "its weights are damaged: download them again"),
    (
        r"ignore_mismatched_sizes|size mismatch",
        "the weights do not have the shapes that config.json says: use files of one model",
    ),
    (r"not a valid JSON file", "its config.json is not valid JSON: download it again"),
    (
        r"Target modules .* not found",
        "the adapter was made for another model: its target modules do not exist here",
    ),
    (
        r"attention implementation|FlashAttention|flash_attn|flex_attention",
        "this attention does not work here: set pytorch.attn_implementation to sdpa or eager",
    ),
    (r"InvalidBackend", "torch.compile has no such backend: correct pytorch.torch_compile_backend"),
    (r"ImportError|ModuleNotFoundError", "a package is missing: {detail}"),
)
_NOT_QUANTISED = "or choose the version of this model that is not quantised"
_READ_CAUSES: dict[str, tuple[tuple[str, str], ...]] = {
    "config.json": (
        (
            r"module 'torch' has no attribute '(?P<name>\w+)'",
            "its config.json has no usable value for 'torch_dtype', or 'dtype' ({name}): correct it there",
        ),
        *_LOAD_CAUSES,
    ),
    "generation_config.json": (
        _NO_NUMBER,
        (r"", "its generation_config.json cannot be used ({kind}: {detail}): correct or remove it"),
    ),
    "quantization_config": (
        (
            r"Unknown quantization type, got (?P<name>[^\n]{0,60}?) - ",
            "its weights are quantised in a way that this version of transformers does not know ({name}): "
            f"pip install --upgrade transformers, {_NOT_QUANTISED}",
        ),
        (
            r"ImportError|ModuleNotFoundError|PackageNotFoundError",
            "its weights are quantised, and a package for that is missing: {detail}: install it, "
            f"{_NOT_QUANTISED}",
        ),
        (
            r"(?i)requires? a? ?gpu|gpu is (required|needed)|only supported on gpu|no gpu|without setting device_map",
            "its weights are quantised in a way that needs a GPU ({detail}): set device: cuda, "
            f"{_NOT_QUANTISED}",
        ),
        (
            r"",
            "the quantization_config in its config.json cannot be used ({kind}: {detail}): correct it there, "
            f"{_NOT_QUANTISED}",
        ),
    ),
}
"""Of single files of a model, and of a part of its config.json."""
_WEIGHT_CAUSES: tuple[tuple[str, str], ...] = (
    (
        r"Unsupported (global|class|type)|not an allowed global",
        "it holds more than tensors and could run code: download the weights as safetensors",
    ),
    (r"", "it is damaged, or no file of weights ({kind}: {detail}): download it again"),
)
_HUB_CAUSES: dict[HubAnswer, str] = {
    "gated": "access to it is restricted on the Hub: accept its terms on its page and export HF_TOKEN=<your_token>",
    "bad_token": "the Hub refuses the token, which is expired, revoked or mistyped: set a valid one, or none "
    "(unset HF_TOKEN, `hf auth logout`) for a public model",
    "no_revision": "the Hub has no such revision: correct `revision`, or leave it out",
    "not_found": "there is no such repository on the Hub and no such folder here: correct `model`; "
    "for a private repository export HF_TOKEN=<your_token>",
    "disabled": "the Hub has disabled it: choose another",
    "rate_limited": "the Hub limits the rate of requests (429): wait some minutes and run it again; "
    "what has arrived is kept in the cache",
    "server_fault": "the Hub has a fault (5xx): run it again later; what has arrived is kept in the cache",
    "foreign": "a proxy, a web filter or a login page answers instead of the Hub: ask who runs your network, "
    "or download it elsewhere and set `model` to its folder",
    "offline": "HF_HUB_OFFLINE is set and the files are not in the cache: unset it, or download them elsewhere and set "
    "`model` to their folder",
    "tls": "the certificate of what answers for the Hub is not trusted, as behind a proxy that decrypts: "
    "set SSL_CERT_FILE to the certificates of your organisation",
    "unreachable": "the Hub cannot be reached and the files are not in the cache: "
    "connect, or download them elsewhere and set `model` to their folder",
    "broken_off": "the download broke off: run it again; what has arrived is kept in the cache",
    "timeout": "the Hub does not answer in time: run it again, or download it elsewhere and set `model` to its folder",
}
_DISK_CAUSES: dict[int, str] = {
    **dict.fromkeys(
        (errno.ENOSPC, errno.EDQUOT), "no room is left{at}: free some, or set HF_HOME to a folder with room"
    ),
    **dict.fromkeys(
        (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR),
        "access is refused{at}: correct its permissions, or set HF_HOME to a folder of yours if it is the cache",
    ),
}
_ATTACH_MEMORY = "see with nvidia-smi which process uses the memory of the GPU, and end it"
_LOAD_MEMORY = (
    "choose a smaller model, precision: bf16, pytorch.load_in_4bit or pytorch.device_map: auto, "
    "and check that no other process uses the memory"
)
_GENERATE_CAUSES: tuple[tuple[str, str], ...] = (
    (
        r"InductorError|torch\._dynamo|torch\._inductor|CppCompileError|BackendCompilerFailed",
        "the model cannot be compiled: set pytorch.torch_compile: false (or torch_compile_backend: aot_eager), "
        "and attn_implementation: sdpa where it is flex_attention, which compiles too ({detail})",
    ),
    (
        r"not implemented for 'Half'|not implemented for 'BFloat16'",
        "the device cannot compute in this precision: set precision: fp32 ({detail})",
    ),
)
_NOT_NUMBERS = (
    r"probability tensor contains either `inf`, `nan`",
    "the model's logits are not numbers (NaN or infinite) for a token that it wrote, so that its answers mean nothing: "
    "set precision: fp32, or bf16 where it was fp16, or download the weights again",
)
_GENERATE_MEMORY = (
    "lower pytorch.batch_size, workload.max_input_tokens or workload.max_output_tokens, "
    "or choose a smaller precision"
)


@contextmanager
def explain_attaching() -> Iterator[None]:
    """Turn any exception of a library while the device's context is created into a BackendError of one sentence."""
    with _explain("the context of the GPU cannot be created", (), _ATTACH_MEMORY):
        yield


@contextmanager
def explain_loading(what: str) -> Iterator[None]:
    """Turn any exception of a library while `what` is loaded into a BackendError of one sentence."""
    with _explain(f"{what} cannot be loaded", _LOAD_CAUSES, _LOAD_MEMORY, _cause_outside):
        yield


@contextmanager
def explain_reading(what: str, files: str) -> Iterator[None]:
    """Turn any exception while small files of a model are read into a BackendError that names the files."""
    causes = _READ_CAUSES.get(files, _LOAD_CAUSES)
    rest = (r"", f"its {files} cannot be used ({{kind}}: {{detail}}): correct it, or download it again")
    with _explain(f"{what} cannot be loaded", (*causes, rest), _LOAD_MEMORY, _cause_outside):
        yield


@contextmanager
def explain_weights(file: Path) -> Iterator[None]:
    """Turn any exception while the table of contents of weights is read into a BackendError that names the file."""
    with _explain(f"{file} cannot be used", _WEIGHT_CAUSES, _LOAD_MEMORY, _cause_outside):
        yield


@contextmanager
def explain_generating(what: str) -> Iterator[None]:
    """Turn any exception of a library while `what` is served into a BackendError of one sentence."""
    with _explain(f"{what} failed", (*_GENERATE_CAUSES, _NOT_NUMBERS), _GENERATE_MEMORY):
        yield


@contextmanager
def _explain(
    failure: str,
    causes: tuple[tuple[str, str], ...],
    on_memory: str,
    cause_outside: Callable[[BaseException], str | None] = lambda _: None,
) -> Iterator[None]:
    try:
        yield
    except BaseException as error:  # a model's own code may raise anything, SystemExit too
        if isinstance(error, LLEMError) or is_the_programs(error):
            raise
        cause = cause_outside(error) or _cause(error, causes, on_memory)
        raise BackendError(f"{failure}: {cause}") from error


def _cause_outside(error: BaseException) -> str | None:
    """Return what the Hub, the network or the disk has to do with a failure to load, or None."""
    disk = next((each for each in causes_of(error) if getattr(each, "errno", None) in _DISK_CAUSES), None)
    if isinstance(disk, OSError):
        return _DISK_CAUSES[disk.errno or 0].format(at=f" at {disk.filename}" if disk.filename else "")
    answer = hub_answer(error)
    if answer == "not_found" and "adapter_config.json" in str(error):
        return None  # peft says it better: it looks for a folder, then asks the Hub
    return _HUB_CAUSES.get(answer) if answer else None


def _cause(error: BaseException, causes: tuple[tuple[str, str], ...], on_memory: str) -> str:
    text = _chain(error)
    if _OUT_OF_MEMORY.search(text):
        return f"out of memory ({_detail(error)}): {on_memory}"
    for pattern, meaning in (*_CODE_CAUSES, *causes):
        match = re.search(pattern, text)
        if match:
            return meaning.format(detail=_detail(error), kind=type(error).__name__, **match.groupdict())
    return f"{type(error).__name__}: {_detail(error)}" if text_of(error).strip() else described(error)


def _chain(error: BaseException) -> str:
    """Return type and text of an exception and of those that led to it; a library's own sentence may hide the cause."""
    return "\n".join(
        f"{type(each).__module__}.{type(each).__name__}: {text_of(each)}" for each in causes_of(error)
    )


def _detail(error: BaseException) -> str:
    """Return the first sentence of an exception, without secrets and without the allocator's source line."""
    lines = text_of(error).strip().splitlines() or [type(error).__name__]
    first = re.sub(r"^\[enforce fail[^\]]*\]\s*[^.]*\.\s*", "", lines[0])
    return mask_secrets(re.split(r"\.\s", first, maxsplit=1)[0].rstrip("."))[:300]
