"""Ranges of what other libraries' parts take without a word, and a run can't mean."""

from collections.abc import Callable, Mapping
from typing import Any

from unet_lightning.error import nearest, shown
from unet_lightning.metric.names import CLASS_SCORES, OBJECT_SCORES

NEEDED = (  # which the code of this package reads itself
    *("_target_", "callbacks", "accelerator", "devices", "num_nodes", "strategy", "precision"),
    *("sync_batchnorm", "enable_progress_bar"),
)
LOGGED = (  # scores of a validation
    "val/loss",
    *(f"val/objects/{score}" for score in OBJECT_SCORES),
    *(
        f"val/{averaging}/{score}/{name}"
        for averaging in ("pooled", "image_mean")
        for score in CLASS_SCORES
        for name in ("foreground", "mean")
    ),
    *(f"val/{averaging}/pixel_accuracy/mean" for averaging in ("pooled", "image_mean")),
)
Rule = tuple[Callable[[Any], bool], str]


def is_number(value: Any) -> bool:
    """Whether it is a number; true and false are none."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_count(value: Any, least: int = 1) -> bool:
    """Whether it is a whole number, from `least`."""
    return is_number(value) and isinstance(value, int) and value >= least


def is_share(value: Any, least: int = 1) -> bool:
    """Whether it is a share from 0.0 to 1.0, 0.0 itself where `least` is 0, or a whole number from `least`."""
    return is_count(value, least) or (isinstance(value, float) and (0 < value <= 1 or value == least == 0))


SHARE: Rule = (
    lambda n: n is None or is_share(n),
    "expected a share above 0.0 up to 1.0, a whole number from 1, or null for all",
)
TRAINER: dict[str, Rule] = {
    "max_epochs": (lambda n: n is None or is_count(n, -1), "expected a whole number, or -1 for no limit"),
    "max_steps": (lambda n: n == -1 or is_count(n), "expected a whole number from 1, or -1 for no limit"),
    "limit_train_batches": SHARE,
    "limit_val_batches": SHARE,
    "limit_test_batches": (
        lambda n: n is None or is_share(n, 0),
        "expected a share from 0.0 to 1.0, a whole number, or null for all",
    ),
    "overfit_batches": (lambda n: is_share(n, 0), "expected a share from 0.0 to 1.0, or a whole number"),
    "check_val_every_n_epoch": (lambda n: n is None or is_count(n), "expected a whole number from 1"),
    "accumulate_grad_batches": (is_count, "expected a whole number from 1"),
    "gradient_clip_val": (lambda n: n is None or (is_number(n) and n >= 0), "expected a number from 0, or null"),
    "log_every_n_steps": (lambda n: n is None or is_count(n, 0), "expected a whole number from 0"),
    "num_sanity_val_steps": (lambda n: n is None or is_count(n, -1), "expected a whole number from 0, or -1 for all"),
    "num_nodes": (is_count, "expected a whole number from 1"),
    "fast_dev_run": (lambda n: isinstance(n, bool) or is_count(n, 0), "expected true, false or a whole number"),
    "strategy": (lambda n: isinstance(n, str) and n != "", "expected auto or ddp"),
    "enable_progress_bar": (lambda n: isinstance(n, bool), "expected true or false"),
    "sync_batchnorm": (lambda n: isinstance(n, bool), "expected true or false"),
}
OURS = {  # of Lightning's trainer, which a run gives itself
    "logger": "the run chooses its loggers by logger=NAME, several by logger=[tensorboard,csv], another class by "
    "+logger.NAME._target_=CLASS",
    "default_root_dir": "the run's folder is outputs/NAME, by run=NAME; leave it out",
    "plugins": "the run has its own; leave it out",
    "use_distributed_sampler": "the run's samplers share out images themselves; leave it out",
}


def trainer_findings(trainer: Mapping[str, Any]) -> list[str]:
    """A sentence for every key of the trainer whose value a run can't mean, or that is missing."""
    found = [f"trainer.{name} is missing: leave ~trainer.{name} out" for name in NEEDED if name not in trainer]
    for name, (holds, expected) in TRAINER.items():
        if name in trainer and not holds(trainer[name]):
            found.append(f"trainer.{name}={shown(trainer[name])}: {expected}")
    found += [f"trainer.{name}={shown(trainer[name])}: {remedy}" for name, remedy in OURS.items() if name in trainer]
    return found + callback_findings(trainer.get("callbacks", {}))


def logger_findings(logger: Any) -> list[str]:
    """A sentence for what is no logger."""
    if not isinstance(logger, Mapping):
        return [f"logger={shown(logger)}: expected one of conf/logger, or several: logger=[tensorboard,csv]"]
    ours = [name for name, node in logger.items() if isinstance(node, Mapping) and _is_ours(node)]
    found = [f"logger.{name}._partial_: expected true" for name in ours if logger[name].get("_partial_") is not True]
    return found + [
        f"logger.{name}={shown(node)}: expected a logger with its class, logger.{name}._target_=…; several of "
        "conf/logger by logger=[NAME,NAME]"
        for name, node in logger.items()
        if not (isinstance(node, Mapping) and isinstance(node.get("_target_"), str))
    ]


def _is_ours(node: Mapping[str, Any]) -> bool:
    """Whether a logger is of this package, and waits for the run's folder."""
    return str(node.get("_target_")).startswith("unet_lightning.logger.")


def callback_findings(callbacks: Any) -> list[str]:
    """A sentence for what is no callback, and for a checkpoint without a name."""
    if not isinstance(callbacks, Mapping):
        return [
            f"trainer.callbacks={shown(callbacks)}: expected callbacks by name; take one out by ~trainer.callbacks.NAME"
        ]
    targets = [str(node.get("_target_", "")) for node in callbacks.values() if isinstance(node, Mapping)]
    stock = all(target.startswith(("lightning.", "unet_lightning.")) for target in targets)  # others may log more
    found = []
    for name, node in callbacks.items():
        key = f"trainer.callbacks.{name}"
        target = node.get("_target_") if isinstance(node, Mapping) else None
        if not isinstance(target, str):
            found.append(f"{key}={shown(node)}: expected a callback; take it out by ~{key}")
        elif target.endswith(".ModelCheckpoint") and not node.get("filename"):
            found.append(f"{key}.filename={shown(node.get('filename'))}: expected a name such as best")
        elif stock and str(node.get("monitor", "")).startswith("val/") and node["monitor"] not in LOGGED:
            found.append(f"{key}.monitor={shown(node['monitor'])} is never logged; {nearest(node['monitor'], LOGGED)}")
    return found
