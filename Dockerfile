# The app with its model and archive: it fetches nothing when it runs.
#   docker build -t reco . && docker run -p 7860:7860 --memory 4g --read-only --tmpfs /tmp reco
FROM python:3.11-slim AS build
RUN python -m venv /venv
COPY requirements.lock .
RUN /venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock

FROM python:3.11-slim
RUN useradd --system --uid 10001 --create-home reco
COPY --from=build /venv /venv
WORKDIR /app
COPY app.py LICENSE NOTICE ./
COPY reco_core reco_core
COPY reco_app reco_app
COPY assets assets
COPY archives/mini archives/mini
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
ENV GRADIO_SERVER_NAME=0.0.0.0 GRADIO_SERVER_PORT=7860 RECO_LOG=json HF_HUB_OFFLINE=1 MPLCONFIGDIR=/tmp/matplotlib
USER reco
EXPOSE 7860
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s CMD ["python", "-c", "import os, urllib.request as web; web.urlopen('http://127.0.0.1:' + os.environ['GRADIO_SERVER_PORT'] + '/healthz', timeout=8)"]
CMD ["python", "app.py"]
