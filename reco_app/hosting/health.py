"""Two addresses for whoever runs the server: /healthz and /metrics."""

import ipaddress
from collections.abc import Callable

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

import reco_core
from reco_app.preset_pool import PresetPool

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


def routes(presets: PresetPool, figures: Callable[[], bytes]) -> list[Route]:
    """figures: what /metrics answers. Both need no password."""

    async def healthz(request: Request) -> Response:
        """200 once the models are loaded, 503 before."""
        ready = presets.loaded()
        said = {"status": "ready" if ready else "loading", "version": reco_core.__version__, "preset": presets.first}
        return JSONResponse(said, 200 if ready else 503, {"Cache-Control": "no-store"})

    async def metrics(request: Request) -> Response:
        """Only for machines of the same network that ask themselves, not through a proxy."""
        if not neighbour(request):
            return PlainTextResponse("Only machines of this network may read this.\n", 403)
        return Response(figures(), media_type=CONTENT_TYPE_LATEST)

    return [Route("/healthz", healthz), Route("/metrics", metrics)]


def neighbour(request: Request) -> bool:
    """Whether a machine of the same network asks, and no proxy on behalf of another."""
    if request.client is None or any(name in request.headers for name in FORWARDED):
        return False
    try:
        return ipaddress.ip_address(request.client.host).is_private
    except ValueError:
        return False
