"""The failure table's row "MariaDB" (design §5): the record is away; who is signed in stays, and can sign out."""

from __future__ import annotations

from typing import Any

import pytest
from paseport_testkit.harness.accounts import Account
from paseport_testkit.harness.stack import Stack
from people import (
    GRACE_SECONDS,
    RECOVERY_SECONDS,
    REVOKED_SECONDS,
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


class OnRecord:
    """What the record says, read from its tables."""

    def __init__(self, stack: Stack) -> None:
        self._stack = stack

    def acts_on(self, person: Person) -> list[str]:
        """Return the actions of the audit log whose target is this person, in order."""
        rows = self._stack.mariadb.execute("SELECT action, target FROM paseport.audit_events ORDER BY id")
        return [action for action, target in rows if target == person.user_id]

    def unless_audited(self, person: Person, action: str) -> str | None:
        """None where the audit log has this action once."""
        acts = self.acts_on(person)
        return None if acts.count(action) == 1 else f"{action} is {acts.count(action)} times in {acts}"

    def revocations(self) -> set[tuple[Any, ...]]:
        """Return kind and subject of each revocation on record."""
        return {tuple(row) for row in self._stack.mariadb.execute("SELECT kind, subject FROM paseport.revocations")}


@pytest.fixture
def record(stack: Stack) -> OnRecord:
    return OnRecord(stack)


def test_mariadb_down_verifying_works(stack: Stack, people: People) -> None:
    """P7. Also for a caller whom this api has never seen."""
    person, other = people.newcomer(), people.newcomer()
    assert unless_let_in(person.ask_api()) is None

    stack.mariadb.kill()

    keeps_for(2, lambda: unless_let_in(person.ask_api()))
    assert unless_let_in(other.ask_api()) is None
    assert person.open_dashboard().status_code == 200
    assert other.by(people.edge).open_dashboard().status_code == 200


def test_mariadb_down_refresh_works(stack: Stack, people: People) -> None:
    person = people.newcomer()

    stack.mariadb.kill()

    for generation in ("1", "2", "3"):
        assert person.refresh().status_code == 200
        assert generation_of(person.refresh_token) == generation
    assert unless_let_in(person.ask_api()) is None


def test_mariadb_silent_refresh_works_and_does_not_wait_for_it(stack: Stack, people: People) -> None:
    """A half-open connection to the database holds up nobody who does not need it."""
    person = people.newcomer()

    stack.links["mariadb"].silence()

    answer = person.refresh()
    assert answer.status_code == 200
    assert answer.elapsed.total_seconds() < 2


@pytest.mark.parametrize(("everywhere", "action"), [(False, "session.ended"), (True, "user.signed_out_everywhere")])
def test_mariadb_down_logout_is_in_force_at_once_and_recorded_afterwards(
    stack: Stack, people: People, record: OnRecord, everywhere: bool, action: str
) -> None:
    person = people.newcomer()
    kept = person.refresh_token
    assert unless_let_in(person.ask_api()) is None
    before = record.revocations()

    stack.mariadb.kill()

    assert person.sign_out(everywhere=everywhere).status_code == 204
    assert not person.is_signed_in
    holds_within(REVOKED_SECONDS, lambda: unless_refused(person.ask_api()))
    assert person.refresh(kept).status_code == 400

    stack.mariadb.restore()

    holds_within(RECOVERY_SECONDS, lambda: record.unless_audited(person, action))
    kinds = {kind for kind, _ in record.revocations() - before}
    assert kinds == ({"session", "family"} if everywhere else {"session"})


def test_mariadb_down_reuse_kills_the_family_and_its_access_tokens_and_is_recorded_afterwards(
    stack: Stack, people: People, record: OnRecord
) -> None:
    person = people.newcomer()
    stolen = person.refresh_token

    stack.mariadb.kill()

    assert person.refresh().status_code == 200
    # Within the grace it is a lost answer that is asked for again.
    holds_within(GRACE_SECONDS + 1, lambda: unless_status(400, person.refresh(stolen)))
    holds_within(REVOKED_SECONDS, lambda: unless_refused(person.ask_api()))
    assert person.refresh().status_code == 400

    stack.mariadb.restore()

    holds_within(RECOVERY_SECONDS, lambda: record.unless_audited(person, "refresh_token.reused"))


def test_mariadb_down_login_answers_503_and_consumes_nothing(stack: Stack, people: People) -> None:
    person = people.newcomer()
    browser = Person(people.way, person.account)

    stack.mariadb.kill()

    for _ in range(3):
        assert unless_unavailable(browser.sign_in()) is None
    assert unless_unavailable(browser.by(people.edge).sign_in()) is None

    stack.mariadb.restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, browser.sign_in()))
    assert browser.open_dashboard().json()["sessions"]["count"] == 2


def test_mariadb_down_a_password_reset_answers_503_and_the_link_works_afterwards(stack: Stack, people: People) -> None:
    person = people.newcomer()
    link = people.admin.make_reset_link(person.user_id).json()["url"]
    chosen = Account(person.account.username, person.account.roles)

    stack.mariadb.kill()

    assert unless_unavailable(person.redeem_reset(link, chosen.password)) is None

    stack.mariadb.restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(204, person.redeem_reset(link, chosen.password)))
    assert Person(people.way, chosen).sign_in().status_code == 200


def test_mariadb_down_admin_writes_answer_503_and_nothing_changed(
    stack: Stack, people: People, record: OnRecord
) -> None:
    """A write that cannot be audited is refused: afterwards nothing of it happened, at the api neither."""
    person = people.newcomer()
    entry = people.admin.read(person.user_id)
    account = stranger()

    stack.mariadb.kill()

    refused = [
        people.admin.create(account),
        people.admin.change(entry, roles=["Admin", "User"]),
        people.admin.change(entry, disabled=True),
        people.admin.delete(entry),
        people.admin.make_reset_link(person.user_id),
    ]
    assert [unless_unavailable(answer) for answer in refused] == [None] * len(refused)
    assert person.ask_api().status_code == 403

    stack.mariadb.restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, people.admin.sign_in()))
    assert people.admin.read(person.user_id) == entry
    assert not people.admin.knows(account)
    assert record.acts_on(person) == ["user.created", "session.started"]
    assert person.ask_api().status_code == 403
    assert person.refresh().status_code == 200


def test_mariadb_down_a_changed_role_answers_503_and_comes_into_force_when_it_is_repeated(
    stack: Stack, people: People
) -> None:
    person = people.newcomer()
    entry = people.admin.read(person.user_id)

    stack.mariadb.kill()

    assert unless_unavailable(people.admin.change(entry, roles=["Admin", "User"])) is None
    assert person.ask_api().status_code == 403

    stack.mariadb.restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, people.admin.change(entry, roles=["Admin", "User"])))
    assert person.ask_api().status_code == 200
