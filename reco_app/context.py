"""What the app was started with: one object, handed to every tab."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from gradio.utils import get_upload_folder

from reco_app.clients import Clients
from reco_app.components.examples import Examples
from reco_app.hosting.cores import Shares
from reco_app.jobs.job_queue import JobQueue
from reco_app.limits import Limits
from reco_app.preset_pool import PresetPool
from reco_core.adaptation.recipe import QUICK, Recipe


@dataclass(frozen=True)
class AppContext:
    """What all visitors of a server share, and nothing of any one of them.

    photos: folder with the archive's photos, for the gallery; None: the archive's thumbnails. device: None is a
    GPU if there is one. may_install: whether visitors may install presets. recipe: of specialists, but for their steps.
    cache: the folder that Gradio serves results from. warm_ups: what is done once the models are loaded.
    """

    presets: PresetPool
    photos: Path | None = None
    device: str | None = None
    may_install: bool = False
    recipe: Recipe = QUICK
    limits: Limits = Limits()
    warm_ups: list[Callable[[], object]] = field(default_factory=list)
    cache: Path = field(default_factory=lambda: Path(get_upload_folder()))

    def __post_init__(self) -> None:
        self.cache.mkdir(parents=True, exist_ok=True)

    @cached_property
    def examples(self) -> Examples:
        """The example photos."""
        return Examples(self.cache)

    @cached_property
    def cores(self) -> Shares:
        """Who may use how many."""
        return Shares()

    @cached_property
    def clients(self) -> Clients:
        """What each client has taken."""
        return Clients(self.limits)

    @cached_property
    def queue(self) -> JobQueue:
        """The trainings of all visitors."""
        return JobQueue(self.limits)
