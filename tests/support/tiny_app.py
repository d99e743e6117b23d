"""The app with one more preset, small enough for a test, whose files and photos a server on loopback has.

python tests/support/tiny_app.py SETTINGS.json --port N
"""

import json
import sys
from pathlib import Path
from types import SimpleNamespace

TESTS = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TESTS.parent), str(TESTS)]
from support import tiny_preset

from reco_app import launch
from reco_core import install
from reco_core.presets import PRESETS
from reco_core.types import PhotoRecord


def main() -> None:
    settings = json.loads(Path(sys.argv[1]).read_text())
    chosen = tiny_preset.preset(settings["sources"], settings["hashes"], settings["archive"])
    PRESETS[chosen.name] = chosen
    records = [PhotoRecord.of(record) for record in settings["photos"]]
    real = install.Archive
    install.Archive = lambda folder: (
        real(folder) if folder == Path(chosen.archive) else SimpleNamespace(records=records)
    )
    launch.run(sys.argv[2:])


if __name__ == "__main__":
    main()
