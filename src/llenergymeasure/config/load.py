"""When requests are sent: the `load:` section, one model a kind."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from llenergymeasure.config.base import Section


class OfflineLoad(Section):
    """All requests of a pass at once, in whole passes over the workload."""

    kind: Literal["offline"] = "offline"
    """`offline`: as many requests as the backend takes, all at once."""


class ClosedLoad(Section):
    """A closed loop: each of `concurrency` clients sends its next request when its last one has ended."""

    kind: Literal["closed"]
    """`closed`: so many clients, each waiting for its answer before it asks again."""
    concurrency: int = Field(ge=1, le=100_000)
    """Requests in flight at any time."""


LoadConfig = Annotated[OfflineLoad | ClosedLoad, Field(discriminator="kind")]
