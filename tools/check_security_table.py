"""Check that docs/security.md tells the truth about the abuse cases.

Every case stands in the table of what is covered or in the list of what is not yet applicable. Every test that the
table names exists and names the case: a Python test in its own docstring or in its module's, a TypeScript test in its
title.
"""

import ast
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs" / "security.md"
NOT_YET = "## Not yet applicable"

# Numbers that are missing belong to no case.
CASES = {
    "TK": "01 02 03 04 05 06 08 09 10 11 13 14 15 18 19 20 22 23 24 25 26",
    "LG": "01 02 03 04 05 06 08 10 11 12 14 16 17 18 20 21 22 23 24",
    "AZ": "01 02 04 05 06 07 09 10 12 13 14 15 16 17 19 20 22 23 24 25",
    "TE": "01 02 04 05 07 08 09 10 11 12 13 15 16 17 18 19 20 22 23 24 25",
    "BF": "01 02 03 05 07 08 10 11 12 13 14",
    "XI": "01 02 03 04 05 06 08 10 11 12 14 15 16 17 18 19",
    "AD": "01 03 05 06 07 08 09 11 12 13 14 15 16",
    "FA": "01 02 03 04 06 07 08 09 11 14 15 16 18 19 20 21 22 23 24",
    "GW": "01 02 04 05 06 09 10 11 12 13 14",
    "TP": "03 04 05 06 07 08 09",
    "KR": "01 02 03 04 06 07 08",
    "FT": "01 02 03 04 05 07 08 09 11 12 13 14 16 17 19 20 21 22 23",
    "DT": "01 02 03 04 06 08",
    "SC": "01 02 03 04 05",
}
KNOWN = {f"{group}-{number}" for group, numbers in CASES.items() for number in numbers.split()}

CASE = re.compile(r"\b[A-Z]{2}-\d\d\b")
ROW = re.compile(r"\| (?P<case>[A-Z]{2}-\d\d) \| [^|]+ \| (?P<tests>.+) \|")
TEST = re.compile(r"`([^`:]+)::([^`]+)`")


def main() -> int:
    """Print every statement of the page that is not true."""
    page = PAGE.read_text()
    table, _, not_yet = page.partition(NOT_YET)
    rows = [match for line in table.splitlines() if (match := ROW.fullmatch(line))]
    problems = [*_rows(rows), *_completeness({row["case"] for row in rows}, set(CASE.findall(not_yet)))]
    for problem in problems:
        print(f"docs/security.md: {problem}", file=sys.stderr)
    print(f"Abuse cases: {len(rows)} covered, {len(problems)} untrue statements")
    return 1 if problems else 0


def _rows(rows: list[re.Match[str]]) -> Iterator[str]:
    for row in rows:
        tests = TEST.findall(row["tests"])
        if not tests:
            yield f"{row['case']} names no test"
        for path, name in tests:
            if problem := _problem(row["case"], ROOT / path, name):
                yield f"{row['case']}: {path}::{name} {problem}"


def _completeness(covered: set[str], waiting: set[str]) -> Iterator[str]:
    for case in sorted(KNOWN - covered - waiting):
        yield f"{case} stands neither in the table nor in the list"
    for case in sorted((covered | waiting) - KNOWN):
        yield f"{case} is no abuse case"


def _problem(case: str, path: Path, name: str) -> str | None:
    if not path.is_file():
        return "does not exist"
    named = _python_tests(path).get(name) if path.suffix == ".py" else _titled(path, name)
    if named is None:
        return "does not exist"
    return None if case in named else "does not name the case"


@cache
def _python_tests(path: Path) -> dict[str, set[str]]:
    """Return the cases that each test of a file names, those of its module included."""
    module = ast.parse(path.read_text())
    shared = _cases_of(module)
    return {
        node.name: shared | _cases_of(node)
        for node in ast.walk(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_")
    }


def _cases_of(node: ast.Module | ast.FunctionDef | ast.AsyncFunctionDef) -> set[str]:
    return set(CASE.findall(ast.get_docstring(node) or ""))


def _titled(path: Path, title: str) -> set[str] | None:
    """Return the cases on the line of a title, or None where there is none."""
    line = next((line for line in path.read_text().splitlines() if title in line), None)
    return None if line is None else set(CASE.findall(line))


if __name__ == "__main__":
    sys.exit(main())
