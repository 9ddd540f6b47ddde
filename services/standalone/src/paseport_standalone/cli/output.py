"""What a command prints: tables and sentences for people, or one JSON document for programs."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Iterable, Sequence
from typing import Final, TextIO

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from paseport_standalone.cli.errors import CommandFailed

_WIDTH_OF_A_FILE: Final = 200
"""Without a terminal nothing is as wide as a screen: `grep` must find whole values."""


class Output:
    """Prints either for people or, with ``as_json``, for programs: then standard output holds one JSON document."""

    def __init__(self, *, as_json: bool) -> None:
        self.as_json = as_json
        self._console = _console(sys.stdout)
        self._errors = _console(sys.stderr)

    def document(self, value: object) -> None:
        """Print JSON. For people there is nothing to print here."""
        if self.as_json:
            sys.stdout.write(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n")
            sys.stdout.flush()

    def table(self, columns: Sequence[str], rows: Iterable[Sequence[str]], *, note: str = "") -> None:
        """Print rows for people, and a line below them."""
        if self.as_json:
            return
        table = Table(box=None, header_style="bold", pad_edge=False)
        for column in columns:
            table.add_column(column, no_wrap=not self._console.is_terminal)
        for row in rows:
            table.add_row(*(plain(cell) for cell in row))
        self._console.print(table)
        if note:
            self.say(note)

    def say(self, sentence: str, *, style: str = "") -> None:
        """Print one line for people."""
        if not self.as_json:
            self._console.print(plain(sentence, style), soft_wrap=True)

    def mark(self, word: str, style: str, sentence: str) -> None:
        """Print one line that begins with a coloured word."""
        if not self.as_json:
            self._console.print(Text.assemble(plain(word, style), " ", plain(sentence)), soft_wrap=True)

    def wait(self, seconds: float, reason: str) -> None:
        """Let so much time go by. At a terminal it is counted down."""
        if self.as_json or not self._console.is_terminal:
            self.say(f"{reason}: {math.ceil(seconds)} s.")
            time.sleep(seconds)
            return
        end = time.monotonic() + seconds
        with self._console.status("") as shown:
            while (left := end - time.monotonic()) > 0:
                shown.update(plain(f"{reason}: {math.ceil(left)} s"))
                time.sleep(min(left, 1))

    def failure(self, error: CommandFailed) -> None:
        """Print why the command ends without success: to standard error for people, as the document for programs."""
        if self.as_json:
            fields = [{"field": part.field, "code": part.code, "message": part.message} for part in error.errors]
            described = {"code": error.code, "message": error.message, "advice": error.advice, "errors": fields}
            self.document({"error": described})
            return
        self._errors.print(Text.assemble(plain("error:", "bold red"), " ", plain(error.message)), soft_wrap=True)
        for part in error.errors:
            self._errors.print(plain(f"  {part.field}: {part.message}"), soft_wrap=True)
        if error.advice:
            self._errors.print(plain(error.advice), soft_wrap=True)


def plain(text: str, style: str = "") -> Text:
    """Return text that is shown as it is.

    Names come from users. Nothing in them is markup, and a character that would steer the terminal is replaced.
    """
    shown = (character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return Text("".join(shown), style)


def _console(file: TextIO) -> Console:
    # rich decides about colour by the stream: none where it is no terminal, or where NO_COLOR is set.
    console = Console(file=file, highlight=False)
    if not console.is_terminal:
        console.width = _WIDTH_OF_A_FILE
    return console
