"""Keeping tokens and passwords out of whatever is written down."""

from __future__ import annotations

import re
from collections.abc import Mapping

MASK = "***"

_URL_CREDENTIALS = re.compile(r"(?P<scheme>\b[a-z][a-z0-9+.-]{0,30}://)(?P<user>[^/\s?#]*)@", re.IGNORECASE)
_SECRET_WORD = (
    r"(?:token|secret|password|passwd|passphrase|passcode|credentials?|cookie|signature|bearer|"
    r"api[_-]?key|access[_-]?key|secret[_-]?key|private[_-]?key|account[_-]?key|auth[_-]?key)"
)
_SECRET_NAME = re.compile(rf"(?:^|[_.\-]){_SECRET_WORD}(?:$|[_.\-]\d+$)", re.IGNORECASE)
_VOCABULARY = re.compile(
    r"(?:^|[_.])(?:bos|eos|pad|unk|sep|cls|mask|stop|start|end|image|eot)_token$", re.IGNORECASE
)
_SECRET_PART = re.compile(
    r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|PASSWD|PASS|PASSPHRASE|KEY|APIKEY|CREDENTIALS?|AUTH|COOKIE)(?:$|_)",
    re.IGNORECASE,
)
_KEYED_VALUE = re.compile(
    rf"(?P<name>{_SECRET_WORD}[\"']?\s{{0,4}}[=:]\s{{0,4}})"
    r"(?![=:]|<[a-z_]+>)(?:\"[^\"]*\"|'[^']*'|[^\s,;&]+)",
    re.IGNORECASE,
)
_PROSE = re.compile(r"(?:[Tt]okens?|[Cc]ookies?):\s+[A-Za-z][a-z']*[,;]?\s+[A-Za-z]")
"""As in `token by token: set another`: the word is part of a sentence."""
_AUTHORIZATION = re.compile(
    r"(?P<name>\bauthorization[\"']?\s{0,4}[=:]\s{0,4}[\"']?(?:bearer|basic)\s+)[A-Za-z0-9+/_.=~-]+"
    r"|(?P<scheme>\b(?:bearer|basic)\s+)(?=[A-Za-z+/_.=~-]*\d|[A-Za-z+/_.=~-]{24})[A-Za-z0-9+/_.=~-]{8,}",
    re.IGNORECASE,
)
_KNOWN_TOKENS = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{16,}|sk-(?=[\w-]*\d)[\w-]{20,}|gh[opsur]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|"
    r"glpat-[\w-]{16,}|pypi-[\w-]{16,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|"
    r"eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]*)"
)


def mask_url_credentials(text: str) -> str:
    """Replace user and password in every URL of `text`; the `git@` of an SSH address is no secret and stays."""
    return _URL_CREDENTIALS.sub(_mask_user, text)


def mask_secrets(text: str) -> str:
    """Replace what looks like a secret: credentials in URLs, `token=...`, `Bearer ...`, tokens of known make."""
    text = mask_url_credentials(text)
    text = _AUTHORIZATION.sub(lambda match: f"{match['name'] or match['scheme']}{MASK}", text)
    text = _KEYED_VALUE.sub(_mask_value, text)
    return _KNOWN_TOKENS.sub(MASK, text)


def is_secret_name(name: str) -> bool:
    """Tell whether a key such as `token` or `hub.api_key` holds a secret; `eos_token` does not."""
    return _SECRET_NAME.search(name) is not None and _VOCABULARY.search(name) is None


def mask_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the variables, sorted, with the values of secret-looking ones masked.

    Names are judged more strictly than elsewhere: any part such as KEY or TOKEN is enough.
    """
    return {
        name: MASK if _SECRET_PART.search(name) else mask_secrets(value)
        for name, value in sorted(environ.items())
    }


def _mask_value(match: re.Match[str]) -> str:
    """Mask what follows a name, unless the name ends the first part of a sentence."""
    text, start = match.string, match.start()
    if text[max(0, start - 1) : start] in ("", " ", "(") and _PROSE.match(text, start):
        return match[0]
    return f"{match['name']}{MASK}"


def _mask_user(match: re.Match[str]) -> str:
    user = match["user"] if match["user"] == "git" else MASK
    return f"{match['scheme']}{user}@"
