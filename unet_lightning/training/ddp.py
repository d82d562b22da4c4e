"""Evaluation under DDP."""

from typing import Any

from lightning.pytorch.strategies import DDPStrategy


class EvaluationSafeDDP(DDPStrategy):
    """DDP whose evaluation steps call the bare module: DDP's own forward talks to the other processes, and these may
    have no image left.
    """

    def validation_step(self, *args: Any, **kwargs: Any) -> Any:
        """One whole image, or None."""
        assert self.lightning_module is not None
        with self.precision_plugin.val_step_context():
            return self.lightning_module.validation_step(*args, **kwargs)

    def test_step(self, *args: Any, **kwargs: Any) -> Any:
        """One whole image, or None."""
        assert self.lightning_module is not None
        with self.precision_plugin.test_step_context():
            return self.lightning_module.test_step(*args, **kwargs)
