"""The failure table's row "Vault" (design §5): nothing can be signed; what needs no signature goes on."""

from __future__ import annotations

from typing import Final

import pytest
from paseport_testkit.harness.stack import Stack
from people import (
    GRACE_SECONDS,
    RECOVERY_SECONDS,
    REVOKED_SECONDS,
    ROLES_SECONDS,
    People,
    Person,
    generation_of,
    holds_within,
    keeps_for,
    stranger,
    unless_let_in,
    unless_refused,
    unless_status,
    unless_unavailable,
)

TRIES_OF_AN_APP: Final = 12
"""More than an account may be guessed at in 15 minutes."""


def test_vault_down_verifying_works(stack: Stack, people: People) -> None:
    """P7."""
    person = people.newcomer()

    stack.vault.kill()

    keeps_for(2, lambda: unless_let_in(person.ask_api()))
    assert person.open_dashboard().status_code == 200
    assert person.by(people.edge).open_dashboard().status_code == 200


def test_vault_down_refresh_answers_503_and_consumes_nothing(stack: Stack, people: People) -> None:
    """P7. The same token works afterwards, and its successor is the next generation: no spare one was made."""
    person = people.newcomer()
    held = person.refresh_token

    stack.vault.kill()

    for _ in range(3):
        assert unless_unavailable(person.refresh()) is None
    assert unless_unavailable(person.by(people.edge).refresh()) is None
    assert person.refresh_token == held

    stack.vault.restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, person.refresh()))
    assert (generation_of(held), generation_of(person.refresh_token)) == ("0", "1")
    assert unless_let_in(person.ask_api()) is None


def test_vault_sealed_refresh_answers_503_and_consumes_nothing(stack: Stack, people: People) -> None:
    person = people.newcomer()
    held = person.refresh_token

    stack.vault.seal()

    assert unless_unavailable(person.refresh()) is None
    assert person.refresh_token == held

    stack.vault.unseal()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, person.refresh()))
    assert (generation_of(held), generation_of(person.refresh_token)) == ("0", "1")


@pytest.mark.parametrize("everywhere", [False, True])
def test_vault_down_logout_works(stack: Stack, people: People, everywhere: bool) -> None:
    person = people.newcomer()
    kept = person.refresh_token
    assert unless_let_in(person.ask_api()) is None

    stack.vault.kill()

    assert person.sign_out(everywhere=everywhere).status_code == 204
    assert not person.is_signed_in
    holds_within(REVOKED_SECONDS, lambda: unless_refused(person.ask_api()))
    assert person.refresh(kept).status_code == 400


def test_vault_down_reuse_kills_the_family_and_its_access_tokens(stack: Stack, people: People) -> None:
    person = people.newcomer()
    stolen = person.refresh_token
    assert person.refresh().status_code == 200

    stack.vault.kill()

    # Within the grace it is a lost answer that is asked for again, and needs a signature.
    holds_within(GRACE_SECONDS + 1, lambda: unless_status(400, person.refresh(stolen)))
    holds_within(REVOKED_SECONDS, lambda: unless_refused(person.ask_api()))
    assert person.refresh().status_code == 400


def test_vault_down_login_answers_503_and_consumes_nothing(stack: Stack, people: People) -> None:
    """P7. An app that tries again and again has not used up the tries of its user when Vault is back."""
    person = people.newcomer()
    browser = Person(people.way, person.account)

    stack.vault.kill()

    for _ in range(TRIES_OF_AN_APP):
        assert unless_unavailable(browser.sign_in()) is None
    assert not browser.is_signed_in

    stack.vault.restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, browser.sign_in()))
    assert browser.open_dashboard().json()["sessions"]["count"] == 2


def test_vault_down_a_wrong_password_is_no_outage(stack: Stack, people: People) -> None:
    """Whether the password was right is decided before anything is signed; guessing gains no tries by an outage."""
    person = people.newcomer()
    guesser = Person(people.way, stranger())

    stack.vault.kill()

    assert guesser.sign_in().status_code == 401
    assert unless_unavailable(Person(people.way, person.account).sign_in()) is None


def test_vault_down_admin_writes_work(stack: Stack, people: People) -> None:
    account = stranger()

    stack.vault.kill()

    created = people.admin.create(account)
    assert created.status_code == 201
    user_id = created.json()["id"]
    assert people.admin.change(people.admin.read(user_id), roles=["User", "Auditor"]).status_code == 200
    link = people.admin.make_reset_link(user_id)
    assert link.status_code == 201
    assert Person(people.way, account).redeem_reset(link.json()["url"], stranger().password).status_code == 204
    assert people.admin.delete(people.admin.read(user_id)).status_code == 204
    assert not people.admin.knows(account)


def test_vault_down_a_changed_role_is_in_force(stack: Stack, people: People) -> None:
    """P3."""
    person = people.newcomer()
    assert person.ask_api().status_code == 403

    stack.vault.kill()

    assert people.admin.change(people.admin.read(person.user_id), roles=["Admin", "User"]).status_code == 200
    holds_within(ROLES_SECONDS, lambda: unless_status(200, person.ask_api()))
    assert people.admin.change(people.admin.read(person.user_id), roles=["User"]).status_code == 200
    holds_within(ROLES_SECONDS, lambda: unless_status(403, person.ask_api()))


def test_vault_down_disabling_a_user_ends_their_access(stack: Stack, people: People) -> None:
    person = people.newcomer()
    assert unless_let_in(person.ask_api()) is None

    stack.vault.kill()

    assert people.admin.change(people.admin.read(person.user_id), disabled=True).status_code == 200
    holds_within(REVOKED_SECONDS, lambda: unless_refused(person.ask_api()))
    assert person.refresh().status_code == 400
