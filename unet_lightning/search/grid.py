"""Every combination of the values given."""

from collections.abc import Iterable
from itertools import product

from hydra.core.override_parser.types import Override

from unet_lightning.error import InputError
from unet_lightning.search.base import Search


class Grid(Search):
    """Tries every combination of every grid."""

    def explore(self, grids: list[list[Override]]) -> None:
        """Run all combinations of all grids; the launcher distributes them."""
        self.run(combination for grid in grids for combination in combinations(grid))


def combinations(overrides: Iterable[Override]) -> list[list[str]]:
    """Every combination of the values of the overrides that have several."""
    values = []
    for override in overrides:
        if override.is_discrete_sweep():
            values.append([f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()])
        elif override.is_sweep_override():
            raise InputError(f"{override.input_line}: only search=tpe chooses from an interval; give the values")
        else:
            values.append([str(override.input_line)])
    return [list(chosen) for chosen in product(*values)]
