"""Loops over pixels, compiled by Numba. Its import is slow, so this module is imported inside functions that use it."""

from typing import Any

import numba
import numpy as np


@numba.njit(cache=True, nogil=True)
def _find(parents: Any, label: int) -> int:
    while parents[label] != label:
        parents[label] = parents[parents[label]]
        label = parents[label]
    return label


@numba.njit(cache=True, nogil=True)
def find_roots(parents: Any) -> Any:
    """(N,) parent of every label, none larger than the label, to the smallest label of its component, (N,)."""
    roots = parents.copy()
    for label in range(len(roots)):  # a parent is never larger than its child
        roots[label] = roots[roots[label]]
    return roots


@numba.njit(cache=True, nogil=True)
def label_band(
    band: Any,
    labels: Any,
    above: Any,
    labels_above: Any,
    holes: bool,
    used: int,
    parents: Any,
    areas: Any,
    classes: Any,
) -> int:
    """Write labels of connected components of a band (h, W) into `labels` (h, W); returns the number of labels in use.

    above, labels_above: the row above the band, (W,), and its labels; empty at the top of the image. holes: label the
    background (4-connected) instead of the other classes (8-connected). used: labels in use before. parents, areas,
    classes: tables by label, with room for the new ones, that are updated in place.
    """
    height, width = band.shape
    for y in range(height):
        first = y == 0
        open_above = first and len(above) == 0
        row, row_labels = (above, labels_above) if first else (band[y - 1], labels[y - 1])
        for x in range(width):
            own = band[y, x]
            if (own == 0) != holes:
                continue
            label = 0
            if x > 0 and band[y, x - 1] == own:
                label = _find(parents, labels[y, x - 1])
            if not open_above:
                reach = 0 if holes else 1
                for u in range(max(0, x - reach), min(width, x + reach + 1)):
                    if row[u] == own:
                        other = _find(parents, row_labels[u])
                        if label == 0:
                            label = other
                        elif other < label:
                            parents[label] = other
                            label = other
                        elif label < other:
                            parents[other] = label
            if label == 0:
                label = used
                parents[label] = label
                classes[label] = own if not holes else (band[y, x - 1] if x > 0 else 0)
                used += 1
            labels[y, x] = label
            areas[label] += 1
    return used


@numba.njit(cache=True, nogil=True)
def grow_back(labels: Any, rim: Any, ridge: int) -> Any:
    """To which object each background pixel belongs that lies between two, along a row, column or diagonal, (N,).

    The nearer one; 0 elsewhere. Between: at most `ridge` pixels from one, and at most 2 ridge + 1 from it to the other
    on the opposite side. rim: (N,) flat positions of background pixels; those that have no object within `ridge` rows
    and columns may be left out.
    """
    width = labels.shape[1]
    numbers = np.zeros(len(rim), labels.dtype)
    for index, position in enumerate(rim):
        y, x, distance = position // width, position % width, ridge + 1
        for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1)):
            near, away = _first(labels, y, x, dy, dx, ridge)
            if near and away < distance:
                other, _ = _first(labels, y, x, -dy, -dx, 2 * ridge + 1 - away)
                if other and other != near:
                    numbers[index], distance = near, away
    return numbers


@numba.njit(cache=True, nogil=True)
def _first(labels: Any, y: int, x: int, dy: int, dx: int, most: int) -> Any:
    """The first object in a direction and how many steps away it is; 0 when there is none within `most` steps."""
    for step in range(1, most + 1):
        v, u = y + step * dy, x + step * dx
        if v < 0 or u < 0 or v >= labels.shape[0] or u >= labels.shape[1]:
            break
        if labels[v, u]:
            return labels[v, u], step
    return 0, 0


@numba.njit(cache=True, nogil=True)
def grow_into(labels: Any, rim: Any, kinds: Any, reach: int) -> Any:
    """Objects (H, W), 0 is background, grown by at most `reach` pixels into the rims of their class.

    rim: (H, W) the class of a pixel on a rim, 0 elsewhere. kinds: (N + 1,) the class of each object. In each of `reach`
    passes a pixel of a rim goes to an object that one of its neighbours has belonged to before the pass: one beside,
    above or below it before one at a corner, the smaller number before the larger.
    """
    height, width = labels.shape
    found = labels.copy()
    for _ in range(reach):
        before = found.copy()
        for y in range(height):
            for x in range(width):
                if before[y, x] != 0 or rim[y, x] == 0:
                    continue
                best, beside = 0, False
                for dy, dx in ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (-1, -1), (1, -1), (-1, 1)):
                    if dy * dx != 0 and beside:
                        break
                    v, u = y + dy, x + dx
                    if v < 0 or u < 0 or v >= height or u >= width:
                        continue
                    label = before[v, u]
                    if label != 0 and kinds[label] == rim[y, x] and (best == 0 or label < best):
                        best, beside = label, dy * dx == 0
                        found[y, x] = best
    return found


@numba.njit(cache=True, nogil=True)
def h_maxima(heights: Any, order: Any, drop: Any) -> Any:
    """The number of h-maxima of `heights` (H, W), and a mask (H, W) of the pixels each reaches by falling by `drop`.

    They are the regional maxima of the reconstruction of heights - drop under heights (8-connected). Pixels are joined
    from high to low; where two sets meet, the lower top is an h-maximum if it lies more than `drop` above that pixel.
    order: (N,) flat positions of a connected piece that keeps clear of the border, the highest first. drop: float32.
    """
    width = heights.shape[1]
    values = heights.ravel()
    around = (-width - 1, -width, -width + 1, -1, 1, width - 1, width, width + 1)
    parents = np.full(values.size, -1, np.int64)  # the root of a set of joined pixels is its top
    maxima = [order[0]]  # stays a root to the end
    for position in order:
        parents[position] = root = position
        for step in around:
            if parents[position + step] < 0:
                continue
            other = _find(parents, position + step)
            if other == root:
                continue
            if values[other] > values[root] or other == order[0]:
                root, other = other, root
            parents[other] = root
            if values[other] - drop > values[position]:
                maxima.append(other)
    mask = np.zeros(values.size, np.bool_)
    for maximum in maxima:
        lowest = values[maximum] - drop
        mask[maximum] = True
        reached = [maximum]
        while reached:
            position = reached.pop()
            for step in around:
                other = position + step
                if parents[other] >= 0 and values[other] >= lowest and not mask[other]:
                    mask[other] = True
                    reached.append(other)
    return len(maxima), mask.reshape(heights.shape)
