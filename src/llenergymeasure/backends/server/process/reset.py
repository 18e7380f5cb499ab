"""Emptying the prefix cache of a server, and what confirms that it is empty."""

from __future__ import annotations

from llenergymeasure.backends.server.presets import ResetRule
from llenergymeasure.backends.server.process.plain_http import Answer, NoAnswer, ask

ATTEMPT_S = 30.0
"""An engine that is in the middle of a step answers after it."""


def reset_prefix_cache(root: str, rule: ResetRule, api_key: str | None = None) -> str | None:
    """Ask a server to empty its prefix cache; None once it has confirmed that, else why it has not.

    An answer of status 200 may still say that nothing was done (`{"success": false}`), and older releases of vLLM say
    nothing at all.
    """
    url = root + rule.path
    try:
        answer = ask(url, method="POST", api_key=api_key, timeout_s=ATTEMPT_S)
    except NoAnswer as reason:
        return f"the prefix cache was not emptied: {url}: {reason}"
    if answer.status == 404:
        needs = f" → start it with {rule.needs}" if rule.needs else ""
        return f"the prefix cache cannot be emptied: the server has no {rule.path}{needs}"
    if answer.status != 200:
        return (
            f"the prefix cache was not emptied: {rule.path} gave status {answer.status}, '{answer.quoted()}'"
        )
    success = _success(answer)
    if success is False:
        return f"the prefix cache was not emptied: {rule.path} gave status 200, and says '{answer.quoted()}'"
    if success is None and rule.confirmed == "success_is_true":
        return (
            f"whether the prefix cache was emptied is unknown: {rule.path} gave status 200, and does not say that it "
            "succeeded"
        )
    return None


def _success(answer: Answer) -> bool | None:
    """Return what the answer says of its success; None where it says nothing of it."""
    document = answer.json()
    said = document.get("success") if isinstance(document, dict) else None
    return said if isinstance(said, bool) else None
