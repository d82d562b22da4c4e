"""Hide warnings of libraries that don't apply here."""

import logging
import warnings


def quieten() -> None:
    """Hide Lightning's info messages and warnings that don't apply here; its other warnings stay."""
    for name in ("lightning.pytorch", "lightning.fabric"):
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("lightning.pytorch.profilers").setLevel(logging.INFO)  # whoever asks for one wants its table
    warnings.filterwarnings("ignore", "`isinstance\\(treespec, LeafSpec\\)` is deprecated")
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    warnings.filterwarnings("ignore", ".*checkpoints exists and is not empty.*")  # a run that goes on
    warnings.filterwarnings("ignore", "The `srun` command is available")  # it need not be used
    warnings.filterwarnings("ignore", ".*sync_dist=True.*")  # what is logged is the same in every process already
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")  # of 1x1 kernels, channels last
