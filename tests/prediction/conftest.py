from functools import cache

import pytest


@pytest.fixture(scope="session")
def torchlib():
    """torch's exporter parses the source of 500 operators, the same at each export: once is enough."""
    from torch.onnx._internal.exporter._registration import ONNXRegistry

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ONNXRegistry, "from_torchlib", staticmethod(cache(ONNXRegistry.from_torchlib)))
        yield
