import os

import pytest

from unet_lightning.runtime.variable import OTHERS, OURS, variables


@pytest.fixture(autouse=True)
def unset(monkeypatch):
    for name in [name for name in os.environ if name.startswith(OURS) or name in OTHERS]:
        monkeypatch.delenv(name)


def test_nothing_is_said_where_nothing_is_set():
    assert variables() == []


def test_variables_that_count_are_shown_and_secrets_are_not(monkeypatch, tmp_path):
    monkeypatch.setenv("UNET_LIGHTNING_DATA", str(tmp_path))
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setenv("WANDB_API_KEY", "secret")
    found = variables()
    assert [finding.value for finding in found] == ["OMP_NUM_THREADS=2", f"UNET_LIGHTNING_DATA={tmp_path}"]
    assert not any(finding.problem for finding in found)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("UNET_LIGHTNING_DATA", "/nowhere", "it is no folder"),
        ("UNET_LIGHTNING_DATE", "x", "did you mean 'UNET_LIGHTNING_DATA'"),
    ],
)
def test_what_leads_nowhere_is_told(monkeypatch, name, value, words):
    monkeypatch.setenv(name, value)
    (found,) = variables()
    assert words in found.problem
    assert (found.remedy, found.stops) == (f"unset {name}", False)
