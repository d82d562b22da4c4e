"""What the fuzz tests share: an attempt that may take so long, and how it ended."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from unet_lightning.error import InputError

BAD = ("traceback", "hang", "long")


@contextmanager
def limited(seconds: int) -> Iterator[None]:
    """TimeoutError for a block that takes longer."""

    def late(*_: object) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def attempt(action: Callable[[], object], seconds: int) -> tuple[str, str]:
    """How an action ended, and its message: done, refused in a line of at most 1,000 characters, or one of BAD."""
    try:
        with limited(seconds):
            action()
    except InputError as error:
        return ("refused" if len(str(error).splitlines()) == 1 and len(str(error)) < 1000 else "long"), str(error)
    except TimeoutError:
        return "hang", ""
    except Exception as error:
        return "traceback", f"{type(error).__name__}: {error}"
    return "done", ""
