"""The policy file: what is in it, what may not be, and what happens when it changes (FA-22)."""

import asyncio
import os
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from paseport_shared.adapters.policy_file.policy_file import PolicyFile
from paseport_shared.adapters.policy_file.policy_text import (
    MAX_BYTES,
    MAX_REGEXES,
    MAX_RULES,
    PolicyProblems,
    read_policy,
)
from paseport_shared.adapters.re2.pattern_matcher import Re2Pattern, Re2PatternMatcher
from paseport_shared.domain.models.policy import Access, CredentialKind, PathPattern, Policy, Rule
from structlog.testing import capture_logs

PATTERNS = Re2PatternMatcher()
OPEN = "rules:\n  - name: open\n    access: public\n"
CLOSED = "rules:\n  - name: closed\n    access: deny\n"
BROKEN = "rules:\n  - name: Open\n    acces: public\n"


def read(text: str | bytes) -> Policy:
    return read_policy(text if isinstance(text, bytes) else text.encode(), "policy.yml", PATTERNS)


def problems(text: str | bytes) -> tuple[str, ...]:
    with pytest.raises(PolicyProblems) as refused:
        read(text)
    return refused.value.lines


def problems_of_rule(*lines: str) -> tuple[str, ...]:
    return problems("rules:\n  - name: r\n" + "".join(f"    {line}\n" for line in lines))


# --- what is in it ----------------------------------------------------------------------------------------------------


def test_every_key_of_a_rule_is_read() -> None:
    policy = read("""
# what everybody may see
rules:
  - name: health
    hosts: [app.example.com, "*.example.com"]
    paths: [/health, /static/**, {regex: "/v[0-9]+/public"}]
    methods: [GET, HEAD]
    access: public
    networks: [10.0.0.0/8, "2001:db8::/32"]

  - name: reports
    access: signed-in
    roles: [Admin]
    users: [ada, 01900000-0000-7000-8000-00000000a11c]
    scopes: [reports]
    credentials: [session, access_token, api_key]
  - {name: rest, access: deny}
""")

    assert policy.rules == (
        Rule(
            name="health",
            access=Access.PUBLIC,
            hosts=("app.example.com", "*.example.com"),
            paths=(PathPattern("/health"), PathPattern("/static/**"), PathPattern("/v[0-9]+/public")),
            methods=frozenset({"GET", "HEAD"}),
            networks=("10.0.0.0/8", "2001:db8::/32"),
            line=4,
        ),
        Rule(
            name="reports",
            access=Access.SIGNED_IN,
            roles=frozenset({"Admin"}),
            users=frozenset({"ada", "01900000-0000-7000-8000-00000000a11c"}),
            scopes=frozenset({"reports"}),
            credentials=frozenset({CredentialKind.SESSION, CredentialKind.ACCESS_TOKEN, CredentialKind.API_KEY}),
            line=11,
        ),
        Rule(name="rest", access=Access.DENY, line=17),
    )
    assert policy.rules[0].paths[2].fits("/v12/public")
    assert not policy.rules[0].paths[2].fits("/v12/public/x")


def test_a_rule_that_says_nothing_about_access_asks_for_somebody_who_is_signed_in() -> None:
    assert read("rules: [{name: r}]").rules == (Rule(name="r", access=Access.SIGNED_IN, line=1),)


def test_values_are_texts_whatever_they_would_be_in_yaml() -> None:
    rule = read("rules: [{name: 010, users: [no, 1e3, ~, null, 2026-01-01], paths: [/ü b]}]").rules[0]

    assert rule.name == "010"
    assert rule.users == {"no", "1e3", "~", "null", "2026-01-01"}
    assert rule.paths == (PathPattern("/ü b"),)


def test_a_byte_order_mark_is_no_part_of_the_file() -> None:
    assert read(b"\xef\xbb\xbf" + OPEN.encode()).rules == read(OPEN).rules


# --- what may not be --------------------------------------------------------------------------------------------------


