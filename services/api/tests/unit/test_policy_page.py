"""docs/policy.md says what the engine does."""

import re
from pathlib import Path

from paseport_api.handlers.schemas.reasons import REASON_TEXTS
from paseport_shared.adapters.memory.decision_log import CAPACITY as KEPT_IN_MEMORY
from paseport_shared.adapters.policy_file.policy_text import MAX_REGEXES, MAX_RULES, read_policy
from paseport_shared.adapters.re2.pattern_matcher import MAX_TEXT_BYTES, Re2PatternMatcher
from paseport_shared.adapters.redis.decision_log import CAPACITY as KEPT_IN_REDIS
from paseport_shared.domain.models.policy import Reason

PAGE = (Path(__file__).parents[4] / "docs" / "policy.md").read_text()


def test_the_table_of_reasons_is_that_of_the_engine() -> None:
    rows = re.findall(r"^\| `([a-z_]+)` \| (.+) \|$", PAGE.partition("| reason | means |")[2], re.MULTILINE)

    assert [(Reason(code), text) for code, text in rows] == list(REASON_TEXTS.items())


def test_the_example_is_a_policy_and_shows_every_key() -> None:
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)

    policy = read_policy(example.encode(), "policy.yml", Re2PatternMatcher())

    assert [rule.name for rule in policy.rules] == ["health", "metrics", "internals", "admin", "reports", "app"]
    keys = re.findall(r"^\| `([a-z]+)` \|", PAGE.partition("| key | is |")[2].partition("\n\n")[0], re.MULTILINE)
    assert {*keys} - {"users"} <= set(re.findall(r"^ +(?:- )?([a-z]+):", example, re.MULTILINE))


def test_the_bounds_are_those_of_the_engine() -> None:
    for text in (
        f"of {MAX_TEXT_BYTES:,} bytes at most",
        f"may have {MAX_REGEXES} of them, and {MAX_RULES:,}",
        f"The last {KEPT_IN_REDIS:,} denials",
        f"keeps {KEPT_IN_MEMORY:,}",
    ):
        assert text in PAGE
