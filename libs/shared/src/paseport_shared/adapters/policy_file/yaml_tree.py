"""YAML as it is written: texts, lists and mappings with their lines, and nothing that a file could do with them.

No value is anything but text: what YAML would make of ``no`` or ``010`` is nobody's business here. Anchors, aliases,
tags and deep nesting are refused before anything is built of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import yaml

MAX_DEPTH: Final = 8

# The parser in C where PyYAML has it: the same events, twenty times as fast.
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_IMPLICIT: Final = frozenset({"!", "tag:yaml.org,2002:str", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"})


class YamlProblem(Exception):
    """Why a text is not read: a sentence, and the line that it is about."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line
        self.message = message


@dataclass(slots=True)
class Text:
    """A scalar, as it stands there."""

    line: int
    value: str


@dataclass(slots=True)
class Items:
    """A list."""

    line: int
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Fields:
    """A mapping. Keys may occur twice: whoever reads it tells."""

    line: int
    pairs: list[tuple[Text, Node]] = field(default_factory=list)


Node: TypeAlias = Text | Items | Fields


def read_yaml(text: str) -> Node | None:
    """Return the one document of a text, or None for an empty one. Raises ``YamlProblem``."""
    try:
        return _document(yaml.parse(text, Loader=_LOADER))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise YamlProblem(
            1 if mark is None else mark.line + 1, f"not YAML: {error.problem or error.context}"
        ) from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlProblem(line, "not YAML: a character that may not stand in it") from error


def _document(events: Iterator[yaml.Event]) -> Node | None:
    root: Node | None = None
    # Of each mapping and list that is open: itself, and the key whose value comes next.
    open_nodes: list[tuple[Items | Fields, list[Text]]] = []
    has_document = False
    for event in events:
        line = 1 if event.start_mark is None else event.start_mark.line + 1
        if isinstance(event, yaml.DocumentStartEvent):
            if has_document:
                raise YamlProblem(line, "a second document begins; there may be one")
            has_document = True
        if isinstance(event, yaml.CollectionEndEvent):
            open_nodes.pop()
        if not isinstance(event, yaml.NodeEvent):
            continue
        if event.anchor is not None:
            raise YamlProblem(line, "anchors and aliases are not supported")
        node = _node(event, line)
        if not open_nodes:
            root = node
        else:
            _attach(*open_nodes[-1], node)
        if not isinstance(node, Text):
            if len(open_nodes) == MAX_DEPTH:
                raise YamlProblem(line, "nested too deeply")
            open_nodes.append((node, []))
    return None if isinstance(root, Text) and not root.value else root


def _node(event: yaml.NodeEvent, line: int) -> Node:
    tag = getattr(event, "tag", None)
    if tag is not None and tag not in _IMPLICIT:
        raise YamlProblem(line, "tags are not supported")
    if isinstance(event, yaml.ScalarEvent):
        return Text(line, event.value)
    return Fields(line) if isinstance(event, yaml.MappingStartEvent) else Items(line)


def _attach(parent: Items | Fields, key: list[Text], node: Node) -> None:
    if isinstance(parent, Items):
        parent.items.append(node)
    elif key:
        parent.pairs.append((key.pop(), node))
    elif isinstance(node, Text):
        key.append(node)
    else:
        raise YamlProblem(node.line, "a key is one text")