def test_everything_that_is_wrong_is_said_at_once_each_with_its_line() -> None:
    assert problems("""rules:
  - name: Health
    hosts: [App.example.com, "a:80"]
    paths: [health, {regex: "(?=a)"}]
    methods: [get]
    methods: [GET]
    color: red
  - name: x
    access: publik
  - name: x
    hosts: []
other: 1
""") == (
        "policy.yml:2: `name` must be up to 64 of a–z, 0–9 and `-`, and not begin with `-`",
        "policy.yml:3: `hosts`: `App.example.com` must be in lower case",
        "policy.yml:3: `hosts`: `a:80` is no host name, and not `*.` before one; no port, no address in brackets",
        "policy.yml:4: `paths`: `health` is no path that a request can have here: see docs/policy.md",
        "policy.yml:4: `regex`: invalid perl operator: (?=",
        "policy.yml:5: `methods`: `get` is no method that may pass; they are in capitals",
        "policy.yml:6: `methods` stands here twice",
        "policy.yml:7: unknown key `color`; a rule has `name`, `hosts`, `paths`, `methods`, `access`, `roles`, "
        "`users`, `scopes`, `credentials` and `networks`",
        "policy.yml:9: `access` must be `public`, `signed-in` or `deny`",
        "policy.yml:10: there is a rule `x` already, in line 8",
        "policy.yml:11: `hosts` must be a list with at least one item; leave it out where it does not matter",
        "policy.yml:12: unknown key `other`; the file has `rules`",
    )


@pytest.mark.parametrize(
    "line",
    [
        "hosts: ['*.com']", "hosts: [https://app.example.com]", "hosts: ['[::1]']", "hosts: app.example.com", "hosts:",
        "hosts: [[a]]", "hosts: {a: b}", "paths: [/a/../b]", "paths: [/a//b]", "paths: [/a/*/b]", "paths: [/a*]",
        "paths: ['/**/a']", "paths: [/%61]", "paths: [a]", "paths: ['']", "paths: ['/a;b']", "paths: ['/a ']",
        "paths: [{regex: ''}]", "paths: [{regex: [a]}]", "paths: [{regexp: a}]", "paths: [{}]",
        "paths: [{regex: a, regex: b}]", r"paths: [{regex: '(a)\1'}]", "methods: [CONNECT]", "methods: [GET, '']",
        "access: Public", "access: [public]", "access:", "roles: ['Admin,User']", "roles: ['']",
        "users: [ada@example.com]", "users: [' ada']", "users: ['']", "scopes: ['a b']", "scopes: ['']",
        "networks: [10.0.0.1/8]", "networks: [all]", "credentials: [none]", "credentials: [cookie]",
        "credentials: session",
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_meant_is_a_problem_of_its_line(line: str) -> None:
    (problem,) = problems_of_rule(line)

    assert problem.startswith("policy.yml:3: ")


@pytest.mark.parametrize("access", ["public", "deny"])
@pytest.mark.parametrize("line", ["roles: [Admin]", "users: [ada]", "scopes: [s]", "credentials: [session]"])
def test_a_rule_that_does_not_look_at_callers_asks_nothing_of_them(access: str, line: str) -> None:
    """Who writes it means something else: a rule that lets fewer people in than it does, or fewer out."""
    (problem,) = problems_of_rule(f"access: {access}", line)

    assert problem == f"policy.yml:4: `{line.partition(':')[0]}` has no meaning with `access: {access}`"


def test_a_rule_that_denies_everybody_has_no_networks() -> None:
    assert len(problems_of_rule("access: deny", "networks: [10.0.0.0/8]")) == 1


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "# nothing\n",
        "---\n",
        "rules:\n",
        "rules: []\n",
        "{}",
        "[]",
        "rules: text",
        "- name: r\n",
        "text",
        "~",
    ],
)
def test_a_file_without_a_rule_went_wrong(text: str) -> None:
    """FA-22: an empty file is what a failed deployment leaves, not what anybody wrote."""
    assert len(problems(text)) == 1


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (OPEN + "  - name: [", 5),
        ("rules:\n\t- name: a\n", 2),
        ("rules:\n  - name: a\n    paths: [/a\n", 4),
        (OPEN + "---\nrules: []\n", 4),
        ("rules: &all\n  - name: a\n", 1),
        ("rules:\n  - &a {name: a}\n  - *a\n", 2),
        ("rules:\n  - name: !!python/object/apply:os.system [true]\n", 2),
        ("rules:\n  - name: !!int 1\n", 2),
        ("rules:\n  - <<: {name: a}\n", 2),
        ("rules:\n  - name: a\x07\n", 2),
        ("rules:\n  - ? [a]\n    : b\n", 2),
        ("[" * 100_000, 1),
        ("{a: " * 100_000, 1),
        ("- " * 100_000, 1),
    ],
)
def test_what_is_not_plain_yaml_is_refused_at_its_line(text: str, line: int) -> None:
    """No anchors, aliases, tags, merges or depth: nothing that grows, and nothing that is run."""
    assert problems(text)[0].startswith(f"policy.yml:{line}: ")


