"""Requests through a streaming backend, and what is recorded of them."""

from __future__ import annotations

import asyncio

from llenergymeasure.backends.base import Done, OnlineBackend, RequestError, ScheduledRequest
from llenergymeasure.core.clock import Clock
from llenergymeasure.domain.request import Status
from llenergymeasure.exceptions import LLEMError
from llenergymeasure.load.receipt import Receipt
from llenergymeasure.load.record_check import refused_record


async def stream_request(
    backend: OnlineBackend, request: ScheduledRequest, clock: Clock, done: Done
) -> Status:
    """Send one request, read its stream to the end, report it and return its status.

    A request that fails keeps what came before the failure; one that is cut off is recorded as cancelled.

    Raises:
        LLEMError: the backend can serve no further request.
    """
    receipt = Receipt(request, clock.now_ns())
    status: Status = "cancelled"
    error_kind: str | None = None
    try:
        async for chunk in backend.stream(request):
            receipt.take(chunk)
        status = "ok"
    except RequestError as error:
        status, error_kind = error.status, error.kind
    except (asyncio.TimeoutError, TimeoutError) as error:
        status, error_kind = "timeout", type(error).__name__
    except LLEMError as error:
        status, error_kind = "error", type(error).__name__
        raise
    except Exception as error:  # noqa: BLE001 - whatever a client library raises is this request's failure
        status, error_kind = "error", type(error).__name__
    finally:
        record = receipt.record(clock.now_ns(), status, error_kind)
        refused = refused_record(backend.name, record, request, clock)
        if refused is not None:
            raise refused
        done(record)
    return status
