"""Prompts in a JSONL file: one object a line, read as a stream."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from itertools import count, cycle, islice
from pathlib import Path
from typing import Any

from llenergymeasure.config.models import WorkloadConfig
from llenergymeasure.core.files.packed import HEAD_BYTES, no_text
from llenergymeasure.domain.request import Prompt
from llenergymeasure.exceptions import ConfigError

MAX_LINE_BYTES = 16 * 1024 * 1024
"""A longer line is no prompt; the bound keeps a wrong file from filling the memory."""

MOST_ID_CHARACTERS = 1000
"""The id stands in every table and message about the request."""
MOST_CHARACTERS, CHARACTERS_PER_TOKEN = 1_000_000, 16
"""A prompt may always have so many characters, and a longer one so many times `max_input_tokens`: of what is longer
still most would be cut off, after tokenizers have worked on it for minutes."""


def distinct_prompts(path: Path, field: str, workload: WorkloadConfig) -> Iterator[Prompt]:
    """Yield the prompts of a file as they are read, at most `workload.n_prompts`; ids are `id` or `line-N`.

    Raises:
        ConfigError: a line that is needed is no prompt, or there is none; with file and line number.
    """
    line_of: dict[str, int] = {}
    for number, line in islice(text_lines(path), workload.n_prompts):
        prompt = _prompt(line, field, path, number)
        _check_length(prompt, workload, path, number)
        first = line_of.setdefault(prompt.prompt_id, number)
        if first != number:
            raise fault(path, number, f"the id {quoted(prompt.prompt_id)} is that of line {first} already")
        yield prompt
    if not line_of:
        raise ConfigError(f"{path} holds no prompts: each line must be an object with the key '{field}'")


def _check_length(prompt: Prompt, workload: WorkloadConfig, path: Path, number: int) -> None:
    characters = len(prompt.text or "")
    if characters > max(MOST_CHARACTERS, CHARACTERS_PER_TOKEN * workload.max_input_tokens):
        what = (
            f"the prompt has {characters:,} characters, and of all its tokens only the last "
            f"{workload.max_input_tokens} would be read; shorten it, or raise workload.max_input_tokens"
        )
        raise fault(path, number, what)


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text, without the end, of every line that is not blank; numbers start from 1."""
    with path.open("rb") as file:
        for number in count(1):
            raw = file.readline(MAX_LINE_BYTES + 1)
            if not raw:
                return
            other = no_text(raw[:HEAD_BYTES]) if number == 1 else None
            if other is not None:
                raise fault(path, number, f"the file is {other}")
            if len(raw) > MAX_LINE_BYTES:
                raise fault(path, number, f"longer than {MAX_LINE_BYTES >> 20} MiB; is this a JSONL file?")
            line = _decoded(raw, path, number).rstrip()
            if line:
                yield number, line


def _decoded(raw: bytes, path: Path, number: int) -> str:
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        what = f"byte {error.start + 1} (0x{raw[error.start]:02x}) is not UTF-8; convert the file to UTF-8"
        raise fault(path, number, what) from None


class _TwinKeyError(ValueError):
    """Two values of one name: which of them is meant is anybody's guess."""


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    record = dict(pairs)
    if len(record) < len(pairs):
        names = [name for name, _ in pairs]
        raise _TwinKeyError(quoted(next(name for name in names if names.count(name) > 1)))
    return record


def _prompt(line: str, field: str, path: Path, number: int) -> Prompt:
    record = json_object(line, path, number)
    if field not in record:
        there = _shortened(", ".join(map(quoted, record)), 300) or "none"
        raise fault(
            path, number, f"there is no key '{field}', but: {there}; name one with workload.prompt_field"
        )
    text = record[field]
    if not isinstance(text, str):
        raise fault(path, number, f"'{field}' must be a string, not {_json_type(text)}")
    if not text.strip():
        raise fault(path, number, f"the prompt in '{field}' is empty")
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise fault(path, number, f"'{field}' holds half of a surrogate pair, which no tokenizer can read")
    return Prompt(
        prompt_id=_id(record, path, number), text=text, session=_name("session", record, path, number)
    )


def json_object(line: str, path: Path, number: int) -> dict[str, Any]:
    """Return the object of a line.

    Raises:
        ConfigError: it is none; with file and line number.
    """
    try:
        record = json.loads(line, object_pairs_hook=_without_twins)
    except _TwinKeyError as error:
        raise fault(path, number, f"the key {error} comes twice in one object; keep one of them") from None
    except json.JSONDecodeError as error:
        raise fault(path, number, f"not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise fault(path, number, "nested too deeply to be read") from None
    except ValueError:  # sys.set_int_max_str_digits
        raise fault(path, number, "a number has too many digits to be read; put it in quotes") from None
    if not isinstance(record, dict):
        raise fault(path, number, f'must be an object such as {{"prompt": "..."}}, not {_json_type(record)}')
    return record


def _id(record: dict[str, Any], path: Path, number: int) -> str:
    name = _name("id", record, path, number)
    return f"line-{number}" if name is None else name


def _name(key: str, record: dict[str, Any], path: Path, number: int) -> str | None:
    name = record.get(key)
    if name is None:
        return None
    if isinstance(name, bool) or not isinstance(name, (str, int)) or name == "":
        raise fault(path, number, f"'{key}' must be a string or a whole number, not {_json_type(name)}")
    if len(str(name)) > MOST_ID_CHARACTERS:
        raise fault(path, number, f"'{key}' has {len(str(name)):,} characters; shorten it, or remove it")
    return str(name)


def repeated(prompts: list[Prompt], limit: int) -> list[Prompt]:
    """Return `limit` prompts, from the first again where there are fewer.

    Each has an id of its own, with `#2`, `#3`... when it comes again, or the next number that no other has taken.
    """
    ids = {prompt.prompt_id for prompt in prompts}
    rounds = dict.fromkeys(ids, 1)
    repeated = list(prompts)
    for prompt in islice(cycle(prompts), limit - len(prompts)):
        name = prompt.prompt_id
        while name in ids:
            rounds[prompt.prompt_id] += 1
            name = f"{prompt.prompt_id}#{rounds[prompt.prompt_id]}"
        ids.add(name)
        session = prompt.session and f"{prompt.session}#{rounds[prompt.prompt_id]}"
        repeated.append(replace(prompt, prompt_id=name, session=session))
    return repeated


def _json_type(value: object) -> str:
    names: dict[type, str] = {
        dict: "an object",
        list: "a list",
        str: "a string",
        bool: "a boolean",
        type(None): "null",
    }
    return "an empty string" if value == "" else names.get(type(value), "a number")


def quoted(name: str) -> str:
    """Return a name from the file on one line, whatever control characters it has."""
    return repr(_shortened(name, 60))


def _shortened(text: str, length: int) -> str:
    return text if len(text) <= length else f"{text[:length]}..."


def fault(path: Path, number: int, what: str) -> ConfigError:
    """Return the error of one line."""
    return ConfigError(f"{path}, line {number}: {what}")
