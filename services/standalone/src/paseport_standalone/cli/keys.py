"""``paseport keys``."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import typer

from paseport_standalone.cli.errors import USAGE, CommandFailed
from paseport_standalone.cli.issuer_client import KeyVersionView, connect
from paseport_standalone.cli.key_rotation import KeyRotation
from paseport_standalone.cli.options import Issuer, Json
from paseport_standalone.cli.output import Output

_COLUMNS: Final = ("KEY", "VERSION", "STATUS", "SINCE", "NEXT", "FROM", "KEY ID (kid)")

KeyKind = Literal["access", "id"]
Kind = Annotated[KeyKind, typer.Option("--key", help="access: signs access tokens; id: signs ID tokens.")]
Version = Annotated[int, typer.Argument(min=1, help="Its number, as `list` shows it.", show_default=False)]

keys = typer.Typer(help="Rotate the keys that sign tokens, on the running issuer.", no_args_is_help=True)


@keys.command("list")
def list_keys(*, at: Issuer = None, json: Json = False) -> None:
    """List every version of both keys, oldest first, with the step that it may take and from when."""
    output = Output(as_json=json)
    with connect(at) as issuer:
        versions = issuer.key_versions()
    output.document({"keys": versions})
    output.table(_COLUMNS, (_row(version) for version in versions))


@keys.command("rotate")
def rotate(
    *,
    key: Kind = "access",
    wait: Annotated[bool, typer.Option("--wait", help="Wait, and retire the version before too.")] = False,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Publish a new version, wait until every verifier knows it, let it sign. Nobody notices.

    Interrupted and begun again it goes on with the version that it has; with --wait a rotation that left a version
    retiring is finished first.
    """
    output = Output(as_json=json)
    output.document({"keys": KeyRotation(output, key, at).run(and_retire=wait)})


@keys.command("publish")
def publish(
    *,
    key: Kind = "access",
    existing: Annotated[bool, typer.Option("--existing", help="Make none: take the newest that there is.")] = False,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Publish a version that does not sign yet, so that verifiers learn it.

    One that waits is at hand when the one that signs has to be revoked.
    """
    output = Output(as_json=json)
    with connect(at) as issuer:
        published = issuer.publish_key(key, create=not existing)
    output.document(published)
    if published.status == "published":
        output.say(f"Version {published.version} is published and may sign from {published.possible_from} on.")
    else:
        output.say(f"There is nothing to publish: version {published.version}, the newest, is {published.status}.")


@keys.command("activate")
def activate(version: Version, *, key: Kind = "access", at: Issuer = None, json: Json = False) -> None:
    """Let a published version sign; the one before retires."""
    output = Output(as_json=json)
    with connect(at) as issuer:
        activated = issuer.step_key(key, version, "activate")
    output.document(activated)
    output.say(f"Version {activated.version} signs.")


@keys.command("retire")
def retire(version: Version, *, key: Kind = "access", at: Issuer = None, json: Json = False) -> None:
    """Take a version out of use whose tokens have all expired."""
    output = Output(as_json=json)
    with connect(at) as issuer:
        retired = issuer.step_key(key, version, "retire")
    output.document(retired)
    output.say(f"Version {retired.version} is retired.")


@keys.command("revoke")
def revoke(
    version: Version,
    *,
    key: Kind = "access",
    replace: Annotated[bool, typer.Option("--replace", help="Make a version that signs in its place.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do it: there is no way back.")] = False,
    at: Issuer = None,
    json: Json = False,
) -> None:
    """Refuse everything that a version has signed, everywhere and at once: somebody else may have its private key."""
    output = Output(as_json=json)
    with connect(at) as issuer:
        if not yes:
            raise _unsure(issuer.key_versions(), key, version, will_replace=replace)
        done = issuer.revoke_key(key, version, replace=replace)
    output.document(done)
    output.say(f"Version {version} is revoked: what it has signed is refused.")
    if done.signs is not None:
        output.say(f"Version {done.signs.version} signs, within seconds if it is a new one.")
    else:
        output.say("Nothing is signed until there is a newer version: make one where the keys are.", style="bold red")


def _unsure(versions: tuple[KeyVersionView, ...], key: str, version: int, *, will_replace: bool) -> CommandFailed:
    """Return what to say to somebody who did not say --yes."""
    of_key = {held.version: held for held in versions if held.key == key}
    consequence = "Everything that this version has signed would be refused"
    if version in of_key and of_key[version].status == "active":
        spare = any(held.status == "published" for held in of_key.values())
        consequence += "; it is the one that signs now"
        if not spare and not will_replace:
            consequence += ", and nothing would be signed until another one is activated. Add --replace to make one"
    return CommandFailed("usage", f"{consequence}. Repeat with --yes.", exit_code=USAGE)


def _row(version: KeyVersionView) -> tuple[str, ...]:
    return (
        version.key,
        str(version.version),
        version.status,
        version.since,
        version.next_step or "",
        version.possible_from or "",
        version.kid,
    )
