"""The app: type names, see them in your photo.   python app.py [--port 7860] [--share]"""

from reco_app.launch import run

if __name__ == "__main__":
    run()
