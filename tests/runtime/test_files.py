import json

import pytest

from unet_lightning.runtime.files import read_results

DEEP = b"[" * 100_000 + b"]" * 100_000
NO_RESULTS = [
    *(b"", b"[]", b"null", b"\xff\xfe\x00", b'{"status": "fin', DEEP, b'{"status": ["finished"]}', b'{"val": 3}'),
    *(b'{"overrides": "seed=0"}', b'{"overrides": [1]}', b'{"memory": {"gpu": "much"}}', b'{"seconds": "long"}'),
]


@pytest.mark.parametrize("content", NO_RESULTS, ids=range(len(NO_RESULTS)))
def test_what_no_run_writes_counts_as_absent_and_is_said_once(tmp_path, caplog, content):
    (tmp_path / "results.json").write_bytes(content)
    assert read_results(tmp_path) == read_results(tmp_path) == {}
    assert caplog.text.count(f"{tmp_path}/results.json: not what a run writes") == 1


def test_what_a_run_writes_is_read_and_nothing_is_said_of_what_is_not_there(tmp_path, caplog):
    assert read_results(tmp_path) == {}
    found = {"status": "finished", "overrides": ["seed=0"], "memory": {"gpu": None, "process": 7}, "seconds": 1.5}
    (tmp_path / "results.json").write_text(json.dumps(found))
    assert read_results(tmp_path) == found
    assert not caplog.text
