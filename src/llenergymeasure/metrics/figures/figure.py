"""A figure of a result as a row of the table: what it is called, how it is computed, why it may be unknown."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from llenergymeasure.config.sections.slo import SloConfig
from llenergymeasure.domain.breakdowns.distribution import Distribution
from llenergymeasure.domain.breakdowns.traffic import Attainment
from llenergymeasure.domain.environment import EnvironmentMetadata
from llenergymeasure.domain.estimate import Estimate, Method
from llenergymeasure.domain.model.info import ModelInfo
from llenergymeasure.domain.request_table import RequestTable
from llenergymeasure.domain.step_table import StepTable
from llenergymeasure.domain.trace import Phase
from llenergymeasure.domain.uncertainty import UncertaintyBudget
from llenergymeasure.metrics.attribution.by_request.attribute import NO_STEPS, Attribution
from llenergymeasure.metrics.attribution.phases.split import NOT_SPLIT, SplitEnergies
from llenergymeasure.metrics.energy.account import EnergyAccount
from llenergymeasure.metrics.energy.idle_power import Baselines
from llenergymeasure.metrics.energy.windows import WindowTotals
from llenergymeasure.metrics.figures.latency import latency_distributions
from llenergymeasure.metrics.performance.roofline.cards import Cards, cards_of
from llenergymeasure.metrics.performance.roofline.step_times import StepTimes, step_times
from llenergymeasure.metrics.performance.work.window_work import Work, window_work
from llenergymeasure.metrics.serving.objectives import Judged, attainments, judge, limits_of

Better = Literal["lower", "higher"]
Section = Literal["energy", "power", "speed", "latency", "work", "phases", "prices", "memory", "load"]
NO_SLO = "no objectives are set (`slo:`)"


@dataclass(frozen=True, kw_only=True)
class FigureInputs:
    """Everything that figures are computed from: windows, idle power, phases, the model's shape."""

    rows: Sequence[WindowTotals] = ()
    method: Method | None = None
    """The weakest method among the channels included in the total; None without any."""
    baselines: Baselines = field(default_factory=Baselines)
    phases: Sequence[Phase] = ()
    account: EnergyAccount | None = None
    model_info: ModelInfo | None = None
    requests: RequestTable = field(default_factory=RequestTable.empty)
    steps: StepTable | None = None
    """None where the backend reports none."""
    phase_split: SplitEnergies = NOT_SPLIT
    attribution: Attribution | str = NO_STEPS
    """The energy of the windows by request; why it is unknown, where it is."""
    hardware: EnvironmentMetadata | None = None
    """None where there is no snapshot."""
    device: str = "cuda"
    meters_are_read: bool = True
    """False where the configuration asks for no meter."""
    engine_ran_before: bool = False
    """Whether the engine ran, with its model loaded, before the idle baseline."""
    serves_whole_passes: bool = False
    """Whether windows do whole passes over the workload, of which a later one may do more than the first."""
    slo: SloConfig | None = None
    """The objectives of good requests; None where there are none."""

    @property
    def model_method(self) -> Method:
        """The method of an energy that a model shares out: an estimate stays one, for no arithmetic makes it better."""
        return "estimated" if self.method == "estimated" else "derived"

    @cached_property
    def latency(self) -> Mapping[str, Distribution]:
        """The distribution of each latency metric over the answered requests."""
        return latency_distributions(self.rows, self.model_info)

    @cached_property
    def judged(self) -> Judged | None:
        """Which of all requests are good; None without objectives."""
        return None if self.slo is None else judge(self.requests, limits_of(self.slo))

    @cached_property
    def attainments(self) -> tuple[Attainment, ...]:
        """How many of the requests that were due in the windows kept each objective; empty without objectives."""
        if self.slo is None or self.judged is None:
            return ()
        return attainments(self.requests, self.judged, [row.window for row in self.rows], self.slo)

    @cached_property
    def cards(self) -> Cards | str:
        """The GPUs of the model with their peaks; where there are none to compare with, why."""
        return cards_of(self.model_info, self.hardware)

    def step_times(self, row: WindowTotals) -> StepTimes | None:
        """Return when the steps of a window did what; None where the backend reports no steps."""
        start = row.window.start_unix_ns
        if start not in self._step_times and self.steps is not None:
            self._step_times[start] = step_times(self.steps, row.window)
        return self._step_times.get(start)

    @cached_property
    def _step_times(self) -> dict[int, StepTimes]:
        return {}

    @property
    def shares(self) -> list[float]:
        """The share of each window in the work of all; they sum up to 1.

        The spread of a total is that of windows of the same work: windows of whole passes are compared per request,
        those of a load that lasts a stated time as they are.
        """
        served = [len(row.served) + len(row.failed) for row in self.rows]
        if not self.serves_whole_passes or not all(served):
            return [1 / len(self.rows)] * len(self.rows)
        return [requests / sum(served) for requests in served]

    def work_of(self, row: WindowTotals) -> Work:
        """Return the FLOPs and bytes of the requests that were answered in a window."""
        start = row.window.start_unix_ns
        if start not in self._works:
            self._works[start] = window_work(self.model_info, row.served, self._steps_in(row))
        return self._works[start]

    def _steps_in(self, row: WindowTotals) -> StepTable | None:
        steps = self.steps
        return (
            None
            if steps is None
            else steps.select(steps.ended_in(row.window.start_unix_ns, row.window.end_unix_ns))
        )

    @cached_property
    def _works(self) -> dict[int, Work]:
        return {}


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """A figure without a value, and why."""

    reason: str


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """A quantity of one measurement window, the numerator or the denominator of a figure."""

    text: str
    """As the reference page writes it: "energy", "output tokens"."""
    of: Callable[[WindowTotals, FigureInputs], float | None]
    """Its value in one window; None where it is unknown there."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One row of the table of figures.

    `compute` returns the value with its 95 % interval: an estimate, or for an energy its uncertainty budget.
    """

    name: str
    """Key in `result.json`; ends in the unit."""
    label: str
    """What a person calls it."""
    unit: str
    better: Better | None
    """Which way is better between two configurations that do the same work; None: neither."""
    section: Section
    """The group of rows in which a summary shows it."""
    numerator: Quantity | None = None
    denominator: Quantity | None = None
    formula: str
    """As the reference page prints it."""
    source: str | None = None
    """Where the definition comes from, as the reference page prints it."""
    differs: str | None = None
    """How other tools define what goes by this name, as the reference page prints it."""
    missing_because: str
    """When it is unknown, as the reference page prints it."""
    compute: Callable[[Figure, FigureInputs], Estimate | UncertaintyBudget | Unknown]
    in_summary: bool = True
    """False for what follows from other rows of a summary."""
    needs_gpu: bool = False
    """Whether it has no meaning where the model runs on a CPU."""

    @property
    def title(self) -> str:
        """Label and unit, as the reference page and the schema write them."""
        if self.unit.startswith("of "):
            return f"{self.label}, as a fraction {self.unit}"
        return f"{self.label}, in {self.unit}"
