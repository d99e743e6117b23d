"""The page's texts, all of them files of this package: HTML by Jinja2, escaped; styles, scripts, prose as they are."""

from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from reco_app import formats
from reco_core.utils.visualize import colour

FILTERS = (formats.percent, formats.counted, formats.minutes, formats.host, formats.web_url, formats.licence_name)
LOADER = PackageLoader("reco_app", "")
ENVIRONMENT = Environment(
    loader=LOADER, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)
ENVIRONMENT.globals["colour"] = colour
ENVIRONMENT.filters |= {function.__name__: function for function in FILTERS}


def render(name: str, /, **values: Any) -> Markup:
    """HTML of a template, such as "segment/legend.html"; values that are no `Markup` are escaped."""
    return Markup(ENVIRONMENT.get_template(name).render(values))


def text(name: str) -> str:
    """A file as it is."""
    return files("reco_app").joinpath(name).read_text("utf-8")


def stylesheet() -> str:
    """Every style sheet of the package, but those of the viewer, which brings them."""
    names = ENVIRONMENT.list_templates(extensions=["css"])
    return "".join(text(name) for name in names if not name.startswith("components/viewer/"))
