"""python -m reco_core"""

import sys

from reco_core.cli import main

sys.exit(main())
