"""An iterator that computes the next items in a thread while the current one is used."""

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")
END: Any = object()


def prefetch(items: Iterable[T], number: int = 1) -> Iterator[T]:
    """The same items in the same order, up to `number` of them computed in advance; exceptions are passed on."""
    iterator = iter(items)
    with ThreadPoolExecutor(1) as pool:
        waiting: deque[Future[T]] = deque(pool.submit(next, iterator, END) for _ in range(number))
        item = [waiting.popleft().result()]
        while item[0] is not END:
            waiting.append(pool.submit(next, iterator, END))
            yield item.pop()  # kept by no name here: whoever takes a large one can free it
            item.append(waiting.popleft().result())
