"""Sections of the configuration that plugins declare; the model of a plugin is imported when its section is used."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any, ClassVar, TypeVar, get_args

from pydantic import (
    BaseModel,
    ConfigDict,
    GetJsonSchemaHandler,
    ModelWrapValidatorHandler,
    ValidationError,
    model_validator,
)
from pydantic_core import CoreSchema, InitErrorDetails, PydanticCustomError
from pydantic_core.core_schema import ErrorType

from llenergymeasure import plugins
from llenergymeasure.config.base import Section
from llenergymeasure.exceptions import ConfigError, PluginError
from llenergymeasure.foreign_code import explained

Options = TypeVar("Options", bound=BaseModel)
Made = TypeVar("Made")
logger = logging.getLogger(__name__)

_PYDANTIC_ERRORS = frozenset(get_args(ErrorType))


class PluginSections(Section):
    """A section with fields of its own and, under the name of any plugin of a kind, a section with its options."""

    model_config = ConfigDict(extra="allow")
    plugin_kind: ClassVar[plugins.Kind]

    def options_of(self, name: str, model: type[Options]) -> Options:
        """Return the options of a plugin; its defaults where the configuration has no section of that name.

        Raises:
            ConfigError: there is no section, and an option has no default.
        """
        section = self.plugin_sections().get(name)
        return section if isinstance(section, model) else _defaults(name, model)

    def plugin_sections(self) -> dict[str, BaseModel]:
        """Return the sections of plugins that the configuration has, by name."""
        names = {*plugins.BUILTIN[self.plugin_kind], *(self.model_extra or {})}
        return {name: value for name, value in self if name in names and isinstance(value, BaseModel)}

    @classmethod
    def unknown_choices(cls, settings: Mapping[str, Any]) -> Collection[str]:
        """Return the plugins that are chosen and do not exist: the names are the fault, and not the sections."""
        return ()

    @classmethod
    def refuse_section(cls, name: str, settings: Mapping[str, Any]) -> str | None:
        """Return why these settings cannot have a section for this plugin, or None."""
        return None

    @model_validator(mode="wrap")
    @classmethod
    def _validate_sections(cls, settings: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        if not isinstance(settings, Mapping):
            return handler(settings)
        valid: dict[str, Any] = {}
        errors: list[InitErrorDetails] = []
        misnamed = cls.unknown_choices(settings)
        for key, value in settings.items():
            if key in misnamed and key not in cls.model_fields:
                continue  # its section goes with the name
            if key not in cls.model_fields and not plugins.is_known(cls.plugin_kind, key):
                errors.append(InitErrorDetails(type="extra_forbidden", loc=(key,), input=value))
                continue
            try:
                valid |= cls._validated(key, value, settings)
            except ValidationError as error:
                errors += _line_errors(error, key)
            except ValueError as error:
                errors.append(_value_error(error, key, value))
        return _handled(cls, valid, handler, errors)

    @classmethod
    def _validated(cls, key: str, value: Any, settings: Mapping[str, Any]) -> dict[str, Any]:
        """Return one setting as the fields of this class take it: the section of a plugin validated."""
        is_field = key in cls.model_fields
        if is_field and key not in plugins.BUILTIN[cls.plugin_kind]:
            return {key: value}
        if value is None:
            return {}
        reason = None if cls.unknown_choices(settings) else cls.refuse_section(key, settings)
        if reason is not None:
            raise ValueError(reason)
        if is_field:
            return {key: value}
        model = _options_model(cls.plugin_kind, key)
        return {key: _own_code(key, lambda: model.model_validate(value))}

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        reference = handler(core)
        schema = handler.resolve_ref_schema(reference)
        for name, model in options_models(cls.plugin_kind):
            section = handler(model.__pydantic_core_schema__)
            field = {
                "anyOf": [section, {"type": "null"}],
                "default": None,
                "description": model.__doc__ or name,
            }
            schema["properties"].setdefault(name, field)
        schema["additionalProperties"] = False
        return reference


class InlineOptions(Section):
    """A section that names a plugin in one of its fields, and has the options of this plugin beside it."""

    model_config = ConfigDict(extra="allow")
    plugin_kind: ClassVar[plugins.Kind]
    name_field: ClassVar[str]

    def options(self, model: type[Options]) -> Options:
        """Return the options of the plugin; its defaults where they are not given.

        Raises:
            ConfigError: an option that has no default is not given.
        """
        given = self.model_extra or {}
        return model(**given) if given else _defaults(str(getattr(self, self.name_field)), model)

    @model_validator(mode="wrap")
    @classmethod
    def _validate_options(cls, settings: Any, handler: ModelWrapValidatorHandler[Any]) -> Any:
        if not isinstance(settings, Mapping):
            return handler(settings)
        valid = {key: value for key, value in settings.items() if key in cls.model_fields}
        given = {key: value for key, value in settings.items() if key not in valid}
        errors: list[InitErrorDetails] = []
        if given:
            try:
                valid |= cls._validated(given, settings)
            except ValidationError as error:
                errors += _line_errors(error)
            except ValueError as error:
                errors.append(_value_error(error, next(iter(given)), given))
        return _handled(cls, valid, handler, errors)

    @classmethod
    def _validated(cls, given: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
        name = settings.get(cls.name_field, cls.model_fields[cls.name_field].default)
        known = isinstance(name, str) and plugins.is_known(cls.plugin_kind, name)
        model = _declared_model(cls.plugin_kind, name) if known else None
        options = _own_code(str(name), lambda: (model or NoOptions).model_validate(given))
        fields = type(options).model_fields
        return {
            key: value
            for key, value in options
            if key not in fields or value != fields[key].get_default(call_default_factory=True)
        }

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        reference = handler(core)
        schema = handler.resolve_ref_schema(reference)
        for _name, model in options_models(cls.plugin_kind):
            section = handler.resolve_ref_schema(handler(model.__pydantic_core_schema__))
            for key, field in section.get("properties", {}).items():
                schema["properties"].setdefault(key, field)
        schema["additionalProperties"] = False
        return reference


def known_plugin(kind: plugins.Kind, name: str) -> str:
    """Return the name of a plugin.

    Raises:
        ValueError: there is none of this name, with those that exist.
    """
    if not plugins.is_known(kind, name):
        raise ValueError(plugins.unknown(kind, name))
    return name


class NoOptions(Section):
    """The options of a plugin that has none."""


def _options_model(kind: plugins.Kind, name: str) -> type[BaseModel]:
    """Return the model for the section of a plugin.

    Raises:
        ValueError: it has no options, or cannot say which.
    """
    model = _declared_model(kind, name)
    if model is None:
        raise ValueError(f"{kind[:-1]} '{name}' has no options here: remove its section")
    return model


def _declared_model(kind: plugins.Kind, name: str) -> type[BaseModel] | None:
    try:
        model: type[BaseModel] | None = plugins.declaration(kind, name).options_model()
    except PluginError as error:
        raise ValueError(str(error)) from error
    return model


def options_models(kind: plugins.Kind) -> Iterator[tuple[str, type[BaseModel]]]:
    """Yield each plugin's name and model, for the JSON Schema; a plugin that does not load has none there."""
    for name in plugins.known_names(kind):
        try:
            model = plugins.declaration(kind, name).options_model()
        except PluginError as error:
            logger.debug("no schema for the options of '%s': %s", name, error)
            continue
        if model is not None:
            yield name, model


