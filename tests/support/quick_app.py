"""The app as it is, but its specialists learn nothing much, in a minute at most, unless they are told to end.

python tests/support/quick_app.py --port N
"""

import sys
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from reco_app import launch
from reco_core.adaptation.recipe import QUICK

if __name__ == "__main__":
    launch.run(recipe=replace(QUICK, blocks=3, views=(1.0,), side=96, crop=64, batch=8, channels=16, patience=1000))
