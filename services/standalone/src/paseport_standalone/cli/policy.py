"""``paseport policy``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from paseport_standalone.cli.errors import USAGE, CommandFailed, FieldError
from paseport_standalone.cli.issuer_client import connect
from paseport_standalone.cli.options import Issuer, Json
from paseport_standalone.cli.output import Output
from paseport_standalone.cli.policy_views import DecisionView, ExplanationView

_COLUMNS: Final = ("RULE", "LINE", "ACCESS", "HOSTS", "PATHS", "METHODS")

policy = typer.Typer(help="Check a policy file, and ask the rules in force.", no_args_is_help=True)


@policy.command("check")
def check_policy(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The policy file.", show_default=False)],
    *,
    json: Json = False,
) -> None:
    """Say all that is wrong with a policy file, line by line. Nothing has to run.

    Exits with 1 if an api would not start with it.
    """
    # YAML and the engine of regular expressions: no other command needs them.
    from paseport_shared.adapters.policy_file.policy_file import PolicyFile
    from paseport_shared.adapters.policy_file.policy_text import PolicyProblems
    from paseport_shared.adapters.re2.pattern_matcher import Re2PatternMatcher

    output = Output(as_json=json)
    try:
        rules = PolicyFile(file, Re2PatternMatcher()).policy.rules
    except PolicyProblems as problems:
        errors = [FieldError(f"{file}:{line}", "policy", message) for line, message in _parts(str(file), problems)]
        raise CommandFailed("policy_invalid", f"{file} cannot be used.", errors=errors) from problems
    listed: list[dict[str, Any]] = [
        {
            "name": rule.name,
            "line": rule.line,
            "access": rule.access.value,
            "hosts": rule.hosts,
            "paths": tuple(path.text for path in rule.paths),
            "methods": tuple(sorted(rule.methods)),
        }
        for rule in rules
    ]
    output.document({"file": str(file), "rules": listed})
    rows = (
        (r["name"], str(r["line"]), r["access"], *(_all(r[key]) for key in ("hosts", "paths", "methods")))
        for r in listed
    )
    output.table(_COLUMNS, rows, note=f"{file}: {len(rules)} rules, and nothing is wrong with them.")


@policy.command("explain")
def explain_policy(
    *,
    host: Annotated[str | None, typer.Option(help="The host that is asked for.", show_default=False)] = None,
    path: Annotated[str | None, typer.Option(help="Path, with its escapes.", show_default=False)] = None,
    method: Annotated[str, typer.Option(help="In capitals.")] = "GET",
    address: Annotated[str | None, typer.Option(help="The client's address.", show_default=False)] = None,
    user: Annotated[
        str | None, typer.Option(help="Asked by a user: name, e-mail address or id.", show_default=False)
    ] = None,
    token_scope: Annotated[
        list[str] | None,
        typer.Option(help="The user has an access token with this scope, not a session; repeatable."),
    ] = None,
    api_key: Annotated[str | None, typer.Option(help="Asked with an API key: its id.", show_default=False)] = None,
    anonymous: Annotated[bool, typer.Option("--anonymous", help="Asked by nobody: the default.")] = False,
    request_id: Annotated[
        str | None, typer.Option(help="Instead of all that: a request that was denied.", show_default=False)
    ] = None,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Say whether a request would pass and why, or why one was denied, with the rules and roles of this moment."""
    output = Output(as_json=json)
    asked = [option is not None for option in (host, path, address, user, api_key, token_scope)] + [anonymous]
    if request_id is not None:
        if any(asked):
            raise CommandFailed("usage", "--request-id stands alone: the log has the rest.", exit_code=USAGE)
        question: dict[str, object] = {"request_id": request_id}
    elif host is None or path is None:
        raise CommandFailed("usage", "Name --host and --path, or a --request-id.", exit_code=USAGE)
    else:
        asker = _asker(user, api_key, token_scope, anonymous=anonymous)
        question = {"request": {"host": host, "path": path, "method": method, "address": address}, "asker": asker}
    with connect(at) as issuer:
        found = issuer.explain_policy(question)
    output.document(found)
    output.table(("", "VALUE"), _facts(found))


def _asker(user: str | None, api_key: str | None, scopes: list[str] | None, *, anonymous: bool) -> dict[str, object]:
    if (user is not None) + (api_key is not None) + anonymous > 1:
        raise CommandFailed("usage", "Name one of --user, --api-key and --anonymous.", exit_code=USAGE)
    if scopes is not None and user is None:
        raise CommandFailed("usage", "--token-scope is about the token of a --user.", exit_code=USAGE)
    if user is not None:
        return {"user": user} | ({} if scopes is None else {"credential": "access_token", "scopes": scopes})
    return {"anonymous": True} if api_key is None else {"api_key": api_key}


def _facts(found: ExplanationView) -> Iterator[tuple[str, str]]:
    asker, request = found.asker, found.request
    yield "request", f"{request.method} {request.host} {request.path}"
    yield "client address", request.address or "unknown"
    yield "asked by", asker.username or asker.subject or "nobody who is known"
    if asker.subject:
        yield "with", asker.kind.replace("_", " ") + (f" {asker.key_id}" if asker.key_id else "")
        yield "roles", ", ".join(asker.roles) or "none"
        yield "scopes", " ".join(asker.scopes) or "none"
    if asker.key_refusal:
        yield "the key refuses it", asker.key_refusal
    yield "decision", _said(found.allowed, found.reason, found.reason_text)
    if found.rule is not None:
        yield "rule", found.rule.name + (f", line {found.rule.line}" if found.rule.line else ", which is gone")
    if found.remedy:
        yield "it would pass with", found.remedy
    if found.recorded_at is not None:
        yield "decided at", found.recorded_at
        yield "the same now", "cannot be said" if found.now is None else _now(found.now)


def _now(decision: DecisionView) -> str:
    return _said(decision.allowed, decision.reason, decision.reason_text)


def _said(allowed: bool, reason: str, text: str) -> str:
    return f"{'allowed' if allowed else 'denied'} ({reason}): {text}"


def _all(values: tuple[str, ...]) -> str:
    return ", ".join(values) or "all"


def _parts(file: str, problems: Exception) -> Iterator[tuple[str, str]]:
    """Yield line and sentence of each problem."""
    for problem in str(problems).splitlines():
        line, _, message = problem.removeprefix(f"{file}:").partition(": ")
        yield line, message
