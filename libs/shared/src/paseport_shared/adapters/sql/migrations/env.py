"""Alembic's entry: runs the steps on the connection that ``migrations`` hands over, inside its transaction."""

from alembic import context

from paseport_shared.adapters.sql.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite cannot alter most things in place; a step that does says how in a batch.
    render_as_batch=True,
)
context.run_migrations()
