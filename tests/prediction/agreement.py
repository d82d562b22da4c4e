"""An exported network beside the one in torch."""

from copy import deepcopy

import torch

from unet_lightning.prediction.onnx import export_onnx


def difference_at_other_sizes(network, channels, path, sizes=None):
    """Export with free sizes. The largest difference of logits at sizes that weren't traced, in standard deviations.

    sizes: of batch, height and width. The network in torch is taken in float64, so that only onnxruntime rounds.
    """
    import onnxruntime

    export_onnx(network, channels, path)
    session = onnxruntime.InferenceSession(str(path))
    side, step = network.geometry.input_size(1), network.geometry.multiple
    sizes = sizes or [(3, 21, 34), (1, 2, 5), (2, 2 * step, step + 1)]
    if network.geometry.convolution == "valid":
        sizes = [(1, side, side + 3 * step), (3, side + step, side)]
    exact, largest = deepcopy(network).double(), 0.0
    for batch, height, width in sizes:
        image = torch.randn(batch, channels, height, width)
        with torch.inference_mode():
            expected = exact(image.double())
        found = torch.from_numpy(session.run(None, {"image": image.numpy()})[0])
        assert found.shape == expected.shape
        largest = max(largest, float((found - expected).abs().max() / expected.std()))
    return largest
