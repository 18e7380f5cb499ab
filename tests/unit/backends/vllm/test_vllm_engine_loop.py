from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator

import pytest

from llenergymeasure.backends.vllm.engine_loop import EngineLoop


@pytest.fixture
def loop() -> Iterator[EngineLoop]:
    loop = EngineLoop()
    yield loop
    loop.close()
    loop.close()


async def three(threads: list[int]) -> AsyncIterator[int]:
    for number in range(3):
        threads.append(threading.get_ident())
        await asyncio.sleep(0)
        yield number


def test_items_are_made_in_the_loop_of_the_engine_and_taken_in_that_of_the_caller(loop):
    threads: list[int] = []

    async def take() -> list[int]:
        return [item async for item in loop.relay(lambda: three(threads))]

    assert asyncio.run(take()) == [0, 1, 2]
    assert asyncio.run(take()) == [0, 1, 2]  # in another loop, as the next window has
    assert threading.get_ident() not in threads


def test_an_error_reaches_the_caller_after_what_came_before_it(loop):
    async def fails() -> AsyncIterator[int]:
        yield 1
        raise ValueError("no more")

    async def take() -> None:
        async for item in loop.relay(fails):
            taken.add(item)

    taken: set[int] = set()
    with pytest.raises(ValueError, match="no more"):
        asyncio.run(take())
    assert taken == {1}


def test_a_caller_that_is_cancelled_cancels_in_the_loop_of_the_engine(loop):
    ended = threading.Event()

    async def forever() -> AsyncIterator[int]:
        try:
            while True:
                await asyncio.sleep(0.001)
                yield 1
        finally:
            ended.set()

    async def take() -> None:
        async for _item in loop.relay(forever):
            pass

    async def cancel() -> None:
        task = asyncio.create_task(take())
        await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.wait([task])

    asyncio.run(cancel())
    assert ended.wait(5.0)


def test_what_takes_too_long_is_given_up(loop):
    with pytest.raises(TimeoutError):
        loop.run(asyncio.sleep(60), timeout_s=0.01)
