"""What every driver does with its event loop, whatever it sends."""

from __future__ import annotations

import asyncio


def cancel_pending(loop: asyncio.AbstractEventLoop) -> None:
    """Cancel all that still runs in a loop, and return when it has ended."""
    pending = asyncio.all_tasks(loop)
    for task in pending:
        task.cancel()
    if pending:
        loop.run_until_complete(asyncio.wait(pending))


def close_loop(loop: asyncio.AbstractEventLoop) -> None:
    """Close a loop in which nothing runs any more; may be called twice."""
    if not loop.is_closed():
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
