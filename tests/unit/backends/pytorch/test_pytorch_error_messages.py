from __future__ import annotations

import errno

import pytest

from llenergymeasure.backends.pytorch.error_messages import explain_generating, explain_loading
from llenergymeasure.exceptions import BackendError, ConfigError


class OutOfMemoryError(RuntimeError):
    """As torch names it."""


class GatedRepoError(Exception):
    """As huggingface_hub names it."""


def message(error: BaseException, explain=explain_loading) -> str:
    with pytest.raises(BackendError) as caught, explain("model m"):
        raise error
    return str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        OutOfMemoryError(
            "CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 8 GiB."
        ),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
            "allocate 256 bytes. Error code 12 (Cannot allocate memory)"
        ),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:75] . DefaultCPUAllocator: not enough memory: you tried"
        ),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        MemoryError(),
    ],
)
def test_every_kind_of_memory_shortage_is_recognised(error):
    assert "out of memory (" in message(error)
    assert "choose a smaller model" in message(error)
    assert "lower pytorch.batch_size" in message(error, explain_generating)


def test_the_cause_behind_a_librarys_sentence_is_found():
    hidden = OSError("We have no idea")
    hidden.__cause__ = GatedRepoError("403 Client Error")
    assert "export HF_TOKEN=<your_token>" in message(hidden)


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "no room is left at /cache/blob: free some"),
        (errno.EDQUOT, "no room is left at /cache/blob"),
        (errno.EACCES, "access is refused at /cache/blob: correct its permissions, or set HF_HOME"),
        (errno.EROFS, "access is refused at /cache/blob"),
    ],
)
def test_a_full_or_closed_cache_is_told_with_its_place(number, said):
    hidden = OSError("We have no idea")
    hidden.__cause__ = OSError(number, "it says", "/cache/blob")
    assert said in message(hidden)


class ReadError(Exception):
    """As the HTTP client names it."""


def test_a_download_that_breaks_off_is_told_as_one():
    assert "the download broke off: run it again" in message(ReadError("peer closed connection"))


def test_an_unknown_failure_keeps_its_kind_and_its_first_sentence():
    assert message(ZeroDivisionError("over zero. And a stack of detail\nmore")) == (
        "model m cannot be loaded: ZeroDivisionError: over zero"
    )


def test_an_exception_without_words_keeps_its_name():
    assert "AssertionError without a text, raised at " in message(AssertionError())


def test_secrets_in_a_librarys_sentence_are_masked():
    text = message(OSError("cannot fetch https://user:hunter2@host/file"))
    assert "hunter2" not in text


def test_our_own_errors_pass_unchanged():
    with pytest.raises(ConfigError, match=r"^as it is$"), explain_loading("model m"):
        raise ConfigError("as it is")


def test_an_interrupt_is_not_an_error_of_the_backend():
    with pytest.raises(KeyboardInterrupt), explain_generating("a batch"):
        raise KeyboardInterrupt


def test_braces_in_a_librarys_sentence_do_no_harm():
    assert "{x}" in message(ImportError("no {x}"))


@pytest.mark.parametrize("explain", [explain_loading, explain_generating])
def test_code_that_waits_for_a_keyboard_is_named(explain):
    with pytest.raises(BackendError, match="waits for input from a keyboard"), explain("model m"):
        raise EOFError("EOF when reading a line")
