from threading import Thread

import pytest
from torch.distributed import HashStore

from unet_lightning.error import InputError
from unet_lightning.runtime.distributed import gather_dict, made_once, make_or_await


def test_what_was_gathered_comes_in_the_order_of_the_images_whatever_order_they_were_scored_in():
    assert list(gather_dict({2: "c", 0: "a", 1: "b"}).items()) == [(0, "a"), (1, "b"), (2, "c")]


def test_a_text_is_made_by_the_first_process_alone():
    store, found = HashStore(), []

    def never():
        raise AssertionError("was called")

    others = [Thread(target=lambda: found.append(make_or_await(store, False, "x", never))) for _ in range(2)]
    for other in others:
        other.start()
    assert make_or_await(store, True, "x", lambda: "made") == "made"
    for other in others:
        other.join(10)
    assert found == ["made", "made"]


def test_where_the_first_process_fails_the_others_wait_no_longer():
    store = HashStore()
    with pytest.raises(ZeroDivisionError):
        make_or_await(store, True, "x", lambda: str(1 / 0))
    with pytest.raises(InputError, match="first process of this run failed"):
        make_or_await(store, False, "x", str)


def test_without_torchrun_each_process_makes_it(monkeypatch):
    monkeypatch.delenv("TORCHELASTIC_USE_AGENT_STORE", raising=False)
    assert made_once("x", lambda: "made") == "made"