def test_what_is_not_utf_8_is_refused_at_its_line() -> None:
    assert problems(OPEN.encode() + b"# \xff") == ("policy.yml:4: not UTF-8",)


def test_a_file_that_is_too_large_is_not_looked_into() -> None:
    assert problems(b"#" * (MAX_BYTES + 1)) == ("policy.yml:1: larger than 1024 KiB",)
    assert read(OPEN.encode().ljust(MAX_BYTES, b"\n")).rules


def test_rules_and_regular_expressions_have_a_bound() -> None:
    """GW-01: what one request can cost."""
    rules = [f"  - {{name: r{number}}}\n" for number in range(MAX_RULES + 1)]
    regexes = [f"  - {{name: r{number}, paths: [{{regex: a}}]}}\n" for number in range(MAX_REGEXES + 1)]

    assert len(read("rules:\n" + "".join(rules[:-1])).rules) == MAX_RULES
    assert problems("rules:\n" + "".join(rules)) == (f"policy.yml:{MAX_RULES + 2}: more than 1000 rules",)
    assert len(read("rules:\n" + "".join(regexes[:-1])).rules) == MAX_REGEXES
    assert problems("rules:\n" + "".join(regexes)) == (
        f"policy.yml:{MAX_REGEXES + 2}: more than {MAX_REGEXES} regular expressions in one file",
    )


def test_a_file_of_nothing_but_mistakes_does_not_fill_the_log() -> None:
    lines = problems("rules:\n" + "  - {name: r, x: 1}\n" * 500)

    assert len(lines) == 101
    assert lines[-1].endswith("899 more problems from here on")


@pytest.mark.parametrize("text", ["\x1b[31mred", "a\u202eb", "x" * 1_000])
def test_no_text_of_the_file_steers_a_terminal_or_fills_a_line(text: str) -> None:
    (problem,) = problems_of_rule(f"hosts: [{text!r}]".replace("\\x1b", "\\u001b").replace("'", '"'))

    assert problem.isprintable()
    assert len(problem) < 250


@given(
    st.one_of(
        st.binary(max_size=200), st.text(st.sampled_from("rules:\n -[]{}&*!|>\"'#ab?,"), max_size=80).map(str.encode)
    )
)
@example(b"rules: [")
def test_any_content_is_rules_or_refused(content: bytes) -> None:
    """FA-07."""
    found: tuple[object, ...]
    try:
        found = read(content).rules
    except PolicyProblems as refused:
        found = refused.lines
    assert found


# --- when it changes --------------------------------------------------------------------------------------------------


def write(path: Path, text: str) -> None:
    path.write_text(text)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "policy.yml"
    write(path, OPEN)
    return path


def names(file: PolicyFile) -> list[str]:
    return [rule.name for rule in file.policy.rules]


async def settle(file: PolicyFile) -> None:
    """Look twice: a change counts once it was seen two times."""
    await file.step()
    await file.step()


def test_without_a_file_nothing_passes() -> None:
    file = PolicyFile(None, PATTERNS)

    assert (names(file), file.generation, file.is_current) == ([], 0, True)


async def test_without_a_file_there_is_nothing_to_look_at() -> None:
    file = PolicyFile(None, PATTERNS)
    await settle(file)

    assert (names(file), file.failed_reloads) == ([], 0)


@pytest.mark.parametrize("content", [BROKEN, "", "rules: []"])
def test_a_bad_file_at_the_start_starts_nothing_and_every_line_is_named(path: Path, content: str) -> None:
    """FA-22."""
    write(path, content)

    with pytest.raises(PolicyProblems) as refused:
        PolicyFile(path, PATTERNS)

    assert all(line.startswith(f"{path}:") for line in refused.value.lines)
    assert len(refused.value.lines) == (2 if content == BROKEN else 1)


def test_a_file_that_is_not_there_at_the_start_starts_nothing(path: Path) -> None:
    """FA-22. A folder is none, and a pipe would be waited for."""
    os.mkfifo(path.with_name("pipe"))
    for name in (path.with_name("nothing"), path.parent, path.with_name("pipe"), path / "below"):
        with pytest.raises(PolicyProblems):
            PolicyFile(name, PATTERNS)


