"""The program as the process has it that commands are forked from: with everything that it reads only when it runs."""

import contextlib
import gc
import importlib
import io
import pkgutil

import paseport_standalone
import typer.main
from paseport_standalone.cli.app import app, main

for module in pkgutil.walk_packages(paseport_standalone.__path__, "paseport_standalone."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
# What serving and asking read when they begin.
for name in (
    "aiosqlite",
    "anyio._backends._asyncio",
    "httpcore",
    "litestar._kwargs.kwargs_model",
    "litestar.plugins.pydantic",
    "uvicorn.lifespan.off",
    "uvicorn.protocols.http.httptools_impl",
):
    importlib.import_module(name)
# What a command reads when it is asked for something, and for help.
for words in ("version", "--help"):
    with contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(SystemExit):
        main([words])
_command = typer.main.get_command(app)
typer.main.get_command = lambda _: _command
# Whoever looks through what is here already copies it.
gc.collect()
gc.freeze()
