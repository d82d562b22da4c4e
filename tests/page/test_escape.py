import csv
from html.parser import HTMLParser

import pytest

from unet_lightning.error import InputError, printable
from unet_lightning.page.escape import code_span, escape_markdown
from unet_lightning.page.html import html
from unet_lightning.page.table import Table
from unet_lightning.reading.text import read_table
from unet_lightning.runtime.files import write_table

HOSTILE = [
    "<script>alert(1)</script>",
    "a|b",
    "[click](javascript:alert(1))",
    "![x](javascript:y)",
    "`code`",
    "**bold** _x_ ~~y~~",
    "two\nlines\r\n| a | b |",
    "<javascript:alert(1)>",
    "back\\|slash",
    "&lt;b&gt;",
]


def unescaped(text):
    """What CommonMark shows of a text whose special characters are all escaped; it must hold no others."""
    shown, k = "", 0
    while k < len(text):
        if text[k] == "\\" and text[k + 1 : k + 2] in tuple("\\`*[]<>|&~_#"):
            k += 1
        else:
            assert text[k] not in "`*[]<>|&~\n\\", text
        shown, k = shown + text[k], k + 1
    return shown


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_text_in_markdown(name):
    assert unescaped(escape_markdown(name)) == " ".join(name.split())
    table = Table("t", [name, "n"], [[name, "1"]]).markdown().splitlines()
    assert len(table) == 5
    for line in (table[2], table[4]):
        assert line.replace("\\\\", "").replace("\\|", "").count("|") == 3


def test_ordinary_names_stay_as_they_are():
    for name in ("my_cell 2", "-0.0100 ± 0.0000", "train/img-1.png", "loss=ce", "Zelle #3"):
        assert escape_markdown(name) == name
    assert escape_markdown("# heading") == "\\# heading"
    assert escape_markdown("1. first") == "1\\. first"


def test_code_stays_in_its_span():
    assert code_span("a ``b`` `c`") == "``` a ``b`` `c` ```"
    assert code_span("a\n\n# b") == "`a # b`"


def tags_of(name):
    tags = []
    reader = HTMLParser()
    reader.handle_starttag = lambda tag, attributes: tags.append((tag, [key for key, _ in attributes]))
    reader.feed(html("base.html", title=name, tables=[Table(name, [name], [[name]], name)] * 2))
    return tags


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_text_in_html(name):
    assert tags_of(name) == tags_of("x")
    assert ("a", ["href"]) in tags_of(name)  # of the contents


@pytest.mark.parametrize("value", ["=1+1", "+a", "-x", "@sum", "\tx", "=cmd|'/c calc'!A0"])
def test_no_cell_of_a_table_is_a_formula_and_it_is_read_back(tmp_path, value):
    write_table(tmp_path / "a.csv", [{"id": value, "number": -1.5, "text": "-1e-3"}])
    with (tmp_path / "a.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row == {"id": f"'{value}", "number": "-1.5", "text": "-1e-3"}
    assert read_table(tmp_path / "a.csv")[1][0]["id"] == value


def test_a_terminal_is_given_no_orders():
    assert printable("a\x1b[31mb\x07\x9b\u202e\udc80\tc\n") == "a\\x1b[31mb\\x07\\x9b\\u202e\\udc80\tc\n"
    assert str(InputError("x\x1b]0;title\x07")) == "x\\x1b]0;title\\x07"
