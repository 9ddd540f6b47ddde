"""From the text of a policy file to its rules, or to everything that is wrong with it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from paseport_shared.adapters.policy_file.yaml_tree import Fields, Items, Node, Text, YamlProblem, read_yaml
from paseport_shared.domain.models.host_pattern import is_host_pattern
from paseport_shared.domain.models.network import parse_network
from paseport_shared.domain.models.policy import Access, CredentialKind, PathPattern, Policy, Rule
from paseport_shared.domain.models.request_facts import METHODS, is_canonical_path
from paseport_shared.domain.models.roles import is_role
from paseport_shared.domain.models.scope import parse_scope
from paseport_shared.domain.ports.pattern_matcher import PatternMatcher

MAX_BYTES: Final = 1024 * 1024
MAX_RULES: Final = 1_000
MAX_REGEXES: Final = 32
"""Of one file: the worst path costs less than 20 ms with all of them (GW-01; ``adapters.re2`` bounds each)."""
_MAX_PROBLEMS: Final = 100

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_MAX_USER: Final = 255
_ACCESS: Final = {access.value: access for access in Access}
_CREDENTIALS: Final = {kind.value: kind for kind in CredentialKind if kind is not CredentialKind.NONE}
_OF_SIGNED_IN: Final = ("roles", "users", "scopes", "credentials")
_KEYS: Final = ("name", "hosts", "paths", "methods", "access", *_OF_SIGNED_IN, "networks")


class PolicyProblems(Exception):
    """Everything that is wrong with a policy file: one line each, ``file:line: sentence``, in the file's order."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = tuple(lines)
        super().__init__("\n".join(self.lines))


def read_policy(content: bytes, name: str, patterns: PatternMatcher) -> Policy:
    """Return the rules of a file whose name is ``name``. Raises ``PolicyProblems``.

    A file without any rule is one that went wrong: who wants to deny everything says so in a rule, or names no file.
    """
    if len(content) > MAX_BYTES:
        raise PolicyProblems([f"{name}:1: larger than {MAX_BYTES // 1024} KiB"])
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PolicyProblems([f"{name}:{line}: not UTF-8"]) from error
    try:
        root = read_yaml(text)
    except YamlProblem as error:
        raise PolicyProblems([f"{name}:{error.line}: {error.message}"]) from error
    reader = _Reader(patterns)
    rules = reader.rules(root)
    if reader.problems:
        reader.problems.sort(key=lambda problem: problem[0])
        lines = [f"{name}:{line}: {message}" for line, message in reader.problems[:_MAX_PROBLEMS]]
        if (more := len(reader.problems) - _MAX_PROBLEMS) > 0:
            lines.append(f"{name}:{reader.problems[_MAX_PROBLEMS][0]}: {more} more problems from here on")
        raise PolicyProblems(lines)
    return Policy(rules)


