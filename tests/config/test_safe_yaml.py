"""Files that should be configs and may be anything: one line that names the file, and what they'd hold isn't made."""

import json
from unittest.mock import Mock

import pytest
from omegaconf import OmegaConf

from tests.runtime.test_files import DEEP
from tests.small import TRIAL, config
from unet_lightning.command.train import _preset_folders
from unet_lightning.config import safe_yaml
from unet_lightning.config.plain import read_config, write_config
from unet_lightning.config.safe_yaml import load_mapping
from unet_lightning.error import InputError
from unet_lightning.evaluation.protocol import read_evaluation
from unet_lightning.prediction.load import _tuned
from unet_lightning.sweep.plan import read_plan

BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 30))
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{k}: &a{k} [*a{k - 1}]\n" for k in range(1, 2000))
NO_CONFIGS = {
    "list": b"- 1\n",
    "binary": bytes(range(256)),
    "no yaml": b"a: [1\nb: }",
    "twice": b"a: 1\na: 2\n",
    "deep": DEEP,
    "deeper": b"a:\n" + b"".join(b" " * k + b"a:\n" for k in range(1, 500)),
    "bomb": BOMB.encode(),
    "chain": CHAIN.encode(),
    "circle": b"a: &a [*a]\n",
    "large": b"#" * 2**21,
}
TOO_MUCH = {"deep", "deeper", "bomb", "chain", "circle", "large"}  # for OmegaConf, which writes aliases out


@pytest.mark.parametrize("kind", NO_CONFIGS)
def test_a_file_that_is_no_config_is_named_in_one_line_and_not_written_out(tmp_path, monkeypatch, kind):
    """At most a step for each byte of the file, whatever its aliases stand for."""
    path = tmp_path / "train.yaml"
    path.write_bytes(NO_CONFIGS[kind])
    loaded, measured = Mock(wraps=OmegaConf.load), Mock(wraps=safe_yaml._measure)
    monkeypatch.setattr(OmegaConf, "load", loaded)
    monkeypatch.setattr(safe_yaml, "_measure", measured)
    for read in (read_config, lambda path: _preset_folders(["-cd", str(path.parent)])):
        with pytest.raises(InputError, match=f"^{path}: not (the config of a run|a preset) \\(") as caught:
            read(path)
        assert "\n" not in str(caught.value)
    assert loaded.called <= (kind not in TOO_MUCH)
    assert measured.call_count <= 2 * len(NO_CONFIGS[kind])


def test_aliases_and_empty_files_are_no_fault_of_a_preset_and_a_config_without_keys_is_none_of_a_run(tmp_path):
    path = tmp_path / "train.yaml"
    path.write_text("a: &a {x: 1}\nb: *a\nc: {<<: *a, y: 2}\n")
    assert load_mapping(path) == {"a": {"x": 1}, "b": {"x": 1}, "c": {"x": 1, "y": 2}}
    for text in ("", "null", "{}", "data: 1"):
        path.write_text(text)
        load_mapping(path)
        with pytest.raises(InputError, match=r"not the config of a run \(it lacks keys\)"):
            read_config(path)


def test_what_a_run_wrote_is_read_back(tmp_path):
    plain = config(*TRIAL)
    write_config(plain, tmp_path / "config.yaml")
    assert read_config(tmp_path / "config.yaml") == plain


BAD_JSON = [
    *[b"", b"[]", b"null", b"3", b"\xff", DEEP],
    b'{"postprocess": [1], "a": [2], "per_image": 1}',
    b'{"postprocess": {"min_size": 3}, "protocol": {}, "provenance": {}, "per_image": []}',
    b'{"protocol": {}, "provenance": [], "per_image": [{}]}',
    b'{"protocol": {}, "provenance": {}, "per_image": [3]}',
]


@pytest.mark.parametrize("content", BAD_JSON, ids=range(len(BAD_JSON)))
@pytest.mark.parametrize(
    ("read", "name"),
    [
        (_tuned, "best.postprocess.json"),
        (lambda path: read_plan(path.parent), "sweep.json"),
        (read_evaluation, "evaluation.json"),
    ],
)
def test_other_files_that_are_not_what_they_should_be_are_named_in_one_line(tmp_path, read, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=f"^{path}: not what .*(again|delete it)") as caught:
        read(path)
    assert "\n" not in str(caught.value)


def test_a_plan_is_read_as_it_was_written(tmp_path):
    (tmp_path / "sweep.json").write_text(json.dumps({"loss=ce": ["loss=ce", "seed=0"]}))
    assert read_plan(tmp_path) == {"loss=ce": ["loss=ce", "seed=0"]}