def _own_code(name: str, call: Callable[[], Made]) -> Made:
    """Return what the options model of a plugin makes of its settings.

    Raises:
        ValueError: they are not valid, or the code of the model fails.
    """
    try:
        with explained(lambda cause: ConfigError(f"the options of '{name}' fail: {cause}"), ValueError):
            return call()
    except ConfigError as error:
        raise ValueError(f"{error} → report it to the authors of the plugin") from error


def _defaults(name: str, model: type[Options]) -> Options:
    try:
        return _own_code(name, model)
    except ValidationError as error:
        missing = ", ".join(str(each["loc"][0]) for each in error.errors() if each["type"] == "missing")
        raise ConfigError(f"options of '{name}' are missing: {missing or error}") from None
    except ValueError as error:
        raise ConfigError(str(error)) from None


def _handled(
    section: type[Section],
    settings: Mapping[str, Any],
    handler: ModelWrapValidatorHandler[Any],
    errors: list[InitErrorDetails],
) -> Any:
    """Validate the fields of the section itself, and raise its errors together with those of the plugins' options."""
    validated = None
    try:
        validated = handler(settings)
    except ValidationError as error:
        errors += _line_errors(error)
    if errors:
        raise ValidationError.from_exception_data(section.__name__, errors)
    return validated


def _line_errors(error: ValidationError, key: str | None = None) -> Iterator[InitErrorDetails]:
    """Yield the errors as those of a field `key`; an error of a kind that a plugin made keeps its message."""
    prefix = () if key is None else (key,)
    for each in error.errors(include_url=False):
        context = each.get("ctx", {})
        kind: str | PydanticCustomError = each["type"]
        if kind not in _PYDANTIC_ERRORS:
            kind = PydanticCustomError("plugin_error", "{message}", {"message": each["msg"]})
        yield InitErrorDetails(type=kind, loc=(*prefix, *each["loc"]), input=each["input"], ctx=context)


def _value_error(error: ValueError, key: str, value: Any) -> InitErrorDetails:
    return InitErrorDetails(type="value_error", loc=(key,), input=value, ctx={"error": error})
