"""What an installation writes down: no secret, whatever is sent to it and whatever fails; and what people on call need.

The services' own tests send every secret to every route in every place. Here it is the real processes with everything
that they were started with, the edge, and the logs of all that runs beside them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import chain
from typing import Any, Final

import httpx
import pytest
from paseport_testkit.harness.stack import Stack
from paseport_testkit.harness.waiting import wait_until
from people import RECOVERY_SECONDS, Administrator, People, Person, Way, holds_within, unless_status

NOBODY: Final = "01890a5d-ac96-774b-bcce-b302099a8057"
INTERNAL_PATHS: Final = (
    ("POST", "/internal/v1/principals"),
    ("GET", "/internal/v1/feed"),
    ("POST", "/internal/v1/cli-token"),
    ("GET", "/metrics"),
    ("GET", "/health/ready"),
)
AT_THE_EDGE: Final = (
    ("GET", "/"),
    ("GET", "/nothing"),
    ("POST", "/auth/v1/login/local"),
    ("GET", "/api/dashboard"),
)
LOOKS_LIKE_A_SECRET: Final = {
    "refresh token": re.compile(r"prt_[0-9A-Za-z]{22}_"),
    "access token": re.compile(r"v4\.public\.[A-Za-z0-9_-]{40}"),
    "Vault token": re.compile(r"hv[sb]\.[A-Za-z0-9_-]{20}"),
    "password hash": re.compile(r"\$2[aby]\$\d\d\$"),
}
NOTICED_SECONDS: Final = 15.0


@pytest.fixture
def people(stack: Stack) -> Iterator[People]:
    with People(stack) as everybody:
        holds_within(RECOVERY_SECONDS, lambda: unless_status(200, everybody.admin.sign_in()))
        yield everybody


# --- secrets ----------------------------------------------------------------------------------------------------------


def secrets_of(stack: Stack, people: People) -> dict[str, str]:
    """Everything that must not be known: what the installation was started with, and what one person holds."""
    described = json.loads(stack.describe().read_text())
    person = people.newcomer()
    link = people.admin.make_reset_link(people.newcomer().user_id).json()["url"]
    return {
        **described["secrets"],
        **{f"password of {name}": account["password"] for name, account in described["accounts"].items()},
        **{f"Redis password of {name}": password for name, password in described["redis"]["users"].items()},
        **{f"Sentinel password of {name}": word for name, word in described["redis"]["sentinel_users"].items()},
        "MariaDB password": stack.mariadb.password,
        "Vault secret id": described["vault"]["PASEPORT_VAULT_SECRET_ID"],
        "Vault root token": described["vault"]["root_token"],
        "password": person.account.password,
        "access token": person.access_token,
        "refresh token": person.refresh_token,
        "session cookie": person.cookies["__Host-paseport-session"],
        "reset token": link.partition("#token=")[2],
    }


def assert_holds_none(text: str, secrets: Mapping[str, str], where: str) -> None:
    for name, secret in secrets.items():
        assert secret not in text, (where, name)
        # Nor the part of a token or a cookie that makes it one: ids may be written down.
        for part in re.split(r"[._]", secret):
            assert len(part) < 40 or part not in text, (where, name)
    for name, pattern in LOOKS_LIKE_A_SECRET.items():
        assert pattern.search(text) is None, (where, name)


def assert_nothing_is_written_down(stack: Stack, secrets: Mapping[str, str]) -> None:
    """Look through the logs of everything that runs, and the metrics."""
    logs = sorted(stack.logs.iterdir())
    assert {"issuer-0.log", "api-0.log"} <= {log.name for log in logs}
    for log in logs:
        assert_holds_none(log.read_text(errors="replace"), secrets, log.name)
    for service in chain(stack.issuers.values(), stack.apis.values()):
        if service.process.is_running:
            page = httpx.get(f"{service.internal_url}/metrics", timeout=20).text
            assert "paseport_http_requests_total" in page
            assert_holds_none(page, secrets, f"metrics of {service.name}")


def routes(way: Way) -> Iterator[tuple[httpx.Client, str, str]]:
    """Every documented method and path of both services."""
    for client, document in ((way.issuer, "/openapi.json"), (way.api, "/api/openapi.json")):
        for path, operations in client.get(document).json()["paths"].items():
            for method in operations.keys() & {"get", "post", "put", "patch", "delete"}:
                yield client, method.upper(), re.sub(r"\{[^}]*\}", NOBODY, path)


def requests_with(secret: str, known_by: str) -> Iterator[dict[str, Any]]:
    """A secret in every place at once, with somebody's credential and as the credential."""
    places = {
        "Cookie": f"__Host-paseport-session={secret}; __Host-paseport-refresh={secret}",
        "If-Match": secret,
        "Referer": f"https://elsewhere.example/?{secret}",
        "User-Agent": secret,
        "X-Api-Key": secret,
        "X-Forwarded-For": secret,
        "X-Request-Id": secret,
    }
    fields = dict.fromkeys(("username", "password", "token", "subject"), secret)
    yield {
        "headers": {**places, "Authorization": f"Bearer {known_by}"},
        "params": {"token": secret, secret: "1"},
        "json": fields,
    }
    yield {"headers": {**places, "Authorization": f"Bearer {secret}"}, "content": f'{{"password":"{secret}'}


