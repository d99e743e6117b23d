"""A ready example page for the project's own static hosting: what it marks, and its photos' credits, are in it.

python tools/example_page.py FOLDER     # a minute; then publish the folder, for example as GitHub Pages

It is not kept in the repository: 12 MB that this makes again.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from reco_core.cli.main import main

NAMES = "person, dog, cat, horse, bird, bicycle, car, boat, cup, bench"

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(["export", NAMES, "--out", sys.argv[1], "--title", "What is in your photo?"]))
