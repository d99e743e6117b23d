"""How the app is served: Gradio's server with our addresses, headers, and figures."""

from argparse import Namespace
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from gradio.utils import get_upload_folder
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from reco_app.context import AppContext
from reco_app.events import Options
from reco_app.hosting import health
from reco_app.hosting.arguments import HUGGING_FACE
from reco_app.hosting.guard import Guard, Policy, failed
from reco_app.hosting.hidden_paths import HiddenPaths
from reco_app.hosting.metrics import Metrics


def policy(args: Namespace) -> Policy:
    """What browsers are told, by the app's arguments."""
    hub = set(HUGGING_FACE) <= set(args.allowed_frames)
    return Policy(frozenset(args.allowed_origins), tuple(args.allowed_frames), hub)


def guarding(policy: Policy, replied: Callable[[int], None] = lambda status: None) -> Callable:
    """A lifespan for Gradio's app that puts a Guard around it."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        # Here all of Gradio's layers are there, and nobody has asked for anything yet.
        if app.middleware_stack is not None:
            app.middleware_stack = Guard(app.middleware_stack, policy, replied)
        yield

    return lifespan


def served(
    context: AppContext,
    metrics: Metrics,
    args: Namespace,
    routes: Sequence[Route] = (),
    middleware: Sequence[Middleware] = (),
) -> Options:
    """What `gr.Blocks.launch` takes to serve the app so. routes, middleware: more of them, inside ours."""
    folder = Path(get_upload_folder()).absolute()  # whose paths Gradio tells
    own: Options = {
        "routes": [*health.routes(context.presets, metrics.text), *routes],
        "middleware": [Middleware(HiddenPaths, folder=folder), *middleware],
        "lifespan": guarding(policy(args), metrics.replied),
        "exception_handlers": {Exception: failed},
        "docs_url": None,
        "redoc_url": None,
        "openapi_url": None,
    }
    where: Options = {"server_name": args.host, "server_port": args.port, "share": args.share}
    where |= {"root_path": args.root_path, "auth": args.auth or None}
    # Gradio would keep what visitors run, with their photos, in their browsers; and show figures of its own.
    return {**where, "app_kwargs": own, "run_history": False, "enable_monitoring": False}
