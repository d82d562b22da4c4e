"""The best setting of a sweep, its uncertainty, and the effects of the factors, by the validation split alone."""

import shlex
from math import isfinite, isnan, nan, sqrt

from unet_lightning.page.number import format_mean_std
from unet_lightning.sweep.effect import Effect, main_effects
from unet_lightning.sweep.outcome import SEED, Outcome, Setting, level, varied_levels


def title_of(setting: Setting, keys: list[str]) -> str:
    """A setting in one line: the keys that vary, with their values."""
    return ", ".join(f"{key}={setting.value(key)}" for key in keys)


def command(best: Setting | None) -> str:
    """The command to train a setting, without the seed; empty for None."""
    return shlex.join(["python", "train.py", *best.overrides]) if best else ""


def best_of(ranked: list[Setting]) -> Setting | None:
    """The setting with the best mean score, among those with at least half as many seeds as the most repeated one.

    With few seeds a high mean can be chance.
    """
    most = max((len(setting.trials) for setting in ranked), default=0)
    return next((setting for setting in ranked if 2 * len(setting.trials) >= most), None)


def advice(best: Setting | None, ranked: list[Setting], keys: list[str]) -> str:
    """The conclusion of the ranking and its uncertainty, in words."""
    if best is None:
        return "No trial has finished yet."
    seeds = f"{len(best.trials)} seed{'s' * (len(best.trials) > 1)}"
    text = f"Best on the validation split: {title_of(best, keys)} "
    text += f"({format_mean_std(best.mean('val'), best.std('val'))}, {seeds}"
    test = best.mean("test")
    text += f"; test {format_mean_std(test, best.std('test'))})." if isfinite(test) else ")."
    ahead, others = ranked[: ranked.index(best)], ranked[ranked.index(best) + 1 :]
    if others:
        text += f" {doubt(best, others, pooled_std(ranked))}"
    return text + (f" {len(ahead)} with fewer seeds have a higher mean so far." if ahead else "")


def doubt(best: Setting, others: list[Setting], noise: float) -> str:
    """How many other settings can't be distinguished from the best, given the standard deviation between seeds."""
    behind = [best.mean("val") - other.mean("val") for other in others]
    if isnan(noise):
        return f"The next is {behind[0]:.4f} behind; one seed can't tell whether that is noise."
    errors = [noise * sqrt(1 / len(best.trials) + 1 / len(other.trials)) for other in others]
    near = sum(gap <= 2 * error for gap, error in zip(behind, errors, strict=True))
    return f"{near} of {len(others)} others lie within two standard errors of it (seeds: SD {noise:.4f}, pooled)."


def pooled_std(ranked: list[Setting]) -> float:
    """The pooled standard deviation over seeds of all settings; nan where none was repeated."""
    repeated = [setting for setting in ranked if len(setting.trials) > 1]
    squares = sum((len(setting.trials) - 1) * setting.std("val") ** 2 for setting in repeated)
    return sqrt(squares / sum(len(setting.trials) - 1 for setting in repeated)) if repeated else nan


def effects_of(finished: list[Outcome], ranked: list[Setting], scored: str) -> dict[str, list[Effect]]:
    """Main effects of the factors; differences between seeds are a block where every trial names its seed."""
    factors = [key for key in varied_levels(finished) if key != SEED and not is_continuous(key, ranked)]
    if not factors:
        return {}
    columns = {key: [level(trial, key) for trial in finished] for key in factors}
    given = [trial.overrides.get(SEED, "") for trial in finished]
    return main_effects(
        [trial.score("val", scored) for trial in finished], columns, given if len(set(given)) > 1 else ()
    )


def is_continuous(key: str, ranked: list[Setting]) -> bool:
    """Whether a key holds numbers of which most were tried in one setting only, as numbers from an interval are."""
    values = [setting.value(key) for setting in ranked]
    try:
        numbers = {float(value) for value in values}
    except ValueError:
        return False
    return len(numbers) > 3 and 2 * sum(values.count(value) == 1 for value in values) > len(values)
