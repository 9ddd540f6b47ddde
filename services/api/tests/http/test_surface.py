"""What anybody can see of the api from outside: its routes, its headers, its documents."""

from __future__ import annotations

from typing import Any

import pytest
from api_world import ApiWorld

PUBLIC = ["/api/health/live", "/api/health/ready", "/api/openapi.json"]
GUARDED = ["/api/dashboard", "/api/principal", "/api/admin/revocations", "/api/admin/decisions"]
ASKED = ["/api/policy/explain"]
"""Guarded too, and asked with POST."""


async def test_every_route_is_guarded_or_known_to_be_public(world: ApiWorld) -> None:
    """A route that somebody adds without a guard fails here."""
    methods = dict.fromkeys(ASKED, "POST")
    answers = {
        path: (await world.http.request(methods.get(path, "GET"), path)).status_code for path in sorted(world.paths())
    }

    assert answers == dict.fromkeys(PUBLIC, 200) | dict.fromkeys([*GUARDED, *ASKED], 401)


@pytest.mark.parametrize("path", ["/api/health/live", "/api/health/ready", *GUARDED, "/api/nothing", "/"])
async def test_no_answer_is_stored_by_anybody_and_each_can_be_traced(world: ApiWorld, path: str) -> None:
    """The OpenAPI document alone is the same for everybody, and may be stored."""
    await world.user("User")
    for token in (None, "junk", await world.token()):
        response = await world.get(path, token)

        assert response.headers["Cache-Control"] == "no-store"
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["X-Request-Id"]


async def test_two_requests_never_share_a_request_id_and_a_client_cannot_choose_it(world: ApiWorld) -> None:
    first = await world.get("/api/health/live", **{"X-Request-Id": "chosen"})
    second = await world.get("/api/health/live", **{"X-Request-Id": "chosen"})

    assert len({first.headers["X-Request-Id"], second.headers["X-Request-Id"], "chosen"}) == 3


@pytest.mark.parametrize("path", ["/api/nothing", "/api", "/api/dashboard/x", "/", "/metrics", "/internal/v1/feed"])
async def test_a_path_that_does_not_exist_is_a_problem(world: ApiWorld, path: str) -> None:
    """``/metrics`` and ``/internal`` are no paths of the public port."""
    await world.user("Admin")

    response = await world.get(path, await world.token())

    assert (response.status_code, response.json()["code"]) == (404, "not_found")
    assert response.headers["Content-Type"] == "application/problem+json"
    assert response.json()["request_id"] == response.headers["X-Request-Id"]


@pytest.mark.parametrize("path", [*PUBLIC, *GUARDED])
@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
async def test_a_method_that_a_route_does_not_have_is_a_problem(world: ApiWorld, path: str, method: str) -> None:
    response = await world.http.request(method, path)

    assert (response.status_code, response.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in response.headers["Allow"]
    assert response.headers["Content-Type"] == "application/problem+json"


async def test_a_host_that_is_not_served_is_refused(world: ApiWorld) -> None:
    response = await world.get("/api/health/live", Host="evil.example.com")

    assert (response.status_code, response.json()["code"]) == (400, "unlisted_host")


# --- OpenAPI ----------------------------------------------------------------------------------------------------------


@pytest.fixture
async def document(world: ApiWorld) -> Any:
    return (await world.get("/api/openapi.json")).json()


async def test_the_openapi_document_names_every_public_path(document: Any, world: ApiWorld) -> None:
    assert set(document["paths"]) == world.paths() - {"/api/openapi.json"}


@pytest.mark.parametrize("path", GUARDED)
async def test_the_document_says_that_a_guarded_route_takes_a_bearer_token(document: Any, path: str) -> None:
    assert document["components"]["securitySchemes"]["bearer"]["scheme"] == "bearer"
    operation = document["paths"][path]["get"]
    assert operation["security"] == [{"bearer": ["admin"] if path.startswith("/api/admin/") else []}]
    assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}


@pytest.mark.parametrize("path", ["/api/health/live", "/api/health/ready"])
async def test_the_document_says_that_health_is_public(document: Any, path: str) -> None:
    assert not document["paths"][path]["get"].get("security")


# --- health and metrics -----------------------------------------------------------------------------------------------


async def test_liveness_touches_nothing(world: ApiWorld) -> None:
    with world.outages.roles, world.outages.feed:
        world.clock.advance(60)
        response = await world.get("/api/health/live")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


async def test_readiness_names_the_part_that_is_missing(world: ApiWorld) -> None:
    assert (await world.get("/api/health/ready")).json()["status"] == "ready"

    with world.outages.feed:
        world.clock.advance(6)
        response = await world.get("/api/health/ready")

    assert (response.status_code, response.json()["status"]) == (503, "not_ready")
    states = {part["name"]: part["status"] for part in response.json()["parts"]}
    assert states == {"revocation_feed": "down", "role_directory": "up"}


async def test_an_api_without_its_role_directory_is_ready_and_says_what_is_missing(world: ApiWorld) -> None:
    """FT-23: the issuer is asked instead, so callers need not be sent elsewhere."""
    with world.outages.roles:
        response = await world.get("/api/health/ready")

    assert response.status_code == 200
    states = {part["name"]: part["status"] for part in response.json()["parts"]}
    assert states == {"revocation_feed": "up", "role_directory": "down"}


async def test_operators_read_metrics_on_the_internal_port(world: ApiWorld) -> None:
    await world.get("/api/dashboard", "junk")

    metrics = (await world.internal.get("/metrics")).text

    assert 'paseport_build_info{service="api"' in metrics
    assert 'route="/api/dashboard"' in metrics
    assert 'status="4xx"' in metrics
    assert "junk" not in metrics


async def test_the_internal_port_has_health_and_no_dashboard(world: ApiWorld) -> None:
    assert (await world.internal.get("/health/live")).status_code == 200
    assert (await world.internal.get("/health/ready")).status_code == 200
    assert (await world.internal.get("/api/dashboard")).status_code == 404
