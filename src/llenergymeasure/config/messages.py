"""What a field allows and what it was given, in words."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Iterable
from math import inf
from typing import Any

from llenergymeasure.config.schema import Schema, alternatives

LONGEST_VALUE = 60
SLIP = 1000
"""The maxima of fields that nature does not bound are this or more: beyond them a digit or an exponent is wrong."""
_SYNONYMS = {
    "gpu": "cuda",
    "float32": "fp32",
    "float": "fp32",
    "float16": "fp16",
    "half": "fp16",
    "bfloat16": "bf16",
    "greedy": "deterministic",
    "sample": "sampling",
}
"""Other words for ours, which are no misspellings of them; by spelling alone, `gpu` is nearest to `cpu`."""
KEYS_ELSEWHERE = {
    "do_sample": "decoder.preset",
    "seed": "random_seed",
    "max_tokens": "workload.max_output_tokens",
    "max_new_tokens": "workload.max_output_tokens",
    "max_length": "workload.max_output_tokens",
    "num_prompts": "workload.n_prompts",
    "dtype": "precision",
    "torch_dtype": "precision",
}
"""Keys of other tools, and the nearest of ours."""


def allowed(schema: Schema, value: Any = None) -> str:
    """Return what a field takes: "a whole number of at least 1, or null".

    A maximum that only keeps out slips is left out, unless the value is above it.
    """
    members = _distinct(alternatives(schema))
    if len(members) > 1:
        return _either([allowed(each, value) for each in members])
    schema = members[0]
    if "properties" in schema:
        return f"a mapping of {', '.join(schema['properties'])}"
    if "enum" in schema:
        return one_of(str(each) for each in schema["enum"])
    if "const" in schema:
        return str(schema["const"])
    if schema.get("type") == "array":
        return f"a list, each entry {allowed(schema.get('items', {}))}"
    if isinstance(schema.get("additionalProperties"), dict):
        return f"a mapping, each value {allowed(schema['additionalProperties'])}"
    names = {
        "integer": "a whole number",
        "number": "a number",
        "string": "text",
        "boolean": "true or false",
        "null": "null",
        "object": "a mapping",
    }
    return names.get(schema.get("type", ""), "any value") + _bounds(schema, value)


def given(value: Any) -> str:
    """Return how a message quotes a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict):
        return _shortened(f"{{{', '.join(f'{key}: {given(each)}' for key, each in value.items())}}}", "...}")
    if isinstance(value, (list, tuple)):
        return _shortened(f"[{', '.join(given(each) for each in value)}]", "...]")
    return _shortened(repr(value), "...'") if isinstance(value, str) else _shortened(_text(value), "...")


def hint(schema: Schema, value: Any, accepts: Callable[[Any], bool]) -> str:
    """Return how to correct a value that is nearly right, in brackets, or nothing; `accepts` tries another value."""
    if isinstance(value, (bool, int, float)) and accepts(_text(value).lower()):
        return " (put it in quotes)"
    if not isinstance(value, str) or not value:
        return ""
    truth = {"yes": "true", "on": "true", "no": "false", "off": "false"}.get(value.lower())
    if truth is not None and accepts(truth == "true"):
        return f" (write {truth})"
    words = _words(schema)
    meant = _SYNONYMS.get(value.lower())
    near = [meant] if meant in words else difflib.get_close_matches(value.lower(), words, n=1)
    if near:
        return f" (did you mean {near[0]}?)"
    number = _number(value)
    return " (without the quotes)" if number != value and accepts(number) else ""


def one_of(words: Iterable[str]) -> str:
    """Join alternatives: "fp32, fp16 or bf16"."""
    *head, last = list(words)
    return f"{', '.join(head)} or {last}" if head else last


def _text(value: Any) -> str:
    try:
        return repr(value)
    except ValueError:  # sys.set_int_max_str_digits
        return "a number of thousands of digits"


def _shortened(text: str, end: str) -> str:
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - len(end)] + end


def _bounds(schema: Schema, value: Any) -> str:
    if schema.get("minLength"):
        return " that is not empty"
    bounds = [
        f"{words} {_bound(schema[key])}"
        for key, words in (
            ("minimum", "of at least"),
            ("exclusiveMinimum", "above"),
            ("maximum", "at most"),
            ("exclusiveMaximum", "below"),
        )
        if key in schema and not (key == "maximum" and _keeps_out_slips(schema[key], value))
    ]
    return " " + " and ".join(bounds) if bounds else ""


def _keeps_out_slips(maximum: float, value: Any) -> bool:
    above = isinstance(value, (int, float)) and maximum < value < inf
    return maximum >= SLIP and not above


def _bound(value: float) -> str:
    return str(int(value)) if float(value).is_integer() else f"{value:g}"


def _either(alternatives: list[str]) -> str:
    *head, last = alternatives
    return f"{', '.join(head)}, or {last}" if head else last


def _distinct(members: list[Schema]) -> list[Schema]:
    """Leave out words that a text beside them takes anyway, and the null with which an optional section is left out."""
    has_text = any(each.get("type") == "string" and not {"enum", "const"} & each.keys() for each in members)
    has_section = any("properties" in each for each in members)
    return [
        each
        for each in members
        if not (has_text and {"enum", "const"} & each.keys())
        and not (has_section and each.get("type") == "null")
    ]


def _words(schema: Schema) -> list[str]:
    members = _distinct(alternatives(schema))
    words = [word for each in members for word in (*each.get("enum", ()), each.get("const"))]
    return [word for word in words if isinstance(word, str)]


def _number(text: str) -> Any:
    """Return the number that a text is, or the text."""
    if re.fullmatch(r"[-+]?\d+", text):
        return int(text)
    try:
        return float(text)
    except ValueError:
        return text
