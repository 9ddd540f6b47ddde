"""The documents that types are generated from."""

from typing import Annotated, Any

import msgspec
import pytest
from http_support import client, problem, service
from litestar import get, post
from litestar.params import FromQuery, JSONBody
from paseport_shared.http.bearer import require_bearer, require_role, require_scope
from paseport_shared.http.openapi import openapi_config, openapi_document
from paseport_shared.http.origin import require_own_origin


class Entry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An entry."""

    name: Annotated[str, msgspec.Meta(min_length=1)]


@post("/entries", guards=[require_scope("admin"), require_role("Admin")])
async def create_entry(data: JSONBody[Entry]) -> Entry:
    """Create an entry."""
    return data


@get("/entries")
async def list_entries(search: FromQuery[str | None] = None) -> list[Entry]:
    """List entries."""
    return []


@get("/me", guards=[require_bearer])
async def read_me() -> Entry:
    """Return the caller."""
    return Entry("me")


@post("/login", guards=[require_own_origin], status_code=204)
async def login(data: JSONBody[Entry]) -> None:
    """Sign in."""


def app() -> Any:
    config = openapi_config("Test", "1.2.3", "/api/openapi.json", "A test.")
    return service(create_entry, list_entries, read_me, login, openapi=config)


@pytest.fixture
def document() -> dict[str, Any]:
    return openapi_document(app())


async def test_the_document_is_served_as_json_and_is_the_same_each_time(document: dict[str, Any]) -> None:
    async with client(app()) as anybody:
        first, second = await anybody.get("/api/openapi.json"), await anybody.get("/api/openapi.json")

    assert first.headers["content-type"] == "application/json"
    assert first.json() == second.json() == document


@pytest.mark.parametrize(
    "path", ["/", "/api", "/anything", "/schema", "/api/swagger", "/api/openapi.yaml", "/openapi.json"]
)
async def test_no_page_comes_with_it(path: str) -> None:
    async with client(app()) as anybody:
        answer = await anybody.get(path)

    assert problem(answer)["code"] == "not_found"


def test_operations_are_named_after_their_handlers(document: dict[str, Any]) -> None:
    assert document["paths"]["/entries"]["get"]["operationId"] == "list_entries"
    assert document["paths"]["/entries"]["post"]["operationId"] == "create_entry"


def test_documentation_comes_from_docstrings(document: dict[str, Any]) -> None:
    assert document["paths"]["/entries"]["get"]["description"] == "List entries."
    assert document["info"] == {"title": "Test", "version": "1.2.3", "description": "A test."}


def test_every_operation_may_answer_with_a_problem_and_no_other_error(document: dict[str, Any]) -> None:
    for path in document["paths"].values():
        for operation in path.values():
            refusals = {status for status in operation["responses"] if not status.startswith("2")}
            assert refusals == {"default"}
            assert operation["responses"]["default"] == {"$ref": "#/components/responses/Problem"}


def test_a_problem_is_described(document: dict[str, Any]) -> None:
    (content,) = document["components"]["responses"]["Problem"]["content"].items()

    assert content == ("application/problem+json", {"schema": {"$ref": "#/components/schemas/ProblemResponse"}})
    schemas = document["components"]["schemas"]
    assert set(schemas["ProblemResponse"]["required"]) == {"type", "title", "status", "detail", "code", "request_id"}
    assert schemas["ProblemResponse"]["properties"]["errors"]["items"] == {"$ref": "#/components/schemas/ProblemField"}
    assert "ProblemField" in schemas


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    def references(node: Any) -> set[str]:
        if isinstance(node, dict):
            own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
            return own.union(*(references(value) for value in node.values()))
        return set().union(*(references(value) for value in node)) if isinstance(node, list) else set()

    for reference in references(document):
        node = document
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        assert node


def test_guards_show_as_security_requirements(document: dict[str, Any]) -> None:
    paths = document["paths"]

    assert paths["/entries"]["post"]["security"] == [{"bearer": ["admin"]}]
    assert paths["/me"]["get"]["security"] == [{"bearer": []}]
    assert paths["/login"]["post"]["security"] == [{"cookie": [], "csrf": []}]
    assert "security" not in paths["/entries"]["get"]
    assert set(document["components"]["securitySchemes"]) == {"basic", "bearer", "cookie", "csrf"}


def test_an_answer_without_a_body_is_documented_without_one(document: dict[str, Any]) -> None:
    assert "content" not in document["paths"]["/login"]["post"]["responses"]["204"]
