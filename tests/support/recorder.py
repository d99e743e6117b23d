"""Run controls for tests: one that keeps what is reported and may cancel itself, and one that is cancelled."""

from reco_core.utils.run_control import RunControl


class Recorder(RunControl):
    """reports: what was reported, in order. It cancels itself after so many (of one stage, if that is given)."""

    def __init__(self, stop_after: int = 0, stage: str = "") -> None:
        super().__init__(self._keep)
        self.reports: list[tuple[str, int, int]] = []
        self.stop_after, self.stage = stop_after, stage

    @property
    def stages(self) -> list[str]:
        return [stage for stage, _, _ in self.reports]

    def _keep(self, stage: str, done: int, total: int) -> None:
        self.reports.append((stage, done, total))
        counted = self.stages.count(self.stage) if self.stage else len(self.reports)
        if counted == self.stop_after:
            self.cancel()


def cancelled() -> RunControl:
    """One that is cancelled from the start."""
    control = RunControl()
    control.cancel()
    return control