def test_no_secret_is_written_down_whatever_route_it_is_sent_to(stack: Stack, people: People) -> None:
    """LG-21, P11, DT-06: past the edge and through it."""
    secrets = secrets_of(stack, people)
    browser = {"X-CSRF": "1", "Origin": stack.origin}
    token = people.admin.access_token

    def send(client: httpx.Client, method: str, path: str, known_by: str) -> None:
        for name, secret in secrets.items():
            for request in requests_with(secret, known_by):
                # A name or a path is not hidden by anybody, and httpx's own clients keep what they are given.
                answer = client.request(method, path, **{**request, "headers": {**browser, **request["headers"]}})
                client.cookies.clear()
                assert answer.status_code < 500 or answer.status_code == 503, (method, path, name, answer.text)
                shown = answer.text + repr(answer.headers.multi_items())
                assert answer.is_success or secret not in shown, (method, path, name)

    for client, method, path in routes(people.way):
        send(client, method, path, token)
    with httpx.Client(base_url=stack.issuers[0].internal_url, timeout=20) as internal:
        for method, path in INTERNAL_PATHS:
            send(internal, method, path, stack.service_secret)
    for method, path in (
        ("GET", "/"),
        ("GET", "/nothing"),
        ("POST", "/auth/v1/login/local"),
        ("GET", "/api/dashboard"),
    ):
        send(people.edge.issuer, method, path, token)

    assert_nothing_is_written_down(stack, secrets)


FAULTS: Final[dict[str, Callable[[Stack], None]]] = {
    "record": lambda stack: stack.links["mariadb"].cut(),
    "vault": lambda stack: stack.links["vault"].cut(),
    "issuer": lambda stack: stack.issuers[0].kill(),
}


@pytest.mark.parametrize("down", FAULTS)
def test_no_secret_is_written_down_while_a_part_is_away(stack: Stack, people: People, down: str) -> None:
    """LG-21, FT-11: drivers quote what they could not send, and the edge what it could not pass on."""
    secrets = secrets_of(stack, people)
    person = people.newcomer()

    FAULTS[down](stack)

    assert_nothing_shown(use_everything_at(people, person, secrets), secrets)
    assert_nothing_is_written_down(stack, secrets)


def test_no_secret_is_written_down_while_redis_is_away_and_everybody_says_where_they_turn(
    stack: Stack, people: People
) -> None:
    """LG-21, FT-04, FT-08: another feed is followed, and the one that comes back has a new epoch."""
    secrets = secrets_of(stack, people)
    person = people.newcomer()
    issuer, api = Log(stack, "issuer-0"), Log(stack, "api-0")

    for node in stack.redis.nodes:
        node.kill()
    answers = use_everything_at(people, person, secrets)
    issuer.shows("following the next revocation feed", feed="record", before="hot_store")
    api.shows("following the next revocation feed", feed="issuer", before="hot_store")
    down = issuer.shows("part is down", part="redis")
    stack.restore()
    for log in (issuer, api):
        log.shows("following a revocation feed", feed="hot_store")
        line = log.shows("the revocation feed began a new epoch", feed="hot_store")
        assert line["before"] != line["epoch"]
    issuer.shows("part is up again", part="redis")

    assert down["reason"]
    assert_nothing_shown(answers, secrets)
    assert_nothing_is_written_down(stack, secrets)


def assert_nothing_shown(answers: Sequence[httpx.Response | None], secrets: Mapping[str, str]) -> None:
    """Look at refusals: an answer of success is where a token belongs."""
    refused = [answer for answer in answers if answer is not None and not answer.is_success]
    assert refused
    for answer in refused:
        assert_holds_none(answer.text + repr(answer.headers.multi_items()), secrets, "an answer")


