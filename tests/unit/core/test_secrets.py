"""Secrets are masked wherever they may be written down, and nothing else is."""

from __future__ import annotations

import ast
import re
import time

import pytest

from llenergymeasure.core.secrets import is_secret_name, mask_environment, mask_secrets, mask_url_credentials
from tests.architecture.tree import parsed


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("https://me:hunter2@example.org/simple", "https://***@example.org/simple"),
        ("--index-url https://t0ken@example.org/", "--index-url https://***@example.org/"),
        ("acme @ git+https://x:y@example.org/a.git@v1", "acme @ git+https://***@example.org/a.git@v1"),
        ("postgresql://a:b@db, https://c:d@web", "postgresql://***@db, https://***@web"),
        ("https://me:p@ss@example.org/", "https://***@example.org/"),
        ("git+ssh://git@example.org/a.git@0123abc", "git+ssh://git@example.org/a.git@0123abc"),
        ("git+ssh://git:pw@example.org/a.git", "git+ssh://***@example.org/a.git"),
        ("acme @ git+https://example.org/a.git@v1", "acme @ git+https://example.org/a.git@v1"),
        (
            "mail me@example.org about https://example.org/@me",
            "mail me@example.org about https://example.org/@me",
        ),
    ],
)
def test_url_credentials_are_masked_and_the_rest_of_the_url_stays(text: str, masked: str) -> None:
    assert mask_url_credentials(text) == masked
    assert mask_secrets(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "token=SECRET",
        "HF_TOKEN: SECRET",
        '{"api_key": "SECRET", "a": 1}',
        "{'password': 'SECRET'}",
        "secret-key = SECRET",
        "https://example.org/a.whl?access_token=SECRET&b=1",
        "https://example.org/a?X-Amz-Signature=SECRET",
        "Authorization: Bearer SECRET0123",
        "hf_SECRETSECRETSECRET",
        "ghp_SECRETSECRETSECRETSECRET",
        "sk-proj-SECRET0SECRET0SECRET0",
        "glpat-SECRETSECRETSECRET",
        "AKIASECRETSECRET0000",
        "eyJSECRETSECRET.eyJSECRETSECRET.SECRET",
    ],
)
def test_secrets_of_every_make_are_masked(text: str) -> None:
    masked = mask_secrets(text)
    assert "SECRET" not in masked
    assert "***" in masked


@pytest.mark.parametrize(
    "text",
    [
        "tokenizers==0.20.0\nhf_transfer==0.1.8\nsecretstorage==3.3\nscikit-learn==1.5.2\n",
        "auth-token==1.0\nsk-learn-tools-of-many-words==2.0\n",
        "max_new_tokens=128, pad_token_id=0, keys: 3",
        "output_tokens_per_s: 25.1; tokens: 12",
        "-e git+https://example.org/a.git@0123abc#egg=acme",
    ],
)
def test_ordinary_text_stays_as_it_is(text: str) -> None:
    assert mask_secrets(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "this backend streams token by token: set another load",
        "no token: pass one with the request",
        "Token: what nobody knows",
        "basic tokenizers are enough; the basic configuration is too",
        "a bearer certificate, and the cookie: none is needed",
        "an expired token: make a new one at https://huggingface.co/settings/tokens",
    ],
)
def test_prose_about_secrets_is_no_secret(text: str) -> None:
    assert mask_secrets(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "password: SECRET",
        "token: SECRET and more words",
        "token: secret0 and more words",
        "HF_TOKEN: hunter and more words",
        "api_key: hunter and more words",
        "authorization: bearer hunter",
        "the token=hunter of yours",
        "Proxy-Authorization: Basic aHVudGVyOmh1bnRlcg==",
    ],
)
def test_what_a_name_holds_is_a_secret(text: str) -> None:
    masked = mask_secrets(text)
    assert "***" in masked
    assert not re.search("SECRET|secret0|hunter|aHVu", masked)


def test_every_message_of_ours_passes_as_it_is() -> None:
    """Texts of the source, docstrings apart, that read like a sentence."""
    for path, tree in parsed():
        if "llenergymeasure/core/secrets" in str(path) or "/src/" not in str(path):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.count(" ") > 1:
                assert mask_secrets(node.value) == node.value, path


def test_masking_long_lines_takes_no_time() -> None:
    start = time.perf_counter()
    mask_secrets("a_" * 50_000 + "-." * 50_000)
    assert time.perf_counter() - start < 2


def test_names_of_secrets_are_told_from_names_of_tokens() -> None:
    for name in ("token", "hf_token", "api_key", "hub.api-key", "password", "AWS_SECRET_ACCESS_KEY"):
        assert is_secret_name(name), name
    for name in ("eos_token", "pad_token_id", "max_new_tokens", "tokenizer", "key", "author"):
        assert not is_secret_name(name), name


def test_environment_is_sorted_and_its_secrets_are_masked() -> None:
    environ = {
        "VLLM_API_KEY": "SECRET",
        "TOKENIZERS_PARALLELISM": "false",
        "HF_TOKEN_2": "SECRET",
        "HF_ENDPOINT": "https://me:SECRET@example.org",
        "OMP_NUM_THREADS": "2",
        "TORCH_LOGS": "hf_SECRETSECRETSECRET",
    }
    masked = mask_environment(environ)
    assert list(masked) == sorted(environ)
    assert "SECRET" not in str(masked)
    assert masked["TOKENIZERS_PARALLELISM"] == "false"
    assert masked["OMP_NUM_THREADS"] == "2"


def test_a_placeholder_in_advice_is_no_secret() -> None:
    advice = "export it instead (export HF_TOKEN=<your_token>)"
    assert mask_secrets(advice) == advice
    assert "abc" not in mask_secrets("HF_TOKEN=abc<your_token>")


@pytest.mark.parametrize("name", ["password", "passphrase", "secret"])
def test_a_secret_of_plain_words_in_a_sentence_is_masked(name):
    assert "swordfish" not in mask_secrets(f"login failed, {name}: swordfish is wrong")