class _Reader:
    """Reads all that can be read and notes every problem on the way."""

    def __init__(self, patterns: PatternMatcher) -> None:
        self.problems: list[tuple[int, str]] = []
        self._patterns = patterns
        self._regexes = 0
        self._lines_by_name: dict[str, int] = {}

    def rules(self, root: Node | None) -> list[Rule]:
        """Return the rules that are good. Whether all are, ``problems`` tells."""
        fields = {} if root is None else self._fields(root, ("rules",), "the file")
        if fields is None:
            return []
        listed = fields.get("rules")
        if not isinstance(listed, Items) or not listed.items:
            self._note(1 if listed is None else listed.line, "`rules` must be a list with at least one rule")
            return []
        if len(listed.items) > MAX_RULES:
            self._note(listed.items[MAX_RULES].line, f"more than {MAX_RULES} rules")
            return []
        return [rule for node in listed.items if (rule := self._rule(node)) is not None]

    def _rule(self, node: Node) -> Rule | None:
        fields = self._fields(node, _KEYS, "a rule")
        if fields is None:
            return None
        before = len(self.problems)
        name = self._name(fields.get("name"), node.line)
        access = self._access(fields.get("access"))
        for key in _OF_SIGNED_IN:
            if key in fields and access is not None and access is not Access.SIGNED_IN:
                self._note(fields[key].line, f"`{key}` has no meaning with `access: {access.value}`")
        if "networks" in fields and access is Access.DENY:
            self._note(fields["networks"].line, "`networks` has no meaning with `access: deny`, which denies everybody")
        hosts = self._texts(fields, "hosts", _host_problem)
        paths = self._paths(fields)
        methods = self._texts(fields, "methods", _method_problem)
        roles = self._texts(fields, "roles", _role_problem)
        users = self._texts(fields, "users", _user_problem)
        scopes = self._texts(fields, "scopes", _scope_problem)
        networks = self._texts(fields, "networks", _network_problem)
        credentials = self._texts(fields, "credentials", _credential_problem)
        if len(self.problems) > before or access is None:
            return None
        return Rule(
            name=name,
            access=access,
            hosts=hosts,
            paths=paths,
            methods=frozenset(methods),
            roles=frozenset(roles),
            users=frozenset(users),
            scopes=frozenset(scopes),
            networks=networks,
            credentials=frozenset(_CREDENTIALS[kind] for kind in credentials),
            line=node.line,
        )

    def _fields(self, node: Node, known: tuple[str, ...], what: str) -> dict[str, Node] | None:
        if not isinstance(node, Fields):
            self._note(node.line, f"{what} must be a mapping with {_listed(known)}")
            return None
        found: dict[str, Node] = {}
        for key, value in node.pairs:
            if key.value not in known:
                self._note(key.line, f"unknown key {_shown(key.value)}; {what} has {_listed(known)}")
            elif key.value in found:
                self._note(key.line, f"`{key.value}` stands here twice")
            else:
                found[key.value] = value
        return found

    def _name(self, node: Node | None, line: int) -> str:
        if node is None:
            self._note(line, "a rule needs a `name`")
            return ""
        if not isinstance(node, Text) or not _NAME.fullmatch(node.value):
            self._note(node.line, "`name` must be up to 64 of a–z, 0–9 and `-`, and not begin with `-`")
            return ""
        if node.value in self._lines_by_name:
            first = self._lines_by_name[node.value]
            self._note(node.line, f"there is a rule `{node.value}` already, in line {first}")
        self._lines_by_name.setdefault(node.value, node.line)
        return node.value

    def _access(self, node: Node | None) -> Access | None:
        if node is None:
            return Access.SIGNED_IN
        access = _ACCESS.get(node.value) if isinstance(node, Text) else None
        if access is None:
            self._note(node.line, f"`access` must be {_listed(_ACCESS, 'or')}")
        return access

    def _paths(self, fields: Mapping[str, Node]) -> tuple[PathPattern, ...]:
        found = (self._path(node) for node in self._items(fields, "paths"))
        return tuple(path for path in found if path is not None)

    def _path(self, node: Node) -> PathPattern | None:
        if isinstance(node, Fields):
            return self._regex(node)
        problem = _path_problem(node.value) if isinstance(node, Text) else "must be a text, or `regex` with one"
        if problem is not None or not isinstance(node, Text):
            self._note(node.line, f"`paths`: {problem}")
            return None
        return PathPattern(node.value)

    def _regex(self, node: Fields) -> PathPattern | None:
        fields = self._fields(node, ("regex",), "a path")
        if not fields:
            if fields is not None and not node.pairs:
                self._note(node.line, "`paths`: must be a text, or `regex` with one")
            return None
        regex = fields["regex"]
        if not isinstance(regex, Text) or not regex.value:
            self._note(regex.line, "`regex` must be a text")
            return None
        self._regexes += 1
        if self._regexes == MAX_REGEXES + 1:
            self._note(regex.line, f"more than {MAX_REGEXES} regular expressions in one file")
        try:
            return PathPattern(regex.value, self._patterns.compile(regex.value))
        except ValueError as error:
            self._note(regex.line, f"`regex`: {error}")
            return None

    def _texts(self, fields: Mapping[str, Node], key: str, problem_of: Callable[[str], str | None]) -> tuple[str, ...]:
        found: list[str] = []
        for node in self._items(fields, key):
            problem = problem_of(node.value) if isinstance(node, Text) else "must be a text"
            if problem is not None:
                self._note(node.line, f"`{key}`: {problem}")
            elif isinstance(node, Text):
                found.append(node.value)
        return tuple(found)

    def _items(self, fields: Mapping[str, Node], key: str) -> list[Node]:
        node = fields.get(key)
        if node is None:
            return []
        if isinstance(node, Items) and node.items:
            return node.items
        # An empty list in a rule would mean "all", which nobody means who writes one.
        self._note(node.line, f"`{key}` must be a list with at least one item; leave it out where it does not matter")
        return []

    def _note(self, line: int, message: str) -> None:
        self.problems.append((line, message))


def _host_problem(text: str) -> str | None:
    if is_host_pattern(text):
        return None
    if text != text.lower() and is_host_pattern(text.lower()):
        return f"{_shown(text)} must be in lower case"
    return f"{_shown(text)} is no host name, and not `*.` before one; no port, no address in brackets"


def _path_problem(text: str) -> str | None:
    path = text[:-3] if text.endswith("/**") else text
    if "*" in path:
        return f"{_shown(text)}: `*` may stand at the end only, as `/**`; for more there is `regex`"
    if "%" in path:
        return f"{_shown(text)} must be written as it reads decoded, without `%`"
    if text != "/**" and not is_canonical_path(path):
        return f"{_shown(text)} is no path that a request can have here: see docs/policy.md"
    return None


def _method_problem(text: str) -> str | None:
    return None if text in METHODS else f"{_shown(text)} is no method that may pass; they are in capitals"


def _role_problem(text: str) -> str | None:
    return None if is_role(text) else f"{_shown(text)} cannot be the name of a role"


def _user_problem(text: str) -> str | None:
    if "@" in text:
        return f"{_shown(text)}: users are named by user name or id, never by an e-mail address"
    fits = 0 < len(text) <= _MAX_USER and text == text.strip() and text.isprintable()
    return None if fits else f"{_shown(text)} cannot be a user name"


def _scope_problem(text: str) -> str | None:
    return None if parse_scope(text) == (text,) else f"{_shown(text)} cannot be a scope"


def _network_problem(text: str) -> str | None:
    if parse_network(text) is not None:
        return None
    return f"{_shown(text)} is no network such as 10.0.0.0/8 or 2001:db8::/32, with all bits behind its length 0"


def _credential_problem(text: str) -> str | None:
    return None if text in _CREDENTIALS else f"{_shown(text)} is no kind of credential: {_listed(_CREDENTIALS, 'or')}"


def _listed(words: Iterable[str], last: str = "and") -> str:
    *most, end = (f"`{word}`" for word in words)
    return f"{', '.join(most)} {last} {end}" if most else end


def _shown(text: str) -> str:
    """Return what a file says, fit for one line of a log."""
    short = text if len(text) <= 80 else f"{text[:80]}…"
    return f"`{''.join(character if character.isprintable() else '�' for character in short)}`"
