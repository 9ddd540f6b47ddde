"""The rules that the api begins with, in production and embedded."""

from __future__ import annotations

from pathlib import Path

from paseport_shared.adapters.policy_file.policy_file import PolicyFile
from paseport_shared.adapters.policy_file.policy_text import PolicyProblems
from paseport_shared.adapters.re2.pattern_matcher import Re2PatternMatcher
from paseport_shared.http.process import CannotStart


def open_policies(file: Path | None) -> PolicyFile:
    """Return the rules of a file. Raises ``CannotStart`` with every line of it that cannot be used (FA-22)."""
    try:
        return PolicyFile(file, Re2PatternMatcher())
    except PolicyProblems as problems:
        raise CannotStart("\n".join(["the policy file cannot be used", *problems.lines])) from problems
