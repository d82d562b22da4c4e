import pytest

from unet_lightning.command.arguments import is_override, parse, parser


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("loss=focal", True),
        ("+trainer.x=1", True),
        ("~callbacks", True),
        ("weight@weight.base=balanced", True),
        ("data.root=/my/images", True),
        ("images", False),
        ("--overwrite", False),
        ("--output=here", False),
        ("outputs/sweep/loss=focal/checkpoints/best.ckpt", False),
        ("~/images", False),
    ],
)
def test_overrides_are_told_from_files(argument, expected):
    assert is_override(argument) is expected


def test_an_existing_file_with_an_equals_sign_is_a_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loss=focal").touch()
    assert not is_override("loss=focal")
    assert is_override("loss=dice")


def test_files_flags_and_overrides_in_any_order():
    rules = parser("predict", "x")
    rules.add_argument("files", nargs="+")
    rules.add_argument("--output")
    files, overrides = parse(rules, ["a", "tile=64", "--output", "o", "b", "tta=flips"])
    assert (files.files, files.output, overrides) == (["a", "b"], "o", ["tile=64", "tta=flips"])
