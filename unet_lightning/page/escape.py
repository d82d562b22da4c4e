"""Names and paths inside Markdown, so that they are read as they are written."""

import re

from unet_lightning.error import printable

SPECIAL = re.compile(r"[\\`*\[\]<>|&~]|(?<!\w)_|_(?!\w)")
LINE_START = re.compile(r"^([#+-]|#+|\d+[.)])(?=\s)")


def escape_markdown(text: str) -> str:
    r"""Text in one line, in which nothing is markup, a link or HTML.

    >>> print(escape_markdown("<b> a|b [x](y) my_cell"))
    \<b\> a\|b \[x\](y) my_cell
    """
    line = printable(" ".join(text.split()))
    return LINE_START.sub(lambda found: f"{found[0][:-1]}\\{found[0][-1]}", SPECIAL.sub(r"\\\g<0>", line))


def code_span(text: str) -> str:
    """Text as it is, in one line between as many backticks as it needs.

    >>> code_span("a`b"), code_span("train.py")
    ('`` a`b ``', '`train.py`')
    """
    line = printable(" ".join(text.split()))
    runs = max(map(len, re.findall("`+", line)), default=0)
    return f"`{line}`" if not runs else f"{'`' * (runs + 1)} {line} {'`' * (runs + 1)}"
