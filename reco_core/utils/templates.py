"""Texts that this package writes for people: templates of Jinja2, which lie beside the code that fills them."""

from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

ENVIRONMENT = Environment(  # without autoescape: Markdown is escaped where names are filled in
    loader=PackageLoader("reco_core", ""),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
)


def render(name: str, /, **values: Any) -> str:
    """The text of a template, such as "archives/hub_card.md"."""
    return ENVIRONMENT.get_template(name).render(values)
