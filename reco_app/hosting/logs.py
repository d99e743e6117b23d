"""The log: lines of key=value or JSON, without names, photos and addresses of visitors, and without machine paths."""

import json
import logging
import sys
import tempfile
import threading
import traceback
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType

from reco_core.utils.paths import bundled_folder

FRAMES = 6  # of an error, the innermost
LIBRARIES = ("uvicorn", "uvicorn.error", "uvicorn.access")
# Functions of Gradio that read a request.
READING = {"upload_fn", "get_fn", "compile_gr_request", "preprocess_data", "validate_inputs"}
CALLING = "call_function"  # calls ours; what it raises itself is that a request is for none
log = logging.getLogger("reco_app")


def note(what: str, level: int = logging.INFO, error: BaseException | None = None, **fields: str | float) -> None:
    """Log that something happened, with what is known of it; nothing of it may be a visitor's."""
    log.log(level, what, exc_info=error, extra={"fields": fields})


def unread(error: BaseException) -> bool:
    """Whether Gradio could not make out a request, before any of our code was asked; or refused what is in it."""
    if type(error).__module__.startswith("gradio."):
        return True
    names = [frame.f_code.co_name for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(READING & {*names}) or names[-1:] == [CALLING]


def places(trace: TracebackType | None) -> str:
    """Where an error came from: modules and lines, the innermost first."""
    frames = [f"{frame.f_globals.get('__name__', '?')}:{line}" for frame, line in traceback.walk_tb(trace)]
    return " < ".join(frames[: -FRAMES - 1 : -1])


class Lines(logging.Formatter):
    """One line of each record. Of an error its kind and place: its words may hold what a visitor typed."""

    def __init__(self, as_json: bool = False) -> None:
        super().__init__()
        self.as_json = as_json
        known = {str(bundled_folder()): "<app>", sys.prefix: "<python>", sys.base_prefix: "<python>"}
        known |= {str(Path.home()): "<home>", tempfile.gettempdir(): "<temp>"}
        # The root folder is no secret, and in every path.
        self.known = sorted((pair for pair in known.items() if len(pair[0]) > 1), key=lambda pair: -len(pair[0]))

    def format(self, record: logging.LogRecord) -> str:
        fields = dict(self._fields(record))
        if self.as_json:
            return json.dumps(fields, ensure_ascii=False)
        return " ".join(f"{key}={_quoted(value)}" for key, value in fields.items())

    def _fields(self, record: logging.LogRecord) -> Iterator[tuple[str, str | float]]:
        yield "time", datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        yield "level", record.levelname.lower()
        yield "from", record.name
        yield "event", self.without_paths(record.getMessage().strip())
        for key, value in getattr(record, "fields", {}).items():
            yield key, self.without_paths(value) if isinstance(value, str) else round(value, 3)
        if record.exc_info and record.exc_info[0] is not None:
            kind, _, trace = record.exc_info
            yield "error", f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
            yield "at", places(trace)

    def without_paths(self, text: str) -> str:
        """The text with words for the folders of this machine."""
        for path, word in self.known:
            text = text.replace(path, word)
        return text


def configure(as_json: bool = False, level: int = logging.INFO) -> None:
    """Everything that this process says goes through the log, what Gradio and Python would print of errors too."""
    if logging.getLogger().handlers:  # whoever runs the app as a part of theirs has a log
        return
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(Lines(as_json))
    logging.basicConfig(level=level, handlers=[handler])
    for name in ("httpx", "faiss.loader"):  # every address that is asked; every library that is not there
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("mcp").setLevel(logging.CRITICAL)  # and this what was asked for; refusals are logged by us
    logging.captureWarnings(True)
    traceback.print_exc = _printed  # what Gradio calls, with a visitor's words in what it prints
    threading.excepthook = lambda given: log.error("unexpected error", exc_info=given.exc_value)


def take_over() -> None:
    """The web server's lines too; it sets its own log up when it starts."""
    for name in LIBRARIES:
        logging.getLogger(name).handlers.clear()
        logging.getLogger(name).propagate = name != "uvicorn.access"  # addresses of visitors, and what they ask for


def _printed(*_: object, **__: object) -> None:
    error = sys.exc_info()[1]
    if error is not None and unread(error):
        note("refused", logging.INFO, error, kind="Request")
    else:
        note("unexpected error", logging.ERROR, error)


def _quoted(value: str | float) -> str:
    text = str(value)
    return text if text and not set(text) & set(' "=\n\r\t') else json.dumps(text, ensure_ascii=False)
