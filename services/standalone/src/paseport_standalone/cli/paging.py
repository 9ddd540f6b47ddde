"""Lists of which one page is shown at a time."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from paseport_standalone.cli.issuer_client import Page

Limit = Annotated[int, typer.Option(min=1, max=200, help="How many on one page.")]
Cursor = Annotated[str | None, typer.Option(help="Where the page starts: `next` of the page before.")]


def query_of(*, limit: int, **options: str | None) -> dict[str, str]:
    """Return the query for one page, without what was not asked for."""
    return {name: value for name, value in options.items() if value is not None} | {"limit": str(limit)}


def note_of(page: Page[Any], what: str) -> str:
    """Return the line below a page of ``what``: how much of it this is, and how to go on."""
    note = f"{len(page.items)} of {page.total} {what}"
    return note if page.next is None else f"{note}; the next page: --cursor {page.next}"
