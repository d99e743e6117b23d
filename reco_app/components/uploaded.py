"""Files that visitors may name: whatever a browser sends, nothing else of the server is read."""

from pathlib import Path

from gradio.utils import get_upload_folder


def uploaded(file: object) -> Path | None:
    """Where a file lies that Gradio has put into its folder, resolved; None for all other paths.

    It need not be there any longer: uploads are deleted after a while.
    """
    try:
        path = Path(str(file)).resolve()
        path.exists()  # raises what reading it would raise
    except (OSError, ValueError, RuntimeError):  # no path at all, too long, or links in a circle
        return None
    return path if path.is_relative_to(Path(get_upload_folder()).resolve()) else None
