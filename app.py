"""The app: type names, see them in your photo.   python app.py [--port 7860] [--share]"""

import sys

from reco_app.launch import main

if __name__ == "__main__":
    sys.exit(main())
