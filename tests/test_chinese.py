"""The Chinese pages: what is printed to be typed, keys, links and numbers are those of the English pages."""

import re
from pathlib import Path

import pytest

from experiments import chinese

ROOT = Path(__file__).parents[1]
FOLDERS = (ROOT / "docs", ROOT / "experiments")
PAGES = sorted([*ROOT.glob(f"*{chinese.ENDING}"), *(p for f in FOLDERS for p in f.rglob(f"*{chinese.ENDING}"))])
ALL = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())
LINK = re.compile(r"\]\(([^)\s]+)\)")
RIDGE = "背景脊（在相互接触的对象之间留出的背景像素线"


def english(path):
    """The page of which this is the Chinese edition."""
    return path.with_name(path.name.removesuffix(chinese.ENDING) + ".md")


def texts(page):
    """Both editions, the English first, without their titles and the lines that link to each other."""
    return [path.read_text(encoding="utf-8").split("\n", 3)[3] for path in (english(page), page)]


def prose(text):
    """What stands outside of blocks of commands."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.M | re.S)


def headings(text):
    """(level, anchor) of every heading in order, as sites and code hosts make anchors of headings."""
    found = re.findall(r"^(#+) (.*)$", prose(text), re.M)
    return [(len(level), re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")) for level, title in found]


@ALL
def test_each_edition_begins_with_a_link_to_the_other(page):
    for path, line in (
        (page, f"[English]({english(page).name}) | 简体中文"),
        (english(page), f"English | [简体中文]({page.name})"),
    ):
        assert path.read_text(encoding="utf-8").split("\n", 4)[1:4] == ["", line, ""], path


@ALL
def test_blocks_differ_in_comments_alone(page):
    """A comment stands behind a # or, in the picture of a folder, behind two spaces."""
    found = [re.findall(r"^```(.*?)^```$", text, re.M | re.S) for text in texts(page)]
    cut = [[[re.split(r"#|  ", line.strip())[0] for line in block.split("\n")] for block in blocks] for blocks in found]
    assert cut[0] == cut[1]


@ALL
def test_code_spans_and_numbers_are_the_same(page):
    for pattern in (r"`[^`\n]+`", r"\d+(?:[.,]\d+)*"):
        found = [sorted(re.findall(pattern, LINK.sub("]", prose(text)))) for text in texts(page)]
        assert found[0] == found[1]


@ALL
def test_what_is_generated_is_the_same_but_for_titles_of_pictures(page):
    found = [re.findall(r"^<!-- .*$", re.sub(r", title: .*\}", "", text), re.M) for text in texts(page)]
    assert found[0] == found[1]


@ALL
def test_links_are_the_same_and_lead_to_chinese_pages_where_these_are(page):
    there, here = ([link.partition("#") for link in LINK.findall(text)] for text in texts(page))
    goals = [place.replace(chinese.ENDING, ".md") for place, _, _ in here]
    assert sorted(place for place, _, _ in there) == sorted(goals)
    for place in filter(None, (place for place, _, _ in here)):
        assert not (page.parent / place).with_suffix(chinese.ENDING).exists(), f"{place} is also in Chinese"
    places = [[heading(path, *link) for link in links] for path, links in ((english(page), there), (page, here))]
    assert sorted(places[0]) == sorted(places[1])


def heading(path, place, _, anchor):
    """The page that a link leads to, by its English name, and the number of the heading there: 0 without an anchor."""
    if not anchor or "://" in place:
        return place.replace(chinese.ENDING, ".md"), 0
    goal = path.parent / place if place else path
    found = [one for _, one in headings(goal.read_text(encoding="utf-8"))]
    assert anchor in found, f"{path}: {place}#{anchor} is none of {found}"
    return place.replace(chinese.ENDING, ".md"), found.index(anchor)


@ALL
def test_headings_have_the_same_order(page):
    levels = [[level for level, _ in headings(text)] for text in texts(page)]
    assert levels[0] == levels[1]


@ALL
def test_the_ridge_is_explained_where_it_is_first_named(page):
    text = page.read_text(encoding="utf-8")
    assert text.find("背景脊") == text.find(RIDGE)


def test_a_block_is_translated_with_its_tables_and_no_english_is_left():
    table = "| left out | merged cells |\n| --- | ---: |\n| loss | 2.0 ± 0.1 |\n\n| loss |\n| --- |\n| ce |"
    wanted = "| 省去的规则 | 粘连细胞 |\n| --- | ---: |\n| 损失函数 | 2.0 ± 0.1 |\n\n| loss |\n| --- |\n| ce |"
    assert chinese.translated(table) == wanted
    assert chinese.translated("![recall by loss and fusion](a.svg)") == "![召回率 与 loss、fusion 的关系](a.svg)"
    for unknown in ("A new sentence.", "| a new score |"):
        with pytest.raises(ValueError, match=r"has no translation of a part of .* new s"):
            chinese.translated(unknown)
