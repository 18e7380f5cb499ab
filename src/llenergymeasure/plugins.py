"""Declarations of backends, meters, launchers and workloads: a literal table of built-ins, then entry points."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from llenergymeasure.core.packages import distribution_of, entry_points_of
from llenergymeasure.exceptions import ConfigError, PluginError
from llenergymeasure.foreign_code import explained
from llenergymeasure.plugin_declaration import Capability as Capability
from llenergymeasure.plugin_declaration import Kind as Kind
from llenergymeasure.plugin_declaration import Plugin as Plugin
from llenergymeasure.plugin_declaration import missing_modules as missing_modules

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_BACKENDS = (
    Plugin(
        name="pytorch",
        target="llenergymeasure.backends.pytorch.backend:PyTorchBackend",
        options="llenergymeasure.backends.pytorch.options:PyTorchConfig",
        requires=("torch", "transformers"),
        install='pip install "llenergymeasure[pytorch]"',
        capabilities=frozenset({"reads_model_folders", "keeps_no_prefixes"}),
    ),
    Plugin(
        name="vllm",
        target="llenergymeasure.backends.vllm.backend:VLLMBackend",
        options="llenergymeasure.backends.vllm.options:VLLMConfig",
        requires=("vllm",),
        install="pip install vllm",
        capabilities=frozenset({"reads_model_folders"}),
    ),
    Plugin(
        name="llamacpp",
        target="llenergymeasure.backends.llamacpp.backend:LlamaCppBackend",
        options="llenergymeasure.backends.llamacpp.options:LlamaCppOptions",
        requires=("xllamacpp",),
        install='pip install "llenergymeasure[llamacpp]"',
        capabilities=frozenset({"limits_each_answer"}),
    ),
    Plugin(
        name="server",
        target="llenergymeasure.backends.server.backend:ServerBackend",
        options="llenergymeasure.backends.server.options:ServerOptions",
        requires=("aiohttp",),
        install='pip install "llenergymeasure[server]"',
        capabilities=frozenset({"serves_by_name", "limits_each_answer"}),
    ),
    Plugin(
        name="tensorrt",
        target="llenergymeasure.backends.tensorrt.backend:TensorRTBackend",
        options="llenergymeasure.backends.tensorrt.options:TensorRTOptions",
        requires=("tensorrt_llm",),
        install="pip install tensorrt-llm",
        capabilities=frozenset({"limits_each_answer"}),
    ),
)
_METERS = (
    Plugin(
        name="nvml",
        target="llenergymeasure.meters.nvml.meter:NvmlMeter",
        requires=("pynvml",),
        install="pip install nvidia-ml-py",
        options="llenergymeasure.meters.nvml.options:NvmlOptions",
        capabilities=frozenset({"measures"}),
    ),
    Plugin(
        name="rapl",
        target="llenergymeasure.meters.rapl.meter:RaplMeter",
        capabilities=frozenset({"measures"}),
    ),
    Plugin(
        name="estimate",
        target="llenergymeasure.meters.estimate.meter:EstimateMeter",
        options="llenergymeasure.meters.estimate.options:EstimateOptions",
        capabilities=frozenset({"estimates"}),
    ),
    Plugin(
        name="zeus",
        target="llenergymeasure.meters.zeus.meter:ZeusMeter",
        requires=("zeus",),
        install='pip install "llenergymeasure[zeus]"',
        capabilities=frozenset({"measures", "by_name_only"}),
    ),
    Plugin(
        name="codecarbon",
        target="llenergymeasure.meters.codecarbon.meter:CodeCarbonMeter",
        requires=("codecarbon",),
        install='pip install "llenergymeasure[codecarbon]"',
        capabilities=frozenset({"measures", "estimates", "by_name_only"}),
    ),
)
_LAUNCHERS = (Plugin(name="local", target="llenergymeasure.launchers.local:LocalLauncher"),)
_WORKLOADS = (
    Plugin(name="builtin", target="llenergymeasure.workloads.builtin:BuiltinWorkload"),
    Plugin(
        name="synthetic",
        target="llenergymeasure.workloads.synthetic:SyntheticWorkload",
        options="llenergymeasure.workloads.options:SyntheticOptions",
    ),
    Plugin(
        name="trace",
        target="llenergymeasure.workloads.trace:TraceWorkload",
        options="llenergymeasure.workloads.options:TraceOptions",
    ),
    Plugin(name="jsonl", target="llenergymeasure.workloads.jsonl:JsonlWorkload"),
)
BUILTIN: dict[Kind, dict[str, Plugin]] = {
    "backends": {each.name: each for each in _BACKENDS},
    "meters": {each.name: each for each in _METERS},
    "launchers": {each.name: each for each in _LAUNCHERS},
    "workloads": {each.name: each for each in _WORKLOADS},
}
"""The plugins of this package. One in a package of its own is declared by an entry point that names its `Plugin`."""


FILE_WORKLOAD: tuple[Kind, str] = ("workloads", "jsonl")
"""Reads a file; a configuration names the file."""
STORED_OPTIONS = "llenergymeasure.config.base:StoredOptions"
_assumed: ContextVar[frozenset[tuple[Kind, str]]] = ContextVar("_assumed", default=frozenset())


@contextmanager
def assumed(*missing: tuple[Kind, str]) -> Iterator[None]:
    """Accept names of plugins that are not installed here, with any options, as a stored configuration has them."""
    token = _assumed.set(frozenset(missing))
    try:
        yield
    finally:
        _assumed.reset(token)


def names(kind: Kind) -> list[str]:
    """Return the names of all plugins of a kind that something installed implements, built-ins first."""
    return [name for name in known_names(kind) if is_implemented(kind, name)]


def known_names(kind: Kind) -> list[str]:
    """Return the names that a configuration may use: those of `names`, and those that wait for a plugin."""
    return [*BUILTIN[kind], *sorted({point.name for point in _entry_points(kind)} - set(BUILTIN[kind]))]


def is_known(kind: Kind, name: str) -> bool:
    """Whether a configuration may use the name; for a built-in, installed packages are not searched."""
    return name in BUILTIN[kind] or (kind, name) in _assumed.get() or _entry_point(kind, name) is not None


def is_implemented(kind: Kind, name: str) -> bool:
    """Whether something installed implements the name."""
    builtin = BUILTIN[kind].get(name)
    return (builtin is not None and builtin.target is not None) or _entry_point(kind, name) is not None


def declaration(kind: Kind, name: str) -> Plugin:
    """Return the declaration of a plugin; one in another package is imported for it.

    Raises:
        ConfigError: no plugin of that name, with the names that exist.
        PluginError: its package does not import, or the entry point names something else.
    """
    builtin = BUILTIN[kind].get(name)
    if builtin is not None and builtin.target is not None:
        return builtin
    point = _entry_point(kind, name)
    if point is not None:
        return _declared(kind, point)
    if (kind, name) in _assumed.get():
        return Plugin(name=name, target=None, options=STORED_OPTIONS)
    if builtin is not None:
        return builtin
    raise ConfigError(unknown(kind, name))


def find(kind: Kind, name: str) -> Any:
    """Return the class of a plugin.

    Raises:
        ConfigError: no plugin of that name, with the names that exist.
        PluginError: it does not import, with the cause.
    """
    return declaration(kind, name).load()


def can(kind: Kind, name: str, capability: Capability) -> bool:
    """Whether a plugin declares that it can do something; one that does not load can do nothing."""
    try:
        return capability in declaration(kind, name).capabilities
    except (ConfigError, PluginError):
        return False  # reported as not installed


def unknown(kind: Kind, name: str, *others: str) -> str:
    """Return the sentence for a name that no plugin has, with the nearest one; `others` could stand there too."""
    known = [*(each for each in known_names(kind) if (kind, each) != FILE_WORKLOAD), *others]
    near = difflib.get_close_matches(name.lower(), known, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"unknown {kind[:-1]} '{name}'; known: {', '.join(known)}{hint}"


def unimplemented(backend: str) -> str:
    """Return the sentence for a backend whose name is known and which nothing installed implements."""
    return (
        f"this release has no backend for {backend}, a plugin must bring it → install such a plugin, "
        f"or choose one that works here: {', '.join(names('backends'))}"
    )


def _declared(kind: Kind, point: EntryPoint) -> Plugin:
    package = distribution_of(point)
    remedy = f"pip install --force-reinstall {package}" if package else None
    with explained(
        lambda cause: PluginError(f"plugin '{point.name}' does not load: {point.value}: {cause}", remedy)
    ):
        declared = point.load()
    if not isinstance(declared, Plugin) or declared.name != point.name:
        raise PluginError(
            f"plugin '{point.name}': the entry point {point.value} of llenergymeasure.{kind} must name a "
            f"llenergymeasure.plugins.Plugin(name='{point.name}', ...), and it names {_shown(declared)}",
            remedy,
        )
    return declared


def _shown(declared: Any) -> str:
    """Return a declaration as text, or its type, whose name no code of others can refuse."""
    return repr(declared) if isinstance(declared, Plugin) else f"an object of type {type(declared).__name__}"


def _entry_point(kind: Kind, name: str) -> EntryPoint | None:
    return next((point for point in _entry_points(kind) if point.name == name), None)


def _entry_points(kind: Kind) -> list[EntryPoint]:
    return entry_points_of(f"llenergymeasure.{kind}")
