"""What no run and no verb can mean, refused in one line by the key's name; and paths of any characters, which work."""

import shlex

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from tests.small import TRIAL, config, write_untrained
from unet_lightning.command.arguments import parse, parser
from unet_lightning.config.check import check
from unet_lightning.config.compose import compose
from unet_lightning.config.overrides import check_overrides, warn_repeated
from unet_lightning.config.quote import quote_paths
from unet_lightning.error import InputError, shown
from unet_lightning.prediction.identity import check_identity
from unet_lightning.prediction.load import load
from unet_lightning.training.build import build

NAMES = ["中文", "ä ö", "a (1)", "it's", "a;b", "~x", "#1", "[x]", "a=b", "$(x)", "a!b", '"q"x', "1e3", "true", "a "]


@pytest.fixture(scope="module")
def plain():
    return config("data=synthetic", "augment=elastic")


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return write_untrained(tmp_path_factory.mktemp("run") / "checkpoints" / "best.ckpt")


def changed(plain, key, value):
    """The config with one value replaced, or taken out."""
    head, _, rest = key.partition(".")
    if rest:
        return plain | {head: changed(plain[head], rest, value)}
    return {k: v for k, v in plain.items() if k != head} if value is KeyError else plain | {head: value}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        *[(key, KeyError) for key in ("seed", "model", "data.crop", "data.background", "trainer.devices", "trainer")],
        *[(key, None) for key in ("model", "data", "trainer.callbacks", "trainer.callbacks.panels")],
        *[(f"trainer.{key}", 0) for key in ("accumulate_grad_batches", "limit_train_batches", "limit_val_batches")],
        *[(f"trainer.{key}", -1) for key in ("gradient_clip_val", "check_val_every_n_epoch", "log_every_n_steps")],
        *[("trainer.limit_test_batches", -0.5), ("trainer.limit_val_batches", 1.5), ("trainer.max_steps", 0)],
        *[("trainer.callbacks.checkpoint.filename", None), ("trainer.callbacks.checkpoint.filename", "")],
        *[("augment.context", float("inf")), ("optimizer.lr", float("nan")), ("augment.warp.elastic", float("inf"))],
        *[("data.crop", 1_000_000), ("data.height", 10**12), ("data.height", 1e12), ("data.ridge", 10**6)],
        *[("model.depth", 400), ("model.base_channels", 10**6), ("data.batch_size", 10**9), ("seed", True)],
        *[("postprocess.ridge", 10**12), ("trainer.precision", ""), ("trainer.strategy", "")],
    ],
)
def test_a_run_that_cannot_be_meant_is_refused_by_its_key(plain, key, value):
    with pytest.raises(InputError) as caught:
        check(changed(plain, key, value))
    assert str(caught.value).startswith(key)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("verb", "override", "words"),
    [
        ("predict", "ema=null", "predict doesn't use ema; it uses tile, tiling, tta, postprocess"),
        ("predict", "seed=-inf", "predict doesn't use seed"),
        ("predict", "data.root=/x", "predict doesn't use data.root"),
        ("predict", "optimizer.lr=1", "training fixed optimizer.lr"),
        ("predict", "trainer=default", "predict doesn't use trainer"),
        ("predict", "hydra.run.dir=x", "predict doesn't use hydra.run.dir"),
        ("predict", "postprocess.ridge=1000000000000", "less than or equal to 1024"),
        ("predict", "postprocess.min_size=${nope}", "'nope' not found"),
        ("predict", "+postprocess.a.b=1", "no postprocess.a"),
        ("predict", "tile=1.5", "tile=1.5: expected 1 to"),
        ("predict", "tiling=mirror", "tiling=mirror: expected overlap or nnunet"),
        ("predict", "tiling=[overlap]", "tiling=['overlap']: expected overlap or nnunet"),
        ("predict", "trainer.precision=", "trainer.precision=: input should be 'auto'"),
        ("predict", "trainer.accelerator=abacus", "trainer.accelerator=abacus: input should be 'auto'"),
        ("evaluate", "data.height=abc", "data.height=abc: input should be a valid integer"),
        ("evaluate", "seed=-inf", "seed=-inf: expected 0 to"),
        ("evaluate", "data.crop=64", "evaluate doesn't use data.crop"),
        ("evaluate", "data.folds=1", "data.folds=1: input should be greater"),
        ("evaluate", "split=[val]", "split=['val']: input should be 'test' or 'val'"),
        ("evaluate", "resamples=nan", "resamples=nan: input should be"),
        ("tune", "tolerance=1", "tune doesn't use tolerance; it uses tile, tiling, tta"),
        ("export", "seed=1", "export doesn't use seed; it uses tile, tiling, tta, postprocess"),
    ],
)
def test_a_verb_refuses_what_it_does_not_use_and_what_its_parts_do_not_take(trained, verb, override, words):
    with pytest.raises(InputError) as caught:
        load(trained, overrides=[override], verb=verb)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_a_verb_uses_is_taken(trained):
    typed = ["tile=64", "tta=flips", "postprocess=watershed", "postprocess.neck=2", "trainer.precision=32-true"]
    more = ["data.number=7", "data.fold=1", "seed=3", "split=val", "tolerance=1"]
    model = load(trained, overrides=[*typed, *more], verb="evaluate")
    assert (model.tile, model.postprocess.neck, model.config["data"]["number"]) == (64, 2, 7)
    assert load(trained, verb="tune", fixed=["split=val"]).config["split"] == "val"


