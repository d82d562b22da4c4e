"""Tables as Markdown."""

from collections.abc import Sequence
from dataclasses import dataclass

from unet_lightning.page.escape import escape_markdown


@dataclass(frozen=True)
class Table:
    """A table of texts with a title; the first column holds the names of the rows."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    note: str = ""

    def markdown(self) -> str:
        """A heading, the note and the table."""
        lines = [f"## {self.title}", ""] + ([self.note, ""] if self.note else [])
        return "\n".join([*lines, *markdown_rows(self.columns, self.rows), ""])


def markdown_rows(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """The lines of a table; nothing in its cells is markup.

    >>> markdown_rows(["loss", "Dice"], [["ce", "0.9"]])
    ['| loss | Dice |', '|---|---|', '| ce | 0.9 |']
    """
    head = [f"| {' | '.join(map(escape_markdown, columns))} |", "|---" * len(columns) + "|"]
    return head + [f"| {' | '.join(map(escape_markdown, row))} |" for row in rows]
