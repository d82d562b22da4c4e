import sys

import numpy as np
import pytest

from unet_lightning import memory


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a process its peak")
def test_the_peak_is_of_the_time_since_it_was_forgotten():
    large = np.ones(2**26, np.uint8)
    before = memory.peak()["process"]
    del large
    memory.forget()
    after = memory.peak()["process"]
    assert 0 < after < before - 2**25
