"""Options of a server that we start, or that we only talk to."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from llenergymeasure.backends.server.presets import Preset, preset_named
from llenergymeasure.config.base import NOT_MEASURED, Items, NonEmpty, Section
from llenergymeasure.core.secrets import is_secret_name, mask_secrets

PLACES = ("{python}", "{model}", "{host}", "{port}")
"""What a command may contain, filled in when the server is started."""
PathText = Annotated[str, Field(pattern=r"^/")]
_SECRET = (
    "is a secret, and a configuration is stored in each result: set it in the environment of llem, which "
    "the server inherits"
)


class StartOptions(Section):
    """Which server it is, and how it is started; without `command`, and with a URL, it runs already."""

    preset: str | None = None
    """The kind of server: `vllm`, `sglang`, `llamacpp`, `tensorrt`, `lmdeploy` or `ollama`. It says how the server is
    started, where it tells of its health and its counters, and how its prefix cache is emptied."""
    command: Items[NonEmpty] = ()
    """The command that starts the server, program and arguments, instead of that of the preset. `{model}`, `{host}`,
    `{port}` and `{python}` are filled in."""
    arguments: Items[NonEmpty] = ()
    """Further arguments of the server, after those of the preset: `[--max-model-len, "4096"]`."""
    python: NonEmpty | None = None
    """The Python interpreter in which the server is installed, for a server that is a Python module; that of the run
    where it is not given."""
    port: int | None = Field(None, ge=1, le=65_535)
    """Where the server that is started listens; a free port is chosen where it is not given."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Further variables of the server's environment; it inherits that of `llem`."""
    startup_timeout_s: Annotated[float, Field(gt=0, le=86_400), NOT_MEASURED] = 600.0
    """How long the server may take until it answers that it is healthy."""
    health_path: PathText | None = None
    """Answers with status 200 once the server is ready; that of the preset (`/health`) where it is not given."""
    metrics_path: PathText | None = None
    """Where the server's counters are, in Prometheus' text format; that of the preset where it is not given."""
    reset_path: PathText | None = None
    """Empties the prefix cache (POST), and answers with `{"success": true}`; that of the preset where it is not
    given."""

    @field_validator("preset")
    @classmethod
    def _preset_is_known(cls, value: str | None) -> str | None:
        try:
            preset_named(value)
        except KeyError as error:
            raise ValueError(error.args[0]) from None
        return value

    @field_validator("command", "arguments")
    @classmethod
    def _has_no_secret(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for before, part in zip(("", *value), value, strict=False):
            if mask_secrets(part) != part:
                raise ValueError(f"what follows '{part.partition('=')[0]}' {_SECRET}")
            if before.startswith("-") and is_secret_name(before.lstrip("-").replace("-", "_")):
                raise ValueError(f"what follows '{before}' {_SECRET}")
        return value

    @field_validator("environment")
    @classmethod
    def _environment_has_no_secret(cls, value: dict[str, str]) -> dict[str, str]:
        for name, text in value.items():
            if is_secret_name(name.lower()) or mask_secrets(text) != text:
                raise ValueError(f"{name} {_SECRET}")
        return value

    @model_validator(mode="after")
    def _parts_fit(self) -> StartOptions:
        if self.command and self.arguments:
            raise ValueError("arguments are those of a preset: add them to command")
        if self.command and self.port is None and not any("{port}" in part for part in self.command):
            raise ValueError(
                "the command does not say on which port the server listens: write {port} where its option takes "
                "the number, or state the number in server.port too"
            )
        return self

    @property
    def row(self) -> Preset:
        """What is known of the server."""
        return preset_named(self.preset)
