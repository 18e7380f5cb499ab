"""Files that went wrong on their way, by the hundred: each gives exactly its prompts, or one sentence with its line."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llenergymeasure.config.models import WorkloadConfig
from llenergymeasure.exceptions import ConfigError
from llenergymeasure.workloads.jsonl import JsonlWorkload

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=6,
)
IDS = st.sampled_from(["a", "b", "a#2", "line-2", 7, "7"]) | ANY_JSON
RECORD = st.fixed_dictionaries(
    {}, optional={"prompt": TEXT | ANY_JSON, "id": IDS, "Prompt": TEXT, "other": ANY_JSON}
)


@st.composite
def _damaged(draw) -> bytes:
    """Return a file of some lines, most of them good, and what an editor, a copy or a converter did to it."""
    lines = draw(st.lists(RECORD | ANY_JSON, max_size=5))
    content = "\n".join(json.dumps(line, ensure_ascii=draw(st.booleans())) for line in lines)
    encoding = draw(st.sampled_from(["utf-8", "utf-8", "utf-8", "utf-8-sig", "utf-16", "latin-1", "cp037"]))
    raw = bytearray(content.encode(encoding, errors="replace"))
    for _ in range(draw(st.integers(0, 2))):
        at = draw(st.integers(0, len(raw)))
        with_what = draw(
            st.binary(max_size=3) | st.sampled_from([b"\r\n", b"\0", b"\xff", b'"', b"}", b"\\"])
        )
        raw[at : at + draw(st.integers(0, 4))] = with_what
    return bytes(raw)


def _good(raw: bytes) -> list[str] | None:
    """Return the texts of a file in which every line that is not blank is a good one, otherwise None."""
    try:
        lines = [line for line in raw.decode("utf-8-sig").split("\n") if line.strip()]
        twice: list[str] = []
        records = [
            json.loads(line.rstrip(), object_pairs_hook=lambda pairs: _noting(pairs, twice)) for line in lines
        ]
        texts = [record["prompt"] for record in records]
        ids = [record.get("id") for record in records]
        names = [f"line-{number}" if name is None else str(name) for number, name in _numbered(raw, ids)]
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    good_ids = all(name is None or (type(name) in (str, int) and name != "") for name in ids)
    good_texts = all(isinstance(text, str) and text.strip() and _encodes(text) for text in texts)
    distinct = len(set(names)) == len(names)
    return texts if texts and good_ids and good_texts and distinct and not twice else None


def _noting(pairs, twice):
    twice.extend(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
    return dict(pairs)


def _numbered(raw, ids):
    numbers = [n for n, line in enumerate(raw.decode("utf-8-sig").split("\n"), 1) if line.strip()]
    return zip(numbers, ids, strict=True)


def _encodes(text):
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@given(raw=_damaged(), n_prompts=st.integers(1, 12))
@settings(max_examples=400, deadline=None)
def test_a_file_gives_exactly_its_prompts_or_one_sentence_with_its_line(tmp_path_factory, raw, n_prompts):
    path = tmp_path_factory.getbasetemp() / "damaged.jsonl"
    path.write_bytes(raw)
    read, refusal = _read(path, n_prompts)
    good = _good(raw)
    if good is not None:
        assert [each.text for each in read] == [good[index % len(good)] for index in range(n_prompts)]
        assert len({each.prompt_id for each in read}) == n_prompts
    elif refusal is None:  # a bad line behind the last one that is needed
        firsts = b"\n".join(raw.split(b"\n")[: _last_line(raw, n_prompts)])
        assert [each.text for each in read] == _good(firsts)
    else:
        assert refusal.startswith((f"{path}, line ", f"{path} holds no prompts: "))
        assert "\n" not in refusal.removeprefix(str(path))


def _read(path: Path, n_prompts: int):
    config = WorkloadConfig(dataset=str(path), n_prompts=n_prompts)
    said = JsonlWorkload().check(config)
    if said is None:
        return JsonlWorkload().prompts(config, seed=0), None
    with pytest.raises(ConfigError) as raised:
        JsonlWorkload().prompts(config, seed=0)
    assert str(raised.value) == said
    return [], said


def _last_line(raw: bytes, n_prompts: int) -> int:
    filled = [number for number, line in enumerate(raw.split(b"\n"), 1) if line.strip(b" \t\r\n\v\f")]
    return filled[n_prompts - 1]


@pytest.mark.parametrize(
    "twin", ['{"prompt": "One?", "prompt": "Two?"}', '{"prompt": "One?", "meta": {"a": 1, "a": 2}}']
)
def test_a_key_that_comes_twice_is_refused(tmp_path, twin):
    path = tmp_path / "twins.jsonl"
    path.write_text(twin)
    with pytest.raises(ConfigError, match=r"line 1: the key '(prompt|a)' comes twice in one object"):
        JsonlWorkload().prompts(WorkloadConfig(dataset=str(path), n_prompts=1), seed=0)


def test_a_prompt_that_comes_again_never_takes_the_id_of_another_line(tmp_path):
    path = tmp_path / "ids.jsonl"
    path.write_text('{"id": "a", "prompt": "One?"}\n{"id": "a#2", "prompt": "Two?"}\n')
    prompts = JsonlWorkload().prompts(WorkloadConfig(dataset=str(path), n_prompts=6), seed=0)
    assert [each.prompt_id for each in prompts] == ["a", "a#2", "a#3", "a#2#2", "a#4", "a#2#3"]
