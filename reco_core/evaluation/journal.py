"""What a benchmark has measured so far, on disk, so that it can be stopped at any moment and continued."""

import json
import logging
from pathlib import Path

from reco_core.utils.hashing import digest

log = logging.getLogger(__name__)


def place(report: Path, settings: dict) -> Path:
    """Where the journal of a report is."""
    return report.with_name(f"{report.name}.{digest(json.dumps(settings, sort_keys=True), 12)}.partial")


class Journal:
    """A line of JSON per photo, in a file beside the report; its name has a digest of the settings.

    Other settings have another journal. What was cut short is measured again. Without a report
    nothing is kept on disk. done: what was measured, by photo.
    """

    def __init__(self, report: Path | None, settings: dict) -> None:
        """Raises OSError if the journal cannot be read or written."""
        self.done: dict[str, dict] = {}
        self.file = report and place(report, settings)
        if self.file is None:
            return
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with self.file.open("a+b") as journal:
            journal.seek(0)
            good = 0
            for line in journal:
                if not line.endswith(b"\n"):
                    break
                try:
                    entry = json.loads(line)
                    self.done[entry["photo"]] = entry
                except (ValueError, KeyError, TypeError):
                    break
                good += len(line)
            journal.truncate(good)
        if self.done:
            log.info("%s photos were measured already", len(self.done))

    def add(self, entry: dict) -> dict:
        """Keep what was measured on entry["photo"]; returned as a continued run would read it."""
        line = json.dumps(entry, separators=(",", ":")) + "\n"
        self.done[entry["photo"]] = json.loads(line)
        if self.file is not None:
            with self.file.open("a", encoding="utf-8") as journal:
                journal.write(line)
        return self.done[entry["photo"]]
