"""Gradio's variables. It reads dozens, some as it is imported; one that is left over would open folders, or end in a
traceback. So it sees none of them but for its folder of temporary files, and what we offer is read by `arguments`.
"""

from collections.abc import MutableMapping

SEEN = ("GRADIO_TEMP_DIR",)
SET = {"GRADIO_ANALYTICS_ENABLED": "False"}


def take_out(environment: MutableMapping[str, str]) -> dict[str, str]:
    """Take Gradio's variables out of an environment, before Gradio is imported; returns them."""
    taken = {
        name: environment.pop(name) for name in list(environment) if name.startswith("GRADIO_") and name not in SEEN
    }
    environment.update(SET)
    return taken
