"""The command `reco`, and `python -m reco_core` where it is not installed."""

import os
import sys

# Before torch is loaded: threads that spin while they wait make it ten times slower wherever another
# program wants the same cores.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

from reco_core.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
