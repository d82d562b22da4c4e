"""Signals that ask a run to stop: it saves at the next batch, then it ends."""

import logging
import signal
import threading
from types import FrameType, TracebackType
from typing import Any

from unet_lightning.error import Interrupted

log = logging.getLogger(__name__)
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2)


class SignalGuard:
    """A context that catches SIGINT, SIGTERM, SIGUSR1 and SIGUSR2.

    While `deferred` is true the first signal is only stored in `signum`, which is checked between two batches.
    Otherwise, and at a second SIGINT, it raises Interrupted immediately. Outside the main thread it does nothing.
    """

    def __init__(self) -> None:
        self.signum, self.deferred = 0, False
        self.before: dict[int, Any] = {}

    def __enter__(self) -> "SignalGuard":
        if threading.current_thread() is threading.main_thread():
            self.before = {signum: signal.signal(signum, self._caught) for signum in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for signum, handler in self.before.items():
            signal.signal(signum, handler)

    def _caught(self, signum: int, frame: FrameType | None) -> None:
        if not self.deferred or (self.signum and signum == signal.SIGINT):
            raise Interrupted(signum)
        if not self.signum:
            log.warning(f"{signal.Signals(signum).name}: the run is saved at the next batch, then it ends")
        self.signum = self.signum or signum