def test_another_data_set_may_be_scored_and_keys_follow_their_part_in_any_order(trained):
    """Also where the new part leaves a key open that has to be given, as data.root."""
    typed = ["data.root=/set", "postprocess.neck=2", "data=folder", "postprocess=watershed", "data.manifest=m.csv"]
    model = load(trained, overrides=typed, verb="evaluate")
    assert (model.config["data"]["root"], model.config["data"]["manifest"]) == ("/set", "m.csv")
    assert model.postprocess.neck == 2
    with pytest.raises(InputError, match="rot is not a key"):
        load(trained, overrides=["data=folder", "data.rot=/set"], verb="evaluate")


def test_what_no_verb_could_read_from_a_checkpoint_is_refused_before_training():
    check_identity(build(config(*TRIAL, "trainer.precision=32")).task.identity)
    with pytest.raises(InputError, match="classes"):
        build(config(*TRIAL, "data.classes=['',cell]"))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("key", ["data.root", "data.manifest", "+data.cache_dir", "run"])
def test_a_path_reaches_the_config_as_it_was_typed(name, key):
    (line,) = quote_paths([f"{key}={name}"])
    assert OverridesParser.create().parse_override(line).value() == name


def test_lists_sweeps_null_and_interpolations_of_paths_keep_their_meaning():
    kept = ["data.root=/a,/b", "data.root=null", "data.root='/a b'", "data.root=${oc.env:HOME}/x", "seed=(1)"]
    assert quote_paths(kept) == kept
    (line,) = quote_paths(["data.sequences=[01,ä ö]"])
    assert OverridesParser.create().parse_override(line).value() == ["01", "ä ö"]


def test_an_existing_path_with_a_comma_is_one_path(tmp_path):
    (tmp_path / "a,b").mkdir()
    (line,) = quote_paths([f"data.root={tmp_path}/a,b"])
    assert OverridesParser.create().parse_override(line).value() == f"{tmp_path}/a,b"


def test_paths_of_any_characters_compose():
    found = compose(["data=folder", "data.root=/it's (1)/数据", "data.manifest=[a] b.csv"])
    assert (found.data.root, found.data.manifest) == ("/it's (1)/数据", "[a] b.csv")


@pytest.mark.parametrize("value", ["背景", "[背景,细胞]", "it's", "a(b", "[", "a$b#", "a!;b", "~"])
def test_the_line_that_mends_a_value_can_be_typed_as_it_stands(value):
    with pytest.raises(InputError) as caught:
        check_overrides([f"data.classes={value}"])
    (typed,) = shlex.split(str(caught.value).rpartition("; type ")[2])
    found = OverridesParser.create().parse_override(typed).value()
    assert found == (value[1:-1].split(",") if value.startswith("[背") else value)


@pytest.mark.parametrize("override", ["seed", "中=3", "a b=3", ""])
def test_what_is_no_override_is_said_to_be_none(override):
    with pytest.raises(InputError, match=r"is no override; expected key=value"):
        check_overrides([override])


def test_a_key_given_twice_is_said_and_the_last_one_counts(capsys):
    warn_repeated(["seed=1", "tile=3", "+seed=2"])
    assert capsys.readouterr().err == "warning: seed is given twice, seed=1 and +seed=2; the last one counts\n"
    warn_repeated(["weight=border", "weight@weight.base=balanced", "~trainer.callbacks.panels"])
    assert capsys.readouterr().err == ""
    assert parse(parser("predict", ""), ["tile=1", "tile=2"])[1] == ["tile=1", "tile=2"]
    assert "tile is given twice" in capsys.readouterr().err


def test_an_interpolation_that_leads_nowhere_is_named():
    with pytest.raises(InputError, match="seed: Interpolation key 'nope' not found"):
        config("seed=${nope}")


def test_a_value_is_shown_in_a_line():
    assert shown("a\nb\x1b[0m") == r"a\nb\x1b[0m"
    assert len(shown(list(range(1000)))) == 80
    assert shown(10**5000) == "a int too large to show"


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("data.ridge", 500, "data.ridge=500: the largest object is"),
        ("trainer.accumulate_grad_batches", 2, "trainer.accumulate_grad_batches=2: an epoch has 1 batches"),
    ],
)
@pytest.mark.parametrize("batch_size", [4, 16])  # of 6 crops: an incomplete last batch is left out unless it is alone
def test_what_the_data_leave_no_room_for_is_refused(key, value, words, batch_size):
    wrong = changed(config(*TRIAL, f"data.batch_size={batch_size}"), key, value)  # 3 training images, 2 crops of each
    check(wrong)
    with pytest.raises(InputError, match=words):
        build(wrong)
