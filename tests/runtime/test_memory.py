import subprocess
import sys

import pytest

FORGOTTEN = """
import numpy as np
from unet_lightning.runtime import memory
large = np.ones(2**27, np.uint8)
before = memory.peak()["process"]
del large
memory.reset_peak()
after = memory.peak()["process"]
assert 0 < after < before - 2**26, (before, after)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a process its peak")
def test_the_peak_is_of_the_time_since_it_was_forgotten():
    done = subprocess.run([sys.executable, "-c", FORGOTTEN], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
