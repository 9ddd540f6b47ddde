"""What a MariaDB that writes down every statement learns of the secrets that pass through the issuer."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from issuer_world import ADMIN_ACTOR, CALLER, PASSWORD, IssuerWorld
from paseport.secret import Secret
from paseport_issuer.use_cases.change_user import ChangeUserCommand, UserChange
from paseport_issuer.use_cases.delete_user import DeleteUserCommand
from paseport_issuer.use_cases.redeem_password_reset import RedeemResetCommand
from paseport_shared.domain.errors import InvalidCredentials, WeakPassword
from paseport_testkit.harness.mariadb import MariaDb

WRONG = Secret("the canary of a wrong password")
NEW = Secret("the canary of a new password")
FIRST_ADMIN = Secret("the canary of whoever comes first")


async def test_a_server_that_logs_every_statement_learns_names_and_hashes_and_no_secret(
    recorded: IssuerWorld, mariadb: MariaDb
) -> None:
    """DT-06: the driver writes values into the statements, so SHOW PROCESSLIST and the server's logs show them."""
    world = recorded

    with statements_of(mariadb) as logged:
        await world.use.ensure_accounts(email="admin@example.com", password=FIRST_ADMIN, with_cli=True)
        user = await world.add_user("alice")
        signed_in = [await world.sign_in(login) for login in ("alice", "Alice@example.com")]
        for login in ("alice", "nobody"):
            with pytest.raises(InvalidCredentials):
                await world.sign_in(login, WRONG)
        refreshed = await world.refresh(signed_in[0].refresh_token)
        await world.sign_out(refreshed)
        link = (await world.use.issue_password_reset(user.id, ADMIN_ACTOR)).url
        token = Secret(link.reveal().partition("#token=")[2])
        with pytest.raises(WeakPassword):
            await world.use.redeem_password_reset(RedeemResetCommand(token, Secret("password123"), CALLER))
        await world.use.redeem_password_reset(RedeemResetCommand(token, NEW, CALLER))
        signed_in.append(await world.sign_in("alice", NEW))
        cli_token = await world.use.mint_cli_token(CALLER)
        stored = await world.user(user.id)
        assert stored.password_hash is not None
        change = UserChange(frozenset({"roles"}), roles=frozenset({"User", "Auditor"}))
        changed = await world.use.change_user(ChangeUserCommand(user.id, stored.revision, change, ADMIN_ACTOR))
        await world.use.delete_user(DeleteUserCommand(user.id, changed.revision, ADMIN_ACTOR))
        await world.use.load_read_models()
        await world.audited()

    secrets = [PASSWORD, WRONG, NEW, FIRST_ADMIN, token, link, Secret(cli_token.value)]
    for issued in (*signed_in, refreshed):
        secrets += [Secret(issued.access_token.value), issued.refresh_token]
        secrets += [issued.session_cookie] if issued.session_cookie is not None else []
    assert "alice" in logged
    assert stored.password_hash in logged  # what is not clear text does travel: the log is complete
    for secret in secrets:
        assert not any(spelling in logged for spelling in spellings(secret.reveal()))


@contextmanager
def statements_of(mariadb: MariaDb) -> Iterator[Statements]:
    """Everything that clients send to the server inside the block, as it stands in the general log."""
    statements = Statements()
    mariadb.execute("SET GLOBAL log_output = 'TABLE'", "TRUNCATE mysql.general_log", "SET GLOBAL general_log = 1")
    try:
        yield statements
    finally:
        rows = mariadb.execute("SET GLOBAL general_log = 0", "SELECT argument FROM mysql.general_log")
        statements.text = "\n".join(str(argument) for (argument,) in rows)


class Statements:
    """What was logged, once the block is over."""

    text = ""

    def __contains__(self, wanted: str) -> bool:
        return wanted in self.text


def spellings(secret: str) -> list[str]:
    """The secret as it is, and as bytes are commonly written."""
    data = secret.encode()
    return [secret, data.hex(), data.hex().upper(), base64.b64encode(data).decode().rstrip("=")]
