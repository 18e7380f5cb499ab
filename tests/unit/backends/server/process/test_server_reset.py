"""Emptying the prefix cache of a server: only an answer that confirms it counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from llenergymeasure.backends.server.presets import ResetRule
from llenergymeasure.backends.server.process.connect import open_server
from llenergymeasure.backends.server.process.reset import reset_prefix_cache
from tests.support.quick_servers import quick

RULE = ResetRule(path="/reset_prefix_cache?reset_external=true", confirmed="success_is_true", needs="DEV=1")
BY_STATUS = ResetRule(path="/reset_prefix_cache", confirmed="status_is_200", needs="")


@pytest.mark.parametrize(
    ("mode", "rule", "answer"),
    [
        ("success", RULE, None),
        ("lies", RULE, "was not emptied: /reset_prefix_cache?reset_external=true gave status 200, and says"),
        ("lies", BY_STATUS, "was not emptied"),
        ("silent", RULE, "whether the prefix cache was emptied is unknown"),
        ("silent", BY_STATUS, None),
        ("busy", BY_STATUS, "gave status 400, 'requests are running'"),
        ("none", RULE, "has no /reset_prefix_cache?reset_external=true → start it with DEV=1"),
    ],
)
def test_a_reset_is_done_when_the_server_confirms_it(
    mode: str, rule: ResetRule, answer: str | None, tmp_path: Path
) -> None:
    server = open_server(quick("--reset", mode), model="any", folder=tmp_path)
    try:
        said = reset_prefix_cache(server.url.removesuffix("/v1"), rule)
    finally:
        server.close()
    assert said is None if answer is None else answer in (said or "")


def test_a_path_of_the_users_own_is_asked(tmp_path: Path) -> None:
    server = open_server(quick(reset_path="/reset_prefix_cache"), model="any", folder=tmp_path)
    try:
        assert server.reset_prefix_cache() is None
    finally:
        server.close()


def test_an_unknown_kind_of_server_says_what_to_set(tmp_path: Path) -> None:
    server = open_server(quick(), model="any", folder=tmp_path)
    try:
        said = server.reset_prefix_cache()
    finally:
        server.close()
    assert said is not None
    assert said.endswith("→ set server.preset or server.reset_path")


def test_a_server_that_is_gone_is_no_empty_cache(tmp_path: Path) -> None:
    server = open_server(quick(), model="any", folder=tmp_path)
    server.close()
    said = reset_prefix_cache(server.url.removesuffix("/v1"), BY_STATUS)
    assert said is not None
    assert said.endswith("nothing listens there")
