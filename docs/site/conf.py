"""How Sphinx builds the site: `make docs`; warnings are errors there."""

from __future__ import annotations

import shutil
import sys
import warnings
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
sys.path.insert(0, str(HERE))

import pages  # noqa: E402  # beside this file

import stepdown  # noqa: E402

project = "stepdown"
author = "The stepdown developers"
version = release = stepdown.__version__
html_title = f"stepdown {version}"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.mathjax",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["site"]
templates_path = ["templates"]
html_theme = "pydata_sphinx_theme"
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False}
html_sidebars = {"index": []}

myst_heading_anchors = 4
myst_enable_extensions = ["dollarmath"]
# Studies begin their tables below headings of any level, and README's style of headings is theirs.
suppress_warnings = ["myst.header"]

default_role = "literal"
autosummary_generate = True
autodoc_inherit_docstrings = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True

sphinx_gallery_conf = {
    "examples_dirs": str(ROOT / "examples" / "gallery"),
    "gallery_dirs": "gallery",
    "filename_pattern": r"/.*\.py$",
    "abort_on_example_error": True,
    "download_all_examples": False,
    "remove_config_comments": True,
    "show_memory": False,
    "show_signature": False,
    "within_subsection_order": "FileNameSortKey",
}
# Optional packages of other people's warn about each other's versions.
warnings.filterwarnings("ignore", category=DeprecationWarning)


def _write(app: Any) -> None:
    source = Path(app.srcdir)
    shutil.copy(ROOT / "CHANGELOG.md", source / "changelog.md")
    (source / "commands.rst").write_text(pages.commands(), encoding="utf-8")
    (source / "reference").mkdir(exist_ok=True)
    for name, text in pages.reference().items():
        (source / "reference" / f"{name}.rst").write_text(text, encoding="utf-8")


def setup(app: Any) -> None:
    """Write the pages that are made before anything looks for pages."""
    app.connect("builder-inited", _write, priority=100)
