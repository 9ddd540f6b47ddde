"""``paseport api-keys import``: the keys of another system go on to work, with Paseport behind them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Final

import msgspec
import typer
from paseport.secret import Secret
from paseport_shared.domain.errors import Unavailable
from paseport_shared.domain.models.host_pattern import is_host_pattern

from paseport_standalone.cli.client_secret import read_secret
from paseport_standalone.cli.errors import FAILED, USAGE, CommandFailed
from paseport_standalone.cli.foreign_keys import PREFIXES, CannotImport, FoundKey, System, Wishes, read_foreign_key
from paseport_standalone.cli.issuer_client import UserView, connect
from paseport_standalone.cli.options import Issuer, Json
from paseport_standalone.cli.output import Output

_COLUMNS: Final = ("KEY", "NAME", "OWNER", "HOSTS", "EXPIRES", "OUTCOME")
_BATCH: Final = 250
"""Fewer than the issuer takes at a time: it is asked for an answer within seconds."""
_BATCH_BYTES: Final = 128 * 1024
_SHOWN_DIGITS: Final = 12
_LEFT_OUT: Final = "left out"


@dataclass(frozen=True, slots=True)
class _Row:
    """One record: what is made of it, or why it is left out. A digest is never shown whole."""

    digest: str
    key: FoundKey | None = None
    owner: UserView | None = None
    outcome: str = _LEFT_OUT
    reason: str = ""

    def document(self) -> dict[str, object]:
        """Return it for programs."""
        body = self.key.body if self.key else {}
        return {
            "key": self.digest[:_SHOWN_DIGITS],
            "name": body.get("name"),
            "owner": self.owner.username if self.owner else None,
            "subject": self.key.subject if self.key else None,
            "hosts": body.get("hosts"),
            "rate_limit": body.get("rate_limit"),
            "expires_at": body.get("expires_at"),
            "outcome": self.outcome.replace(" ", "_"),
            "reason": self.reason or None,
        }

    def cells(self) -> tuple[str, ...]:
        """Return it for people."""
        body = self.key.body if self.key else {}
        where = ", ".join(body.get("hosts", ())) or "everywhere"
        return (
            self.digest[:_SHOWN_DIGITS],
            str(body.get("name", "")),
            self.owner.username if self.owner else "",
            where if self.key else "",
            str(body.get("expires_at") or "never")[:19] if self.key else "",
            f"{self.outcome}: {self.reason}" if self.reason else self.outcome,
        )


def import_api_keys(
    *,
    redis: Annotated[
        str, typer.Option(metavar="URL", help="Where the other system keeps its keys.", show_default=False)
    ],
    owner: Annotated[
        str | None,
        typer.Option(metavar="USER", help="Whose the keys become: a name, an e-mail address or an id."),
    ] = None,
    subject: Annotated[
        list[str] | None,
        typer.Option(metavar="SUBJECT=USER", help="Whose keys of this subject become; repeatable."),
    ] = None,
    system: Annotated[System, typer.Option("--from", help="Which system it is.")] = "fastapi",
    prefix: Annotated[str | None, typer.Option(help="What the names of its records begin with.")] = None,
    redis_password_file: Annotated[
        str | None, typer.Option(metavar="PATH", help="A file with the password; - is standard input.")
    ] = None,
    host: Annotated[
        list[str] | None, typer.Option(help="Where keys work whose records name no host; repeatable.")
    ] = None,
    any_host: Annotated[
        bool, typer.Option("--any-host", help="Take keys that work on every host, and leave them so.")
    ] = False,
    role: Annotated[list[str] | None, typer.Option(help="What the keys are worth, if their owner is.")] = None,
    scope: Annotated[list[str] | None, typer.Option(help="The same of scopes; repeatable.")] = None,
    rate_window: Annotated[
        int, typer.Option(min=1, max=86_400, help="Seconds over which a limit counts that does not say.")
    ] = 60,
    apply: Annotated[bool, typer.Option("--apply", help="Do it. Without it you see what would be done.")] = False,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Take over the API keys of another system, so that whoever has one goes on using it.

    It reads and changes nothing there. Repeating it changes nothing: a key that was imported before stays as it is, and
    one that was revoked since stays revoked. The api needs that system's pepper or salt; see docs/moving-in.md.
    """
    output = Output(as_json=json)
    wishes = _wishes(host, any_host=any_host, role=role, scope=scope, rate_window=rate_window)
    password = None if redis_password_file is None else Secret(read_secret(redis_password_file))
    owners = _owners(owner, subject, at)
    rows = _read(redis, PREFIXES[system] if prefix is None else prefix, password, wishes, owners)
    rows = _send(rows, at, dry_run=not apply)
    counts = Counter(row.outcome for row in rows)
    output.document(
        {
            "dry_run": not apply,
            "items": [row.document() for row in rows],
            "counts": {outcome.replace(" ", "_"): number for outcome, number in sorted(counts.items())},
            "unread_fields": _unread(rows),
        }
    )
    output.table(_COLUMNS, (row.cells() for row in rows), note=_note(counts, _unread(rows), is_done=apply))
    if apply and counts[_LEFT_OUT]:
        raise typer.Exit(FAILED)


