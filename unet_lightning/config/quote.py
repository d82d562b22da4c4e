"""Values in the syntax of overrides."""

import re


def quote(value: object) -> str:
    """A value as one word of Hydra's grammar: in quotes unless it is plain.

    >>> quote("masks"), quote("it's"), quote("a b")
    ('masks', "'it\\\\'s'", "'a b'")
    """
    word = str(value)
    plain = re.fullmatch(r"[A-Za-z_/][\w/.-]*", word, re.ASCII)
    if plain and word.lower() not in ("null", "true", "false", "nan", "inf"):
        return word
    escaped = re.sub(r"(\\*)'", r"\1\1\\'", re.sub(r"(\\+)$", r"\1\1", word)).replace("${", r"\${")
    return f"'{escaped}'"
