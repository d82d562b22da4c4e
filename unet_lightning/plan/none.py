"""No plan: every value is that of conf/ or of the command line."""

from collections.abc import Mapping
from typing import Any

from unet_lightning.plan.base import Decision, Plan


class NoPlan(Plan):
    """Chooses nothing."""

    def decide(self, plain: Mapping[str, Any], typed: Mapping[str, Any]) -> Decision:
        """No choices, and nothing is read."""
        return Decision()