def _wishes(
    host: list[str] | None, *, any_host: bool, role: list[str] | None, scope: list[str] | None, rate_window: int
) -> Wishes:
    hosts = tuple(named.lower() for named in host or ())
    if not all(is_host_pattern(named) for named in hosts):
        raise CommandFailed("usage", "--host takes names such as app.example.com or *.example.com.", exit_code=USAGE)
    return Wishes(
        hosts=hosts,
        any_host=any_host,
        roles=tuple(role or ()),
        scopes=tuple(scope or ()),
        window=timedelta(seconds=rate_window),
    )


@dataclass(frozen=True, slots=True)
class _Owners:
    """Whose keys become: by the subject that the record names, else one user."""

    otherwise: UserView | None
    by_subject: Mapping[str, UserView]

    def of(self, key: FoundKey) -> UserView:
        """Return the user. Raises ``CannotImport``."""
        found = self.by_subject.get(key.subject or "") or self.otherwise
        if found is None:
            raise CannotImport("Nobody is named whose it becomes: --subject SUBJECT=USER, or --owner USER.")
        return found


def _owners(owner: str | None, subjects: list[str] | None, at: str | None) -> _Owners:
    """Return who is named, once each of them is known to be there."""
    pairs = [named.rpartition("=") for named in subjects or ()]
    if not all(subject and user for subject, _, user in pairs):
        raise CommandFailed("usage", "--subject takes SUBJECT=USER.", exit_code=USAGE)
    if owner is None and not pairs:
        raise CommandFailed("usage", "Say whose the keys become: --owner USER.", exit_code=USAGE)
    with connect(at) as issuer:
        otherwise = None if owner is None else issuer.find_user(owner)
        return _Owners(otherwise, {subject: issuer.find_user(user) for subject, _, user in pairs})


def _read(url: str, prefix: str, password: Secret[str] | None, wishes: Wishes, owners: _Owners) -> list[_Row]:
    # Loaded by whoever imports: no other command speaks to Redis, and each would wait for it.
    from paseport_shared.adapters.redis.foreign_records import read_foreign_records

    now = datetime.now(UTC)
    rows = []
    try:
        for record in read_foreign_records(url, prefix, password):
            key = None
            try:
                key = read_foreign_key(record, wishes, now)
                rows.append(_Row(record.name, key, owners.of(key)))
            except CannotImport as problem:
                rows.append(_Row(record.name, key, reason=str(problem)))
    except ValueError as error:
        message = "--redis takes an address such as redis://localhost:6379/0."
        raise CommandFailed("usage", message, exit_code=USAGE) from error
    except Unavailable as error:
        raise CommandFailed("redis_unavailable", f"{error.reason[:1].upper()}{error.reason[1:]}.") from error
    return sorted(rows, key=lambda row: row.digest)


def _send(rows: Sequence[_Row], at: str | None, *, dry_run: bool) -> list[_Row]:
    """Bring what can be imported to the issuer, in parts, and return the rows with what became of them."""
    outcomes: dict[str, str] = {}
    owners = {row.owner.id: row.owner for row in rows if row.owner is not None}
    for owner_id in owners:
        theirs = [row.key.body for row in rows if row.key and row.owner and row.owner.id == owner_id]
        for bodies in _parts(theirs):
            # Each with an access token of its own: that of the built-in account is good for a minute.
            with connect(at) as issuer:
                for imported in issuer.import_api_keys(owner_id, bodies, dry_run=dry_run):
                    outcomes[imported.digest] = imported.outcome
    return [_Row(row.digest, row.key, row.owner, outcomes.get(row.digest, _LEFT_OUT), row.reason) for row in rows]


def _parts(bodies: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    """Yield the keys in parts that the issuer takes, by number and by size."""
    part: list[dict[str, Any]] = []
    size = 0
    for body in bodies:
        length = len(msgspec.json.encode(body))
        if part and (len(part) == _BATCH or size + length > _BATCH_BYTES):
            yield part
            part, size = [], 0
        part.append(body)
        size += length
    if part:
        yield part


def _unread(rows: Sequence[_Row]) -> list[str]:
    return sorted({name for row in rows if row.key is not None for name in row.key.unread})


def _note(counts: Counter[str], unread: Sequence[str], *, is_done: bool) -> str:
    said = ", ".join(f"{number} {outcome}" for outcome, number in sorted(counts.items())) or "nothing found"
    note = f"{said}." if is_done else f"{said}. Nothing was changed: repeat with --apply."
    return f"{note} Fields that mean nothing here: {', '.join(unread)}." if unread else note
