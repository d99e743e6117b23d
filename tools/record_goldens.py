"""Record what tests/test_goldens.py compares with, after a change that is meant to change results.

python tools/record_goldens.py
"""

import json
import sys
from pathlib import Path

import skimage.data

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
from test_goldens import ASKED, GOLDEN, GOLDEN_METHODS, summary

from reco_core.pipeline import ReCo


def main() -> None:
    reco = ReCo.load(device="cpu")
    photos = {
        "cat": skimage.data.chelsea(),
        "coffee": skimage.data.coffee(),
        "astronaut": skimage.data.astronaut(),
        "rocket": skimage.data.rocket(),
        "motorcycle": skimage.data.stereo_motorcycle()[0],
    }
    recorded = {
        f"{name}/{method}": summary(reco, photo, ASKED[name], method)
        for name, photo in photos.items()
        for method in GOLDEN_METHODS
    }
    GOLDEN.parent.mkdir(exist_ok=True)
    rounded = json.loads(json.dumps(recorded), parse_float=lambda text: round(float(text), 4))
    GOLDEN.write_text(json.dumps(rounded, indent=1) + "\n")


if __name__ == "__main__":
    main()
