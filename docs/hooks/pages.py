"""What the site shows beside docs/site/: pages and pictures of the repository, under the paths that they have in it.

So every relative link leads to the same page here as on a code host, and nothing is kept twice.
"""

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from reference import page as reference

ROOT = Path(__file__).parents[2]
SHOWN = (
    *("*.md", "docs/*.md", "docs/how-to/*.md", "docs/*.ipynb", "docs/*.png", "docs/data/*.png", "docs/scale/*.svg"),
    *("experiments/README*.md", "experiments/*/README*.md", "experiments/*/results/*.png"),
    *("experiments/*/results/*.svg", "experiments/*/*.py", "experiments/data/*.csv"),
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the repository's files and the page that is generated."""
    for pattern in SHOWN:
        for path in sorted(ROOT.glob(pattern)):
            place = path.relative_to(ROOT).as_posix()
            files.append(File.generated(config, place, abs_src_path=str(path)))
    files.append(File.generated(config, "docs/reference.md", content=reference()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    r"""With links to folders of conf/ led to their keys, and without the \ before a | in the code of a table."""
    markdown = re.sub(r"\]\(((?:\.\./)*)conf/(\w+)\)", r"](\1docs/reference.md#\2)", markdown)
    rows = re.compile(r"^\|.*$", re.M)
    return rows.sub(lambda row: re.sub(r"`[^`]*`", lambda code: code[0].replace("\\|", "|"), row[0]), markdown)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """With the language of a Chinese page, by which a browser chooses its fonts and a reader its voice."""
    return output.replace('<html lang="en"', '<html lang="zh-CN"', 1) if ".zh-CN" in page.file.src_uri else output
