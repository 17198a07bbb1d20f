"""How Sphinx builds the site from what `pages.py` has written: `make docs`, where warnings are errors."""

from __future__ import annotations

import warnings
from pathlib import Path

import stepdown

ROOT = Path(__file__).parent.parent.parent

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
templates_path = [str(Path(__file__).parent / "templates")]  # autosummary looks beside the pages otherwise
html_theme = "pydata_sphinx_theme"
# One page a public name: in the sidebar of every page they would be half of the time that a build takes.
html_theme_options = {"show_toc_level": 2, "navigation_with_keys": False, "navigation_depth": 2}
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
