from tests.small import SMALL, config
from unet_lightning.config.plain import NEUTRAL, config_hash, flat
from unet_lightning.training.folder import differences


def without(node, names):
    """A config without keys, whose dotted names are given."""
    inner = {key: [name.partition(".")[2] for name in names if name.startswith(f"{key}.")] for key in node}
    kept = {key: child for key, child in node.items() if key not in names}
    return {key: without(child, inner[key]) if inner[key] else child for key, child in kept.items()}


def test_a_key_that_came_later_is_no_difference_where_it_changes_nothing():
    now = config(*SMALL, "schedule=poly")
    before = without(now, [*NEUTRAL, "plan", "target", "trainer.callbacks.deadline"])
    of_another_plan = {"plan.patience"}
    assert flat(now).keys() - flat(before).keys() == NEUTRAL.keys() - of_another_plan
    assert config_hash(before) == config_hash(now)
    assert differences(before, now) == {}
    other = config(*SMALL, "schedule=poly", "data.foreground_by=batch", "data.steps=7")
    assert differences(before, other) == {"data.steps": (None, 7), "data.foreground_by": ("crop", "batch")}
    assert differences(other, before) == {"data.steps": (7, None), "data.foreground_by": ("batch", "crop")}
    assert config_hash(other) != config_hash(now)
