"""All endpoints of the API, by name."""

from reco_app.adapt.handlers import AdaptHandlers
from reco_app.api.adapt import AdaptEndpoints
from reco_app.api.discover import DiscoverEndpoint
from reco_app.api.endpoint import Call, endpoint, offer
from reco_app.api.search import SearchEndpoint
from reco_app.api.segment import SegmentEndpoint
from reco_app.api.teach import TeachEndpoint
from reco_app.archive.handlers import ArchiveHandlers
from reco_app.context import AppContext
from reco_app.discover.handlers import DiscoverHandlers
from reco_app.hosting.cores import lanes
from reco_app.segment.answering import Answering

TOOLS = ("segment", "discover", "search")  # of MCP
# The line that a call waits in, and how many of it at once.
LANES = {"search": ("search", 2), "teach": ("photos", 2), "adapt": ("photos", 2)}
JOBS = ("adapt_status", "adapt_result", "adapt_cancel")  # ask for no work
MODEL, LIGHT = ("model", lanes()), ("light", 4)


def make_endpoints(
    context: AppContext,
    answering: Answering,
    discover: DiscoverHandlers,
    archive: ArchiveHandlers,
    adapt: AdaptHandlers,
) -> dict[str, Call]:
    """The endpoints over what the page's tabs use."""
    jobs = AdaptEndpoints(context, adapt)
    found, seen = SegmentEndpoint(context, answering), DiscoverEndpoint(context, discover)
    searched, taught = SearchEndpoint(context, archive), TeachEndpoint(context)
    calls: list[tuple[Call, dict]] = [
        (found.segment, found.defaults),
        (seen.discover, seen.defaults),
        (searched.search, searched.defaults),
        (taught.teach, taught.defaults),
        (jobs.adapt, jobs.defaults),
        *((call, {}) for call in (jobs.adapt_status, jobs.adapt_result, jobs.adapt_cancel)),
    ]
    return {call.__name__: endpoint(call, defaults, call.__name__ in TOOLS) for call, defaults in calls}


def offer_endpoints(endpoints: dict[str, Call]) -> None:
    """Put them on the page that is being built."""
    for name, call in endpoints.items():
        offer(call, *(LIGHT if name in JOBS else LANES.get(name, MODEL)))
