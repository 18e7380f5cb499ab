"""Traces of real traffic are read in their published formats, and a bad line is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from llenergymeasure.exceptions import ConfigError
from llenergymeasure.workloads.traces.read import read_trace_file

MOONCAKE = (
    '{"timestamp": 0, "input_length": 6758, "output_length": 500, "hash_ids": [0, 1]}\n'
    '{"timestamp": 2500, "input_length": 7322, "output_length": 490, "hash_ids": [0, 14]}\n'
)
AZURE = (
    "TIMESTAMP,ContextTokens,GeneratedTokens\n"
    "2023-11-16 18:15:46.6805900,374,44\n"
    "2023-11-16 18:15:50.9951690,396,109\n"
)
AZURE_2024 = "TIMESTAMP,ContextTokens,GeneratedTokens\n2024-05-10 00:00:00.009930+00:00,2162,5\n"
BURSTGPT = (
    "Timestamp,Model,Request tokens,Response tokens,Total tokens,Log Type\n"
    "5,ChatGPT,472,18,490,Conversation log\n"
    "45,ChatGPT,1087,0,1087,Conversation log\n"
    "118,GPT-4,417,276,693,API log\n"
)
OWN = (
    '{"time_s": 0.5, "session": "a"}\n{"time_s": 1.25, "session": "a"}\n{"time_s": 1.5, "input_tokens": 7}\n'
)


def _file(tmp_path: Path, text: str, name: str = "trace.jsonl") -> str:
    path = tmp_path / name
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize(
    ("text", "times_s", "inputs", "outputs"),
    [
        (MOONCAKE, [0.0, 2.5], [6758, 7322], [500, 490]),
        (AZURE, [0.0, 4.314579], [374, 396], [44, 109]),
        (BURSTGPT, [0.0, 113.0], [472, 417], [18, 276]),
        (OWN, [0.0, 0.75, 1.0], [None, None, 7], [None, None, None]),
    ],
    ids=["mooncake", "azure", "burstgpt", "jsonl"],
)
def test_each_format_is_recognised_by_its_names(
    text: str, times_s: list[float], inputs: list[int], outputs: list[int], tmp_path: Path
) -> None:
    rows = read_trace_file(_file(tmp_path, text), "auto", most=len(times_s))
    assert [row.time_s - rows[0].time_s for row in rows] == pytest.approx(times_s, abs=1e-6)
    assert [row.input_tokens for row in rows] == inputs
    assert [row.output_tokens for row in rows] == outputs


def test_a_time_with_its_zone_is_read(tmp_path: Path) -> None:
    (row,) = read_trace_file(_file(tmp_path, AZURE_2024), "azure", most=1)
    assert row.time_s == pytest.approx(1_715_299_200.00993)


def test_later_turns_of_a_session_are_known(tmp_path: Path) -> None:
    rows = read_trace_file(_file(tmp_path, OWN), "auto", most=3)
    assert [(row.session, row.begins_session) for row in rows] == [("a", True), ("a", False), (None, True)]


def test_only_as_many_lines_are_read_as_a_pass_has(tmp_path: Path) -> None:
    assert len(read_trace_file(_file(tmp_path, MOONCAKE + "not JSON\n"), "auto", most=2)) == 2


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (MOONCAKE + "{nonsense\n", "trace.jsonl, line 3: not JSON"),
        (
            MOONCAKE + '{"timestamp": 1, "input_length": 5, "output_length": 1}\n',
            "line 3: its time is 2.499 s before",
        ),
        (
            '{"timestamp": 0, "input_length": -5, "output_length": 1}\n',
            "line 1: 'input_length' is -5, no number of tokens",
        ),
        (AZURE + "yesterday,1,1\n", "line 4: 'TIMESTAMP' is 'yesterday': not a date and time"),
        (AZURE + "2023-11-16 18:15:51.0,1\n", "line 4: has 2 values, and the first line 3 names"),
        ("a,b\n1,2\n", "line 2: its names are 'a', 'b', which is no known format"),
        ('{"time_s": "soon"}\n', "line 1: 'time_s' is 'soon'"),
        ("", "has no requests"),
        (MOONCAKE, "has 2 requests, and a pass has 9: set workload.n_prompts: 2"),
    ],
)
def test_what_cannot_be_used_is_named_with_its_line(text: str, sentence: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as error:
        read_trace_file(_file(tmp_path, text), "auto", most=9)
    assert sentence in str(error.value)


def test_a_file_that_does_not_exist_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"trace .*nothing\.jsonl does not exist"):
        read_trace_file(str(tmp_path / "nothing.jsonl"), "auto", most=1)