async def test_a_changed_file_is_in_force_once_two_looks_have_seen_it(path: Path) -> None:
    file = PolicyFile(path, PATTERNS)
    write(path, CLOSED)

    await file.step()
    assert (names(file), file.is_current) == (["open"], False)
    await file.step()

    assert (names(file), file.generation, file.is_current) == (["closed"], 2, True)


async def test_a_file_that_is_being_written_is_left_alone_though_its_first_lines_would_be_good(path: Path) -> None:
    """The rule that denies stands at the end: without it more would pass than either file lets."""
    file = PolicyFile(path, PATTERNS)
    for part in (OPEN, OPEN + "  - name: more\n", OPEN + "  - name: more\n  - {name: closed, access: deny}\n"):
        write(path, part)
        await file.step()
        assert names(file) == ["open"]

    await file.step()

    assert names(file) == ["open", "more", "closed"]


@pytest.mark.parametrize("content", [BROKEN, "", "rules: []", "rules: [", "\0"])
async def test_a_bad_change_leaves_the_last_good_rules_and_is_told_once(path: Path, content: str) -> None:
    """FA-22."""
    file = PolicyFile(path, PATTERNS)
    write(path, content)

    with capture_logs() as logs:
        for _ in range(5):
            await file.step()

    assert (names(file), file.generation, file.failed_reloads, file.is_current) == (["open"], 1, 1, False)
    assert [entry["log_level"] for entry in logs] == ["error"]
    assert logs[0]["problems"][0].startswith(f"{path}:")


async def test_a_file_that_goes_away_leaves_the_last_good_rules_and_is_told_once(path: Path) -> None:
    """FA-22."""
    file = PolicyFile(path, PATTERNS)
    os.unlink(path)

    with capture_logs() as logs:
        for _ in range(5):
            await file.step()

    assert (names(file), file.failed_reloads, file.is_current, len(logs)) == (["open"], 1, False, 1)


async def test_a_mended_file_is_in_force_and_the_same_fault_is_news_again(path: Path) -> None:
    file = PolicyFile(path, PATTERNS)
    with capture_logs() as logs:
        for content in (BROKEN, OPEN, BROKEN, CLOSED):
            write(path, content)
            await settle(file)

    assert (names(file), file.generation, file.failed_reloads) == (["closed"], 2, 2)
    assert [entry["log_level"] for entry in logs] == ["error", "error", "info"]


async def test_another_fault_is_told_too(path: Path) -> None:
    file = PolicyFile(path, PATTERNS)
    with capture_logs() as logs:
        for content in (BROKEN, "", BROKEN):
            write(path, content)
            await settle(file)

    assert file.failed_reloads == 3
    assert len(logs) == 3


async def test_a_file_that_is_replaced_by_a_link_is_followed(path: Path) -> None:
    """As Kubernetes changes what it mounts."""
    file = PolicyFile(path, PATTERNS)
    other = path.with_name("other.yml")
    other.write_text(CLOSED)
    link = path.with_name("link.yml")
    link.symlink_to(other)
    link.replace(path)

    await settle(file)

    assert names(file) == ["closed"]


async def test_whoever_holds_the_rules_of_before_goes_on_with_them(path: Path) -> None:
    """One decision is made by one set of rules."""
    file = PolicyFile(path, PATTERNS)
    held = file.policy
    write(path, CLOSED)
    await settle(file)

    assert [rule.name for rule in held.rules] == ["open"]
    assert file.policy is not held


class Telling(Re2PatternMatcher):
    """Sets an event once a file with a pattern in it is being read."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.asked = asyncio.Event()

    def compile(self, pattern: str) -> Re2Pattern:
        self._loop.call_soon_threadsafe(self.asked.set)
        return super().compile(pattern)


async def test_a_service_looks_by_itself(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("paseport_shared.adapters.policy_file.policy_file.LOOK_SECONDS", 0.001)
    patterns = Telling(asyncio.get_running_loop())
    file = PolicyFile(path, patterns)
    keeping = asyncio.create_task(file.keep())

    write(path, "rules: [{name: closed, access: deny, paths: [{regex: /a}]}]")
    async with asyncio.timeout(10):
        await patterns.asked.wait()
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        # It may have been cancelled before it had taken in what it read.
        await file.step()

    assert names(file) == ["closed"]