def use_everything_at(people: People, person: Person, secrets: Mapping[str, str]) -> list[httpx.Response | None]:
    """Use credentials as they are meant to be used, and send each where none belongs: in an address."""
    misplaced = [
        _answer(partial(people.edge.issuer.get, "/users/v1", params={"search": secret})) for secret in secrets.values()
    ]
    return [*use_everything(people.admin, person), *use_everything(people.admin, person), *misplaced]


def use_everything(admin: Administrator, person: Person) -> list[httpx.Response | None]:
    """Use each credential as it is meant to be used; None for a request that nobody answered."""
    acts: tuple[Callable[[], httpx.Response], ...] = (
        person.open_dashboard,
        person.refresh,
        person.sign_in,
        lambda: admin.make_reset_link(person.user_id),
        lambda: person.redeem_reset(f"https://elsewhere.example/#token={'0' * 43}", person.account.password),
        lambda: admin.change(admin.read(person.user_id), roles=["User"]),
        person.sign_out,
    )
    return [_answer(act) for act in acts]


def _answer(act: Callable[[], httpx.Response]) -> httpx.Response | None:
    try:
        return act()
    except (httpx.TransportError, AssertionError):
        return None


# --- what people on call read -----------------------------------------------------------------------------------------


class Log:
    """What a service writes from now on."""

    def __init__(self, stack: Stack, name: str) -> None:
        self._file = stack.logs / f"{name}.log"
        self._begin = self._file.stat().st_size

    def lines(self, event: str, **fields: object) -> list[dict[str, Any]]:
        """Return the lines of an event that have these fields."""
        with self._file.open("rb") as log:
            log.seek(self._begin)
            lines = [json.loads(line) for line in log if line.startswith(b"{") and line.endswith(b"}\n")]
        return [line for line in lines if line["event"] == event and fields.items() <= line.items()]

    def shows(self, event: str, **fields: object) -> dict[str, Any]:
        """Wait for a line and return it. Raises ``NotInTime``."""
        wait_until(
            f"{self._file.name} has the line {event!r} {fields}",
            lambda: None if self.lines(event, **fields) else "not yet",
            NOTICED_SECONDS,
        )
        return self.lines(event, **fields)[0]


@pytest.mark.parametrize(("part", "link"), [("record", "mariadb"), ("vault", "vault")])
def test_a_part_that_goes_away_and_comes_back_leaves_one_line_each(stack: Stack, part: str, link: str) -> None:
    """Each with its reason, and with the service that says so."""
    log = Log(stack, "issuer-0")

    stack.links[link].cut()
    down = log.shows("part is down", part=part)
    stack.links[link].heal()
    up = log.shows("part is up again", part=part)

    assert down["reason"]
    assert (down["level"], up["level"], down["service"]) == ("error", "warning", "issuer")
    assert len(log.lines("part is down", part=part)) == len(log.lines("part is up again", part=part)) == 1


def test_an_alert_sees_the_part_that_is_down(stack: Stack) -> None:
    log = Log(stack, "issuer-0")
    stack.links["vault"].cut()
    log.shows("part is down", part="vault")

    page = httpx.get(f"{stack.issuers[0].internal_url}/metrics", timeout=20).text

    assert 'paseport_part_up{part="vault"} 0.0' in page
    assert 'paseport_part_up{part="record"} 1.0' in page


def test_getting_a_token_for_vault_is_told_without_the_token(stack: Stack) -> None:
    """FT-11."""
    text = (stack.logs / "issuer-0.log").read_text()

    assert '"event":"logged in to Vault, the token lives ' in text
    assert LOOKS_LIKE_A_SECRET["Vault token"].search(text) is None


def test_one_request_has_one_id_at_the_edge_in_the_api_and_in_the_issuer(stack: Stack, people: People) -> None:
    """The dashboard asks how the issuer is doing, once a second at most."""
    person = people.newcomer().by(people.edge)
    logs = {name: Log(stack, name) for name in (*(api.name for api in stack.apis.values()), "issuer-0")}
    edge = Log(stack, "nginx")

    def missing() -> str | None:
        answer = person.open_dashboard()
        if refused := unless_status(200, answer):
            return refused
        sought = answer.headers["X-Request-Id"]
        found = [name for name, log in logs.items() if log.lines("request", request_id=sought)]
        has_edge = edge.lines("request", request_id=sought)
        return None if "issuer-0" in found and len(found) == 2 and has_edge else f"{sought} is in {found} only"

    holds_within(RECOVERY_SECONDS, missing)
