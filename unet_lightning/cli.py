"""`unet-lightning VERB FILES key=value…`: flags are for files and what a person says, settings are overrides."""

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module

from unet_lightning import __version__
from unet_lightning.command.arguments import refuse
from unet_lightning.error import InputError, nearest

VERBS = {
    "train": "train and score a network; python train.py is the same",
    "predict": "label images of any size with a checkpoint or an ensemble",
    "evaluate": "score a checkpoint on whole images, with intervals and a report",
    "compare": "test which of several evaluated runs is better, on the same images",
    "tune": "choose the post-processing on the validation split",
    "ensemble": "make one model of the checkpoints of a cross-validation, chosen and scored out of fold",
    "export": "write a network that runs without torch, with an example that does",
    "validate": "check a data set without training: description, errors, leakage, contact sheet",
    "plan": "show what a plan would choose for a data set, without training",
    "find-lr": "find a learning rate: a range test with its plot",
    "doctor": "say whether this machine can train, and what to type where it can't",
    "convert": "write any data set as the plain layout that data=folder reads",
    "sweep-report": "compare the trials of a sweep: means over seeds, effects, cost, the best overrides",
}


def main() -> None:
    """The console script: `main(arguments) -> exit code` of the module in command/ that is named like the verb."""
    verb, rest = (sys.argv[1], sys.argv[2:]) if len(sys.argv) > 1 else ("", [])
    if verb in ("", "-h", "--help"):
        lines = [f"  {name:<14} {text}" for name, text in VERBS.items()]
        with _quiet_when_nobody_reads():
            print("\n".join(["unet-lightning VERB FILES… key=value…\n", *lines, "\nMore: unet-lightning VERB --help"]))
        sys.exit(0 if verb else 2)
    if verb == "--version":
        print(f"unet-lightning {__version__}")
        sys.exit(0)
    if verb not in VERBS:
        refuse(f"{verb} is not a verb; {nearest(verb, VERBS)}")
    if verb == "train":  # Hydra reads the arguments itself
        sys.argv = ["unet-lightning train", *rest]
    run(verb, rest)


def train() -> None:
    """What `python train.py …` does."""
    run("train", sys.argv[1:])


def run(verb: str, arguments: list[str]) -> None:
    """Run a verb and exit with its code; 2 for wrong arguments or input.

    As `python -m` does, it finds packages in the working folder too, after those that are installed.
    """
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())
    try:
        with _quiet_when_nobody_reads():
            code = import_module(f"unet_lightning.command.{verb.replace('-', '_')}").main(arguments)
    except InputError as error:
        refuse(str(error))
    sys.exit(code)


@contextmanager
def _quiet_when_nobody_reads() -> Iterator[None]:
    """If the reader of a pipe has closed it, as `head` does, end without a traceback and with a nonzero exit code."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        if not _nobody_reads():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # for the flush at exit
        sys.exit(128 + signal.SIGPIPE)


def _nobody_reads() -> bool:
    """Whether standard output is a pipe whose other end is closed."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), select.POLLOUT)
    return any(event & select.POLLERR for _, event in poll.poll(0))
