"""What holds once Redis is back: with everything, with less than it had, or with nothing."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from paseport_testkit.harness.redis import RedisNode
from paseport_testkit.harness.stack import Stack
from people import (
    RECOVERY_SECONDS,
    REVOKED_SECONDS,
    ROLES_SECONDS,
    People,
    Person,
    generation_of,
    holds_within,
    keeps_for,
    unless_let_in,
    unless_refused,
    unless_status,
    unless_unavailable,
)

FAILOVER_SECONDS: Final = 8.0
"""How long refreshing may be away when the primary has died (P6)."""


def unless_kept_out(person: Person) -> str | None:
    """None while the api does not let somebody in: it refuses, or it cannot say."""
    answer = person.ask_api()
    return None if unless_refused(answer) is None else unless_unavailable(answer)


def unless_on_record(stack: Stack, person: Person) -> str | None:
    """None once the sign-out of a person is on record."""
    rows = stack.mariadb.execute("SELECT action, target FROM paseport.audit_events")
    return None if ("session.ended", person.user_id) in {tuple(row) for row in rows} else "it is not on record"


# --- with everything ------------------------------------------------------------------------------------------------


def test_redis_back_with_everything_nobody_is_signed_out(stack: Stack, people: People) -> None:
    """P6. All nodes died at once; what they acknowledged is on their disks."""
    person, gone = people.newcomer(), people.newcomer()
    assert person.refresh().status_code == 200
    assert gone.sign_out().status_code == 204

    for node in stack.redis.nodes:
        node.kill()
    stack.redis.restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, person.refresh()))
    assert generation_of(person.refresh_token) == "2"
    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, person.open_dashboard()))
    assert unless_refused(gone.ask_api()) is None


def test_redis_back_a_role_changed_meanwhile_comes_into_force_by_itself(stack: Stack, people: People) -> None:
    """Decision 0014. The directory still has the old role; nobody repeats the change."""
    person = people.newcomer("Admin", "User")
    entry = people.admin.read(person.user_id)

    for node in stack.redis.nodes:
        node.kill()
    assert unless_unavailable(people.admin.change(entry, roles=["User"]), "recorded_not_in_force") is None
    stack.redis.restore()

    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, person.open_dashboard()))
    holds_within(RECOVERY_SECONDS, lambda: unless_status(403, person.ask_api()))
    keeps_for(2, lambda: unless_status(403, person.ask_api()))


# --- with less than it had ------------------------------------------------------------------------------------------


def test_redis_primary_killed_right_after_a_sign_out_the_token_is_refused_by_an_api_started_afterwards(
    stack: Stack, people: People
) -> None:
    """FT-04. Nothing of what it says depends on what another api has heard."""
    person, other = people.newcomer(), people.newcomer()
    assert person.sign_out().status_code == 204
    primary = stack.redis.primary()

    primary.kill()
    stack.start_api(0, until="live")

    holds_within(0, lambda: unless_kept_out(person))
    holds_within(FAILOVER_SECONDS, lambda: unless_kept_out(person) or unless_let_in(other.ask_api()))
    stack.redis.wait_for_new_primary(primary)
    holds_within(FAILOVER_SECONDS, lambda: unless_kept_out(person) or unless_status(200, other.refresh()))
    keeps_for(2, lambda: unless_refused(person.ask_api()))


def saved_data(node: RedisNode, folder: Path) -> Path:
    """Copy what a node has written to its disk so far, as a backup would."""
    return Path(shutil.copytree(data_of(node), folder / "saved"))


def data_of(node: RedisNode) -> Path:
    """Return the folder of a running node's append-only file."""
    with node.admin() as redis:
        configured = redis.config_get("dir", "appenddirname")
    return Path(str(configured["dir"])) / str(configured["appenddirname"])


def test_redis_restored_from_an_older_state_brings_no_revoked_token_back(
    stack: Stack, people: People, tmp_path: Path
) -> None:
    """DT-03, FT-04. The sessions of then live again there; what was revoked since is in force from the record."""
    person, other = people.newcomer(), people.newcomer()
    saved = saved_data(stack.redis.primary(), tmp_path)
    held = dict(person.cookies)
    assert person.sign_out().status_code == 204
    holds_within(REVOKED_SECONDS, lambda: unless_refused(person.ask_api()))
    holds_within(RECOVERY_SECONDS, lambda: unless_on_record(stack, person))

    folders = [data_of(node) for node in stack.redis.nodes]
    for node in stack.redis.nodes:
        node.kill()
    for folder in folders:
        shutil.rmtree(folder)
        shutil.copytree(saved, folder)
    stack.redis.restore()

    with stack.redis.primary().admin() as redis:
        assert redis.exists(f"session:by_uid:{person.user_id}"), "it is the older state"
    # The api that was there all the time, then one that knows only what the feed says now.
    keeps_for(2, lambda: unless_kept_out(person))
    holds_within(RECOVERY_SECONDS, lambda: unless_let_in(other.ask_api()))
    stack.start_api(0, until="live")
    holds_within(RECOVERY_SECONDS, lambda: unless_kept_out(person) or unless_let_in(other.ask_api()))
    keeps_for(2, lambda: unless_refused(person.ask_api()))

    # What the old refresh token may give now belongs to the same session, and is refused just so.
    person.cookies = held
    person.refresh()
    assert unless_refused(person.ask_api()) is None


# --- with nothing ---------------------------------------------------------------------------------------------------


def test_redis_emptied_users_sign_in_again_roles_reload_and_what_was_revoked_stays_refused(
    stack: Stack, people: People
) -> None:
    """DT-04."""
    person, gone, newly_made = people.newcomer("Admin", "User"), people.newcomer(), people.newcomer()
    assert gone.sign_out().status_code == 204
    holds_within(REVOKED_SECONDS, lambda: unless_refused(gone.ask_api()))
    holds_within(RECOVERY_SECONDS, lambda: unless_on_record(stack, gone))

    with stack.redis.primary().admin() as redis:
        redis.flushall()

    keeps_for(1, lambda: unless_kept_out(gone))
    # Sessions are gone, the tokens of before live out their five minutes with the roles that the record has.
    assert person.refresh().status_code == 400
    holds_within(RECOVERY_SECONDS, lambda: unless_kept_out(gone) or unless_status(200, person.ask_api()))
    assert person.sign_in().status_code == 200
    assert person.ask_api().status_code == 200
    assert person.open_dashboard().json()["sessions"]["count"] == 1
    assert person.refresh().status_code == 200

    # Roles are live again, for everybody.
    holds_within(RECOVERY_SECONDS, lambda: unless_status(200, people.admin.sign_in()))
    assert people.admin.change(people.admin.read(newly_made.user_id), roles=["Admin"]).status_code == 200
    holds_within(ROLES_SECONDS, lambda: unless_status(200, newly_made.ask_api()))

    # Whoever knows only what the feed says now refuses too.
    stack.start_api(0, until="live")
    holds_within(RECOVERY_SECONDS, lambda: unless_kept_out(gone) or unless_let_in(person.ask_api()))
    assert unless_refused(gone.ask_api()) is None
