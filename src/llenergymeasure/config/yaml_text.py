"""YAML text as configurations use it: strict, bounded, and with the line of every key."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llenergymeasure.config.yaml_loader import CORE, NUMBER, loader_class

if TYPE_CHECKING:
    import yaml

MAX_NODES = 20_000
"""Values in one document, an alias counted as often as it is used: a few lines of aliases can name billions."""

KeyPath = tuple[str, ...]

_KNOWN_TAGS = {CORE + name for name in ("map", "seq", "str", "int", "float", "bool", "null", "merge")}


@dataclass(frozen=True, kw_only=True)
class Document:
    """What a text says, and on which line each key and list item stands, by its path."""

    value: Any
    lines: dict[KeyPath, int] = field(default_factory=dict)


class TextFault(Exception):
    """The text cannot be read; `line` and `column` count from 1."""

    def __init__(self, sentence: str, line: int | None = None, column: int | None = None) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.line = line
        self.column = column

    def in_file(self, name: str) -> str:
        """Return the sentence behind `file:line:column`."""
        where = name if self.line is None else f"{name}:{self.line}:{self.column}"
        return f"{where}: {self.sentence}"


def parse_text(text: str) -> Document:
    """Read one YAML document.

    Raises:
        TextFault: not YAML, a key twice, or a tag, depth or size that no configuration needs.
    """
    import yaml

    try:
        loader = loader_class()(text)
        node = loader.get_single_node()
        if node is None:
            return Document(value=None)
        _check_size(node)
        lines: dict[KeyPath, int] = {}
        _walk(node, (), lines)
        return Document(value=loader.construct_document(node), lines=lines)
    except yaml.MarkedYAMLError as error:
        raise _fault(error.problem_mark or error.context_mark, _sentence(error)) from None
    except yaml.YAMLError as error:
        raise TextFault(f"not YAML text: {str(error).splitlines()[0]}") from None
    except RecursionError:
        raise TextFault("nested too deeply to be a configuration") from None


def _check_size(root: yaml.Node) -> None:
    sizes: dict[int, int] = {}

    def size(node: yaml.Node) -> int:
        if id(node) not in sizes:
            sizes[id(node)] = MAX_NODES  # what an alias to a node that holds it finds
            sizes[id(node)] = 1 + sum(size(child) for child in _children(node))
        return sizes[id(node)]

    if size(root) > MAX_NODES:
        raise TextFault(f"more than {MAX_NODES} values, aliases included: no configuration needs that")


def _children(node: yaml.Node) -> list[yaml.Node]:
    import yaml

    if isinstance(node, yaml.MappingNode):
        return [child for pair in node.value for child in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []


def _walk(node: yaml.Node, path: KeyPath, lines: dict[KeyPath, int]) -> None:
    """Note the line of every key; refuse what is no plain mapping, list, text, number or truth value."""
    import yaml

    if node.tag not in _KNOWN_TAGS:
        raise _fault(node.start_mark, f"the tag {node.tag.replace(CORE, '!!')} is not allowed here")
    if isinstance(node, yaml.MappingNode):
        _walk_mapping(node, path, lines)
    elif isinstance(node, yaml.SequenceNode):
        for index, child in enumerate(node.value):
            where = (*path, str(index))
            lines[where] = child.start_mark.line + 1
            _walk(child, where, lines)


def _walk_mapping(node: yaml.MappingNode, path: KeyPath, lines: dict[KeyPath, int]) -> None:
    seen: dict[str, int] = {}
    merges_first = sorted(node.value, key=lambda pair: bool(pair[0].tag != CORE + "merge"))
    for key, value in merges_first:
        word = _word(key)
        if word in seen:
            raise _fault(key.start_mark, f"the key '{word}' is here twice; it is also on line {seen[word]}")
        seen[word] = key.start_mark.line + 1
        if key.tag == CORE + "merge":
            _walk(value, path, lines)
            continue
        where = (*path, word)
        lines[where] = seen[word]
        _walk(value, where, lines)


def _word(key: yaml.Node) -> str:
    if key.tag in (CORE + "str", CORE + "merge"):
        return str(key.value)
    quoted = f"'{key.value}'" if isinstance(key.value, str) else "a list or a mapping"
    raise _fault(key.start_mark, f"a key is text, and {quoted} is not: put it in quotes")


def _sentence(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or error.context or "it cannot be read"
    if error.context == NUMBER:
        return problem
    if "'\\t'" in problem:
        return "a tab where YAML wants spaces: indent with spaces"
    if "mapping values are not allowed" in problem:
        return "a colon where none can be: check the indentation, or put the value in quotes"
    if "single document" in (error.context or ""):
        return "a second document begins here: write one configuration per file"
    return f"not valid YAML: {problem}"


def _fault(mark: Any, sentence: str) -> TextFault:
    return TextFault(sentence) if mark is None else TextFault(sentence, mark.line + 1, mark.column + 1)
