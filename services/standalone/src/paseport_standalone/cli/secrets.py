"""What commands about clients and about verifiers say of secrets."""

from __future__ import annotations

from typing import Annotated

import typer

from paseport_standalone.cli.issuer_client import RolledSecret, SecretView
from paseport_standalone.cli.output import Output

PreviousExpiresIn = Annotated[
    int, typer.Option(min=0, help="Seconds that the secret in use goes on; 0: it ends now, as after a leak.")
]
A_DAY = 86_400


def tell_secret(output: Output, secret: str) -> None:
    """Print a secret for whoever is to keep it."""
    output.say("The secret, shown this once:")
    output.say(secret)


def tell_rolled(output: Output, rolled: RolledSecret) -> None:
    """Print a new secret, and until when others go on."""
    output.document(rolled)
    tell_secret(output, rolled.client_secret)
    for held in rolled.secrets:
        if held.expires_at is not None:
            output.say(f"Secret {held.id} ends {held.expires_at}.")


def states_of(secrets: tuple[SecretView, ...]) -> dict[str, str]:
    """Return what there is to say of each secret."""
    return {f"secret {held.id}": "live" if held.expires_at is None else f"ends {held.expires_at}" for held in secrets}
