"""Sweeps on Ray's embedded cluster, its GPUs made up: `make test-cluster`."""

import json

import pytest

from tests.cluster import witness

pytest.importorskip("ray", reason="the extra ray isn't installed")
pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize(("share", "most"), [(1, 1), (0.5, 2)])
def test_trials_share_gpus_as_told_and_a_crash_loses_no_other(sweep, tmp_path, share, most):
    launch = ["launch=ray", "launch.gpus=2", f"launch.gpus_per_trial={share}", "launch.cpus_per_trial=0.25"]
    process = sweep("data.noise=0.01,0.02,0.3,0.04,0.05", *launch)
    assert process.wait(400) == 1, (tmp_path / "log").read_text()[-3000:]
    found = {path.parent.name: json.loads(path.read_text())["status"] for path in tmp_path.glob("sweep/*/results.json")}
    assert [name for name, status in found.items() if status != "finished"] == ["data.noise=0.3"]
    lines = witness.read(tmp_path / "witness")
    assert len(lines) == 4
    assert {line["devices"] for line in lines} == {"0", "1"}
    for device in "01":
        assert witness.most_at_once([line for line in lines if line["devices"] == device]) <= most
    print("at once", witness.most_at_once(lines), "with", share, "GPU each of 2")
