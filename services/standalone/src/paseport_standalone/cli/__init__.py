"""The ``paseport`` command."""

from paseport_standalone.cli.app import main

__all__ = ["main"]
