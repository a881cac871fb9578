"""How Sphinx makes the guide from pages in Markdown, which read well without it."""

import re
from pathlib import Path

from sphinx.application import Sphinx

ROOT = Path(__file__).parents[2]
CONTENTS: dict[str, list[str]] = {
    "Begin": [
        "docs/install",
        "docs/tutorials/browser",
        "docs/tutorials/code",
        "docs/console",
        "docs/coming-from/README",
        "docs/fit",
    ],
    "How to": ["docs/how-to/README", "docs/patterns", "examples/README"],
    "Write workflows": [
        "docs/definitions",
        "docs/steps/README",
        "docs/expressions",
        "docs/questions",
        "docs/tools",
        "docs/triggers",
        "docs/workflow-files",
        "docs/extending",
    ],
    "Call the server": ["docs/api", "docs/errors", "docs/client", "docs/events"],
    "Run the server": [
        "single-node",
        "cluster",
        "docs/settings",
        "docs/people",
        "docs/monitoring",
        "docs/observability",
        "SECURITY",
    ],
    "Understand": [
        "docs/durability",
        "docs/runs",
        "docs/architecture",
        "docs/words",
        "docs/performance",
        "docs/agents-compared",
        "docs/dependencies",
        "CHANGELOG",
    ],
}
"""Titles of parts, each with its pages: paths from the top of the project, without `.md`."""

WITHIN: dict[str, str] = {
    "docs/steps/README": "docs/steps/*",
    "docs/how-to/README": "docs/how-to/*",
    "docs/coming-from/README": "docs/coming-from/*",
    "examples/README": "examples/*/README",
}
"""Pages that stand above others, and which those are."""
project = "Stepwell"
html_title = "Stepwell guide"
root_doc = "README"
include_patterns = ["*.md", "docs/**", "examples/README.md", "examples/*/README.md"]
_OTHER_FOLDERS = [
    folder.name
    for folder in ROOT.iterdir()
    if folder.is_dir() and folder.name not in {"docs", "examples"}
]
exclude_patterns = ["docs/site", *_OTHER_FOLDERS]  # not searched: an environment has many files
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
myst_heading_anchors = 4
myst_enable_extensions = ["html_image"]
html_theme = "furo"
html_copy_source = False
html_show_sphinx = False
html_use_index = False
html_static_path = ["static"]
html_css_files = ["guide.css"]
html_js_files = [("guide.js", {"defer": "defer"})]
html_favicon = "../../app/web/console/static/mark.svg"
suppress_warnings = ["misc.highlighting_failure", "myst.header"]

_LINK = re.compile(r"\[([^\]]*)\]\(([\w./-]+)\)")


def _read(_: Sphinx, page: str, source: list[str]) -> None:
    """Add what only the site needs: the order of pages, and links that lead to a page of it."""
    folder = (ROOT / page).parent
    source[0] = _LINK.sub(lambda link: _link(link, folder), source[0])
    if page == root_doc:
        source[0] += "".join(_toctree(pages, title) for title, pages in CONTENTS.items())
    elif page in WITHIN:
        source[0] += _toctree([WITHIN[page]], glob=True)


def _link(link: re.Match[str], folder: Path) -> str:
    """Lead to the page of a folder where the link names the folder, and to no code."""
    target = (folder / link[2]).resolve()
    if target.suffix != ".py" and not target.is_dir():
        return link[0]
    if (target / "README.md").is_file():
        return f"[{link[1]}]({link[2].rstrip('/')}/README.md)"
    return link[1]


def _toctree(pages: list[str], title: str = "", *, glob: bool = False) -> str:
    options = f":caption: {title}\n" if title else ""
    options += ":glob:\n" if glob else ""
    lines = "\n".join(f"/{page}" for page in pages)
    return f"\n```{{toctree}}\n:hidden:\n{options}\n{lines}\n```\n"


def setup(app: Sphinx) -> None:
    """Take part in reading each page."""
    app.connect("source-read", _read)
