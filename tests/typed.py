"""A command line typed in this process: what its own process would give, without the seconds that imports take."""

import io
import logging
import os
import sys
from contextlib import ExitStack, chdir, contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import pytest

from unet_lightning.cli import main

ROOT = Path(__file__).parents[1]


def typed(verb, *arguments, cwd=ROOT):
    """Exit code and output of `unet-lightning VERB ARGUMENTS`; an exception that would end it in a traceback passes."""
    output, errors = io.StringIO(), io.StringIO()
    words = mock.patch.object(sys, "argv", ["unet-lightning", verb, *map(str, arguments)])
    place = mock.patch.dict(os.environ), chdir(cwd), redirect_stdout(output), redirect_stderr(errors)
    with ExitStack() as stack:
        for one in (words, *place, _handlers_kept(), pytest.raises(SystemExit)):
            ended = stack.enter_context(one)
        main()
    return SimpleNamespace(returncode=ended.value.code, stdout=output.getvalue(), stderr=errors.getvalue())


@contextmanager
def _handlers_kept():
    """Hydra puts its own handlers of log messages in the place of those that are there."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        for handler in set(root.handlers) - set(handlers):
            handler.close()
        root.handlers[:] = handlers
        root.setLevel(level)
