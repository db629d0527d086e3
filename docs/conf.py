"""The documentation site: `make docs` builds it from these pages and from the docstrings."""

from pathlib import Path

project = "compare"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
html_theme = "furo"
html_title = "compare"
html_show_copyright = False
exclude_patterns = ["_build", "example/*.md"]
myst_enable_extensions = ["colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["myst.xref_missing"]  # pages link to files of the repository
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # signatures have them
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_include_init_with_doc = False
nitpicky = False

CONF = Path(__file__).parent.parent / "conf"
GROUPS = {
    "objective": "Objectives",
    "model": "Models",
    "dataset": "Corpora",
    "probe": "Probes",
    "budget": "Budgets",
    "trainer": "Trainers",
    "measures": "Measures",
    "experiment": "Experiments",
}


def _configurations() -> str:
    """Every option of every group as it stands in conf/."""
    parts = ["# Configurations", "", "Every default and every option of every group, as composed."]
    parts += ["", "## The whole", "", _included("config.yaml")]
    for group, title in GROUPS.items():
        parts += ["", f"## {title}"]
        for file in sorted((CONF / group).glob("*.yaml")):
            parts += ["", f"### `{group}={file.stem}`", "", _included(f"{group}/{file.name}")]
    return "\n".join(parts) + "\n"


def _included(file: str) -> str:
    return f"```yaml\n{(CONF / file).read_text().rstrip()}\n```"


def setup(app: object) -> None:
    """Write the page of configurations before pages are read."""
    (Path(__file__).parent / "reference" / "configurations.md").write_text(_configurations())
