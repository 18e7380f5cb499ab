"""Whether a text is the address of a server, without asking anyone."""

from __future__ import annotations

from urllib.parse import urlsplit

EXAMPLE = "http://127.0.0.1:8000/v1"
ENDPOINTS = ("/chat/completions", "/completions", "/models")


def url_problem(url: str) -> str | None:
    """Return what is wrong with the address of a server, and what to write; None where nothing is.

    What could be a secret is not repeated.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"is no address of a server ({error}): write one as {EXAMPLE}"
    if parts.username is not None or parts.password is not None:
        return "has credentials in it, and a configuration is stored in each result: name api_key_env instead"
    if parts.query or parts.fragment:
        return f"has something after '?' or '#': write the address before /completions, as {EXAMPLE}"
    if parts.scheme not in ("http", "https"):
        return f"'{url}' has no http:// or https:// before it: write an address as {EXAMPLE}"
    if not parts.hostname or port == 0:
        return f"'{url}' names no host and port: write an address as {EXAMPLE}"
    ending = next((each for each in ENDPOINTS if parts.path.rstrip("/").endswith(each)), None)
    if ending is not None:
        return f"'{url}' names an endpoint: write the address before {ending}"
    if any(letter.isspace() or not letter.isprintable() for letter in url):
        return f"'{url}' has a space or a control character in it: write an address as {EXAMPLE}"
    return None
