"""Numbers as text for people."""

from collections.abc import Sequence
from math import isfinite, isnan


def format_number(value: float, digits: int = 4) -> str:
    """A score as text; a dash where there is none."""
    return "–" if isnan(value) else f"{value:.{digits}f}"


def format_interval(bounds: Sequence[float]) -> str:
    """An interval as text."""
    return "–" if isnan(bounds[0]) else f"{bounds[0]:.4f} to {bounds[1]:.4f}"


def format_mean_std(mean: float, std: float) -> str:
    """A mean and its standard deviation, where there is one."""
    return format_compact(mean) if isnan(std) else f"{format_compact(mean)} ± {format_compact(std)}"


def format_compact(value: float) -> str:
    """Four decimals below 10, none above; a dash where there is no number."""
    if not isfinite(value):
        return "–"
    return f"{value:.4f}" if abs(value) < 10 else f"{value:,.0f}"
