"""The raw facts of one run: what its tables do not hold."""

from __future__ import annotations

from llenergymeasure.constants import SCHEMA_VERSION, VERSION
from llenergymeasure.core.record import Record
from llenergymeasure.domain.baseline import BaselineReuse
from llenergymeasure.domain.breakdowns.prefix_cache import PrefixCacheFacts
from llenergymeasure.domain.environment import EnvironmentSnapshot
from llenergymeasure.domain.experiment import WarmupEnd
from llenergymeasure.domain.fingerprints import Fingerprints
from llenergymeasure.domain.interference import Interference
from llenergymeasure.domain.load.client import ClientWindow
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.model.prompt_facts import PromptFacts
from llenergymeasure.domain.model.serving_facts import ServingFacts
from llenergymeasure.domain.server_side import ServerWindow
from llenergymeasure.domain.trace import LeftOut, MeterPace


class RunFacts(Record):
    """The content of `run.json`, of a complete or an interrupted run; None where the run did not get that far."""

    schema_version: str = SCHEMA_VERSION
    experiment_id: str
    tool_version: str = VERSION
    """Release of llenergymeasure that measured."""
    host: str | None = None
    """Network name of the machine that measured."""
    clock_offset_ns: int | None = None
    """Unix time minus the host's monotonic clock (CLOCK_MONOTONIC), read once when the run began; every time of the
    raw tables is monotonic time plus this."""
    meters: tuple[str, ...] = ()
    """Names of the meters that were read."""
    left_out: tuple[LeftOut, ...] = ()
    """Sensors that were not read, with the reason."""
    paces: tuple[MeterPace, ...] = ()
    """How often each meter was to be read, and how long its readings took."""
    output_refusals: tuple[str, ...] = ()
    """What the file system of the output folder refuses of the steps that make a bundle durable."""
    snapshot: EnvironmentSnapshot | None = None
    """Software and hardware before the model was loaded."""
    snapshot_unknown: str | None = None
    """Why there is no snapshot."""
    model_info: ModelInfo | None = None
    interference: Interference = Interference()
    """Other processes on the machine."""
    client: tuple[ClientWindow, ...] = ()
    """What the client of the load observed of itself, by window; empty where the load has no client."""
    scheduled: int | None = None
    """How many requests were planned, in `schedule.parquet`; None where the load has no times of its own."""
    baseline: BaselineReuse | None = None
    """Where the idle power came from; None where no stored baseline was allowed."""
    fingerprints: Fingerprints | None = None
    """Digests of prompts, weights and tokenizer."""
    prompt_facts: PromptFacts | None = None
    """Whether the prompts reach the model as text; None where the backend does not tell."""
    serving: ServingFacts | None = None
    """How the engine serves, as far as the backend tells; None where an older release measured."""
    max_batch_size: int | None = None
    """How many requests the backend computes together at most; None where the load does not fill batches."""
    compiled_in_windows_s: float | None = None
    """How long the backend compiled within the windows; None where it does not tell."""
    prefix_cache: PrefixCacheFacts | None = None
    """What was done about the prefix cache of the engine; None where an older release measured."""
    steps: int | None = None
    """How many steps of the engine were recorded, in `steps.parquet`; None where the backend reports none."""
    warmup_ended: WarmupEnd | None = None
    stopped_because: str | None = None
    """Why no further repeat was made: `fixed`, `target_reached`, `max_reached`."""
    engine_ran_before: bool = False
    """Whether the engine ran, with its model loaded, before the idle baseline: a server that llem did not start."""
    server_windows: tuple[ServerWindow, ...] = ()
    """What the server counted over each window; empty where the backend talks to none."""
    closing_faults: tuple[str, ...] = ()
    """What failed after the last repeat, when the run closed what it had opened."""
    interrupted: str | None = None
    """Why the run ended before its last repeat: a signal, or an error; None for a complete run."""
