"""A prompt in the model's chat template, and whether the template kept it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from llenergymeasure.exceptions import BackendError, LLEMError
from llenergymeasure.foreign_code import described, explained

NONE = "the model has no chat template: set workload.chat_template: false"
REMEDY = "correct it, or set workload.chat_template: false to send prompts as plain text"
STAND_IN = "4815162342108"
"""In the place of a prompt, to see what the template writes around it: no letters, no space, nothing to escape."""

ANSWER = "1623428151084"
MARK = "8015148423162"
"""In a content part beside its text: only a template that prints the part itself, as Python writes it, shows this."""
CLOCK = "strftime_now"
"""The function by which a template reads the time."""


@dataclass(frozen=True, kw_only=True)
class _Form:
    """A way to hand over a prompt, and what the template writes around one."""

    in_parts: bool
    frame: str | None
    """None where the template refuses the stand-in."""
    prints_parts: bool = False
    """Whether the template prints the list of parts, and not their text."""

    def content(self, text: str) -> Any:
        return [{"type": "text", "text": text}] if self.in_parts else text

    def keeps(self, text: str, rendered: str) -> bool:
        """Whether the prompt itself is in the text; a short one may be part of the frame by chance."""
        if self.prints_parts:
            return False
        wanted = text.strip()
        if not wanted:
            return True
        by_chance = 0 if self.frame is None else self.frame.count(wanted)
        return rendered.count(wanted) > by_chance


class ChatTemplate:
    """Writes each prompt as one user message, as plain text or, where the template reads those, in content parts."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._where = template_place(tokenizer)
        self._forms: list[_Form] = []

    def render(self, text: str, prompt_id: str) -> str:
        """Return the text with the prompt in it; spaces around the prompt may be lost.

        Raises:
            BackendError: the template fails, or does not keep the prompt; with its place and what to do.
        """
        faults: list[LLEMError] = []
        for in_parts in (False, True):
            try:
                form = self._form(in_parts)
                rendered = self._apply(_user(form.content(text)))
            except LLEMError as fault:
                faults.append(fault)
                continue
            if form.keeps(text, rendered):
                return rendered
        if len(faults) == 2:
            raise faults[0]
        raise self._refusal(
            f"does not keep prompt {prompt_id} as it is, neither as text nor in content parts"
        )

    def opens_answer(self) -> bool | None:
        """Whether the model is asked for an answer after the prompt, and not to continue it; None: not known.

        It is asked where the template writes a generation prompt, or where in a conversation the answer follows at
        once on what was written.
        """
        content = self._content_kept()
        if content is None:
            return None
        user = _user(content(STAND_IN))
        asked = self._apply(user)
        after = asked.rpartition(STAND_IN)[2].strip()
        end = getattr(self._tokenizer, "eos_token", None)
        if not after or (isinstance(end, str) and end and after.endswith(end)):
            return False
        try:
            if self._apply(user, add_generation_prompt=False) != asked:
                return True
            answered = self._apply([*user, {"role": "assistant", "content": content(ANSWER)}])
        except LLEMError:
            return None
        if not answered.startswith(asked) or ANSWER not in answered:
            return None
        return not answered.removeprefix(asked).partition(ANSWER)[0].strip()

    def reads_clock(self) -> bool | None:
        """Return whether the template writes the date or the time, so that prompts differ by the day; None: not known.

        It is tried without the function that tells the time.
        """
        if CLOCK not in str(chat_template_of(self._tokenizer)):
            return False
        content = self._content_kept()
        if content is None:
            return None
        user = _user(content(STAND_IN))
        told = self._apply(user)
        try:
            return self._apply(user, strftime_now="") != told
        except LLEMError:
            return True

    def _content_kept(self) -> Callable[[str], Any] | None:
        """Return the form in which the stand-in is in the text."""
        for in_parts in (False, True):
            form = self._form(in_parts)
            with suppress(LLEMError):
                if not form.prints_parts and STAND_IN in self._apply(_user(form.content(STAND_IN))):
                    return form.content
        return None

    def _form(self, in_parts: bool) -> _Form:
        known = next((form for form in self._forms if form.in_parts == in_parts), None)
        if known is None:
            frame = self._frame(_Form(in_parts=in_parts, frame=None))
            known = _Form(in_parts=in_parts, frame=frame, prints_parts=in_parts and self._prints_parts())
            self._forms.append(known)
        return known

    def _prints_parts(self) -> bool:
        """Return whether the template prints what stands beside the text of a part: it takes the list for a text."""
        part = {"id": MARK, "type": "text", "text": STAND_IN}
        with suppress(LLEMError):
            return MARK in self._apply(_user([part]))
        return False

    def _frame(self, form: _Form) -> str | None:
        try:
            return self._apply(_user(form.content(STAND_IN))).replace(STAND_IN, "")
        except LLEMError:
            return None

    def _apply(
        self, messages: list[dict[str, Any]], *, add_generation_prompt: bool = True, **variables: str
    ) -> str:
        with explained(lambda cause: self._refusal(f"fails on one user message ({cause})")):
            rendered = self._tokenizer.apply_chat_template(
                messages, add_generation_prompt=add_generation_prompt, tokenize=False, **variables
            )
        if not isinstance(rendered, str):
            raise self._refusal(f"gives no text, but an object of type {type(rendered).__name__}")
        return rendered

    def _refusal(self, what: str) -> BackendError:
        return BackendError(f"the chat template ({self._where}) {what}: {REMEDY}")


def _user(content: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": content}]


def chat_template_of(tokenizer: Any) -> Any:
    """Return the template or the templates of a tokenizer; None where it has none.

    Raises:
        BackendError: the tokenizer cannot say.
    """
    with explained(
        lambda cause: BackendError(f"the tokenizer has no readable chat template ({cause}): {REMEDY}")
    ):
        return getattr(tokenizer, "chat_template", None)


def template_place(tokenizer: Any) -> str:
    """Return the file of a tokenizer's chat template, as far as it is known."""
    try:
        folder = Path(str(tokenizer.name_or_path))
        names = ("chat_template.jinja", "additional_chat_templates", "tokenizer_config.json")
        found = next((folder / name for name in names if (folder / name).exists()), None)
        return str(found or "of tokenizer_config.json or chat_template.jinja")
    except BaseException as error:  # noqa: BLE001 - other people's code
        return f"its place is unknown, {described(error)}"
