"""Decoded samples, kept in memory as far as they fit; forked workers share them."""

from unet_lightning.record import DataSet, Record
from unet_lightning.sample import Sample


class Store:
    """Reads a data set's records. What was read is kept until `cache_gb` are full; the rest is read again."""

    def __init__(self, dataset: DataSet, cache_gb: float) -> None:
        self.dataset = dataset
        self.free = int(cache_gb * 2**30)
        self.kept: dict[str, Sample] = {}

    def __getitem__(self, record: Record) -> Sample:
        """The native sample of a record."""
        if record.id in self.kept:
            return self.kept[record.id]
        sample = self.dataset.read(record)
        if sample.nbytes <= self.free:
            self.free -= sample.nbytes
            self.kept[record.id] = sample
        return sample
