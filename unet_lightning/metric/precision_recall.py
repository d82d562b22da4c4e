"""Precision and recall of one class at every threshold of its probability."""

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class PrecisionRecall:
    """Pixels, as float64 (T,), whose class is found or not at T rising thresholds k / T of its probability."""

    true_positives: Tensor
    false_positives: Tensor
    true_negatives: Tensor
    false_negatives: Tensor

    @property
    def precision(self) -> Tensor:
        """TP / (TP + FP), 0 where nothing is found."""
        return self.true_positives / (self.true_positives + self.false_positives).clamp_min(1)

    @property
    def recall(self) -> Tensor:
        """TP / (TP + FN), 0 of a class that is nowhere."""
        return self.true_positives / (self.true_positives + self.false_negatives).clamp_min(1)


def precision_recall(histogram: Tensor) -> PrecisionRecall:
    """histogram: (2, T) pixels by the predicted probability of the class: those of other classes, then its own."""
    found_rest, found_own = histogram.flip(1).cumsum(1).flip(1).double()
    rest, own = histogram.sum(1).double()
    return PrecisionRecall(found_own, found_rest, rest - found_rest, own - found_own)
