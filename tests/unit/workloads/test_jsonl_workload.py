"""A file of the user's: what is read of it, and what is said about a bad one."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import tracemalloc
from pathlib import Path

import pytest

from llenergymeasure.config.models import WorkloadConfig
from llenergymeasure.exceptions import ConfigError
from llenergymeasure.workloads import lines
from llenergymeasure.workloads.jsonl import JsonlWorkload


@pytest.fixture
def write(tmp_path):
    def write_file(content: str | bytes) -> Path:
        path = tmp_path / "prompts.jsonl"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write_file


def _config(path: Path | str, **fields) -> WorkloadConfig:
    return WorkloadConfig(dataset=str(path), **{"n_prompts": 10, **fields})


def _prompts(path: Path | str, **fields):
    return JsonlWorkload().prompts(_config(path, **fields), seed=0)


def _refusal(path: Path | str, **fields) -> str:
    """Return what `check` says, having seen that `prompts` raises the very same."""
    said = JsonlWorkload().check(_config(path, **fields))
    with pytest.raises(ConfigError) as raised:
        _prompts(path, **fields)
    assert said == str(raised.value)
    return said


def test_prompts_keep_the_order_and_the_ids_of_the_file(write):
    path = write('{"id": "a", "prompt": "One?"}\n{"id": 7, "prompt": "Two?"}\n{"prompt": "Three?"}\n')
    prompts = _prompts(path, n_prompts=3)
    assert [(p.prompt_id, p.text) for p in prompts] == [("a", "One?"), ("7", "Two?"), ("line-3", "Three?")]
    assert JsonlWorkload().check(_config(path)) is None


def test_a_short_file_is_repeated_under_new_ids(write):
    prompts = _prompts(write('{"id": "a", "prompt": "One?"}\n{"id": "b", "prompt": "Two?"}'), n_prompts=5)
    assert [p.prompt_id for p in prompts] == ["a", "b", "a#2", "b#2", "a#3"]
    assert [p.text for p in prompts] == ["One?", "Two?", "One?", "Two?", "One?"]


def test_the_prompt_is_taken_from_the_named_field_and_others_are_left_alone(write):
    path = write('{"question": "Why?", "prompt": 3, "score": [1, 2]}\n')
    assert _prompts(path, n_prompts=1, prompt_field="question")[0].text == "Why?"


def test_blank_lines_a_byte_order_mark_and_windows_line_ends_are_no_fault(write):
    path = write(b'\xef\xbb\xbf{"prompt": "One?"}\r\n\r\n   \n{"prompt": "Two?"}\r\n')
    assert [(p.prompt_id, p.text) for p in _prompts(path, n_prompts=2)] == [
        ("line-1", "One?"),
        ("line-4", "Two?"),
    ]


def test_text_is_kept_as_it_stands(write):
    path = write('{"prompt": " 雪と\\n\\u00e9t\\u00e9 \\ud83d\\ude00 "}\n')
    assert _prompts(path, n_prompts=1)[0].text == " 雪と\nété 😀 "


def test_lines_behind_the_last_prompt_needed_are_not_read(write):
    path = write('{"prompt": "One?"}\nnot JSON\n')
    assert len(_prompts(path, n_prompts=1)) == 1
    assert "line 2" in _refusal(path, n_prompts=2)


def test_relative_paths_and_home_folders_are_resolved(write, monkeypatch):
    path = write('{"prompt": "One?"}\n')
    monkeypatch.chdir(path.parent)
    monkeypatch.setenv("HOME", str(path.parent))
    assert len(_prompts("prompts.jsonl", n_prompts=1)) == 1
    assert len(_prompts("~/prompts.jsonl", n_prompts=1)) == 1


def test_a_missing_file_is_named_with_its_absolute_path_and_the_nearest_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    said = _refusal("no/such/prompts.jsonl")
    assert str(tmp_path / "no/such/prompts.jsonl") in said
    assert said.endswith(f"the nearest folder that does is {tmp_path}")


def test_a_mistyped_file_name_is_put_right(write):
    path = write('{"prompt": "One?"}\n')
    assert "did you mean prompts.jsonl?" in _refusal(path.with_name("promts.jsonl"))


def test_a_folder_is_refused_with_the_files_in_it(write):
    path = write('{"prompt": "One?"}\n')
    said = _refusal(path.parent)
    assert said == f"data set {path.parent} is a folder: name a .jsonl file in it (prompts.jsonl)"


def test_a_pipe_is_refused_without_opening_it(tmp_path):
    pipe = tmp_path / "pipe.jsonl"
    os.mkfifo(pipe)
    assert "not a regular file" in _refusal(pipe)


def test_a_path_with_a_null_byte_is_refused():
    assert _refusal("bad\0name.jsonl").startswith("data set ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_named(write):
    path = write('{"prompt": "One?"}\n')
    path.chmod(0)
    assert _refusal(path) == f"data set {path} cannot be read: Permission denied"


@pytest.mark.parametrize("content", ["", "\n\n", "   \n\t\n", b"\xef\xbb\xbf"])
def test_a_file_without_prompts_is_refused(write, content):
    path = write(content)
    assert _refusal(path) == f"{path} holds no prompts: each line must be an object with the key 'prompt'"


GOOD = '{"id": "good", "prompt": "One?"}\n'


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        ('{"prompt": "Two?"', "not JSON: Expecting ',' delimiter at column 18"),
        ("Two?", "not JSON: Expecting value at column 1"),
        ('{"prompt": "Two?"} {"prompt": "Three?"}', "not JSON: Extra data at column 20"),
        ('["Two?"]', "must be an object such as {\"prompt\": \"...\"}, not a list"),
        ('"Two?"', "not a string"),
        ("null", "not null"),
        ("17", "not a number"),
        ("[" * 100_000, "nested too deeply"),
        ('{"prompt": "Two?", "n": ' + "9" * 5000 + "}", "a number has too many digits"),
        ('{"question": "Two?", "id": 1}', "there is no key 'prompt', but: 'question', 'id'; name one"),
        ("{}", "there is no key 'prompt', but: none"),
        ('{"prompt": null}', "'prompt' must be a string, not null"),
        ('{"prompt": 3.5}', "'prompt' must be a string, not a number"),
        ('{"prompt": true}', "'prompt' must be a string, not a boolean"),
        ('{"prompt": ["Two?"]}', "'prompt' must be a string, not a list"),
        ('{"prompt": {"text": "Two?"}}', "'prompt' must be a string, not an object"),
        ('{"prompt": ""}', "the prompt in 'prompt' is empty"),
        ('{"prompt": " \\n\\t "}', "the prompt in 'prompt' is empty"),
        ('{"prompt": "\\ud83d"}', "half of a surrogate pair"),
        ('{"id": "good", "prompt": "Two?"}', "the id 'good' is that of line 1 already"),
        ('{"id": "", "prompt": "Two?"}', "'id' must be a string or a whole number, not an empty string"),
        ('{"id": false, "prompt": "Two?"}', "'id' must be a string or a whole number, not a boolean"),
        (b'{"prompt": "caf\xe9"}', "byte 16 (0xe9) is not UTF-8"),
    ],
)  # fmt: skip
def test_a_bad_line_is_named_by_file_and_number(write, bad, said):
    raw = bad if isinstance(bad, bytes) else bad.encode()
    path = write(GOOD.encode() + b"\n" + raw + b"\n" + GOOD.replace("good", "last").encode())
    if said is None and len(_prompts_or_none(path)) > 0:
        return  # an interpreter that reads integers of any length
    refusal = _refusal(path)
    assert refusal.startswith(f"{path}, line 3: ")
    assert (said or "number too long") in refusal


def _prompts_or_none(path: Path) -> list:
    try:
        return _prompts(path)
    except ConfigError:
        return []


def test_a_line_without_end_is_refused_before_it_fills_the_memory(write, monkeypatch):
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 64)
    path = write(GOOD + '{"prompt": "' + "x" * 100 + '"}\n')
    assert f"{path}, line 2: longer than" in _refusal(path)


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (gzip.compress(b'{"prompt": "One?"}\n', mtime=0), "a gzip file: unpack it first (gunzip)"),
        (bz2.compress(b'{"prompt": "One?"}\n'), "a bzip2 file: unpack it first (bunzip2)"),
        (lzma.compress(b'{"prompt": "One?"}\n'), "an xz file: unpack it first (unxz)"),
        (b"\x28\xb5\x2f\xfd\x04\x00", "a zstd file: unpack it first (unzstd)"),
        (b"PK\x03\x04\x14\x00", "a zip file: unpack it first (unzip)"),
        (b"PAR1\x15\x04", "a Parquet file: write what it holds as text"),
        (
            '{"prompt": "One?"}\n'.encode("utf-16"),
            "in UTF-16: convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)",
        ),
    ],
)
def test_a_file_that_is_no_text_is_told_for_what_it_is(write, head, kind):
    path = write(head)
    assert _refusal(path) == f"{path}, line 1: the file is {kind}"


def test_a_look_at_a_short_file_makes_no_prompts_of_it(write):
    path = write(GOOD)
    tracemalloc.start()
    assert JsonlWorkload().check(_config(path, n_prompts=1_000_000)) is None
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 1e6


@pytest.mark.parametrize(("tokens", "fits"), [(512, 1_000_000), (100_000, 1_600_000)])
def test_a_prompt_is_no_longer_than_what_is_read_of_it_many_times(write, tokens, fits):
    assert _refusal(write(GOOD + json.dumps({"prompt": "x" * (fits + 1)})), max_input_tokens=tokens).endswith(
        f"line 2: the prompt has {fits + 1:,} characters, and of all its tokens only the last {tokens} would be read; "
        "shorten it, or raise workload.max_input_tokens"
    )
    assert len(_prompts(write(json.dumps({"prompt": "x" * fits})), max_input_tokens=tokens)[0].text) == fits


def test_an_id_is_no_text_of_its_own(write):
    assert _refusal(write(GOOD + json.dumps({"id": "x" * 5000, "prompt": "Two?"}))).endswith(
        "line 2: 'id' has 5,000 characters; shorten it, or remove it"
    )
    assert JsonlWorkload().check(_config(write(json.dumps({"id": "x" * 1000, "prompt": "Two?"})))) is None
