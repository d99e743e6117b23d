"""The app's viewer as texts, which a page shows results with."""

from importlib.util import find_spec
from pathlib import Path

from reco_core.errors import DependencyError

# In the order in which they need one another; a browser reads them as one script.
SCRIPTS = ("pictures", "shapes", "camera", "masks", "card", "controls", "teaching", "legend", "gestures", "viewer")
STYLES = ("viewer", "legend")


def viewer_text(name: str) -> str:
    """A file of the viewer; raises DependencyError: the app, which has them, is not installed."""
    spec = find_spec("reco_app")
    for folder in spec.submodule_search_locations or () if spec else ():
        file = Path(folder) / "components" / "viewer" / name
        if file.is_file():
            return file.read_text("utf-8")
    raise DependencyError("the app's viewer is missing", given=name, remedy="Install ReCo as a whole")
