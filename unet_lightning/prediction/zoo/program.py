"""The program in a package's README: an image to probabilities, and these to class ids and objects."""

from unet_lightning.prediction.predictor import Predictor
from unet_lightning.prediction.zoo.sizes import sides

RUN = """\
import numpy as np
from bioimageio.core import Tensor, predict

array = np.load("test_input.npy")  # (1, channel, y, x), values as stored in a file
height, width = array.shape[2:]
{sides}
more = (0, 0), (0, 0), (0, rows - height), (0, columns - width)
image = Tensor(np.pad(array, more, mode="reflect"), dims=("batch", "channel", "y", "x"))
blocks = {{"image": {{"batch": 1, "channel": {channels}, "y": {y}, "x": {x}}}}}
found = predict(model="rdf.yaml", inputs={{"image": image}}, input_block_shape=blocks)
probabilities = found.members["probabilities"].data.to_numpy()[0, :, :height, :width]  # ({outputs}, y, x)
"""
FREE = "rows, columns = ({least} + max(0, -(-(side - {least}) // {step}) * {step}) for side in (height, width))"
FIXED = "rows, columns = max({rows}, height), max({columns}, width)"
CLASSES = """\
labels = probabilities.argmax(0)  # class ids (y, x)
"""
RIMS = """\

from scipy.ndimage import label, minimum_filter

inside, rim = np.split(probabilities[1:], 2)  # of each class but the background
labels = np.concatenate([probabilities[:1], inside + rim]).argmax(0)  # class ids (y, x)
on_rim = np.take_along_axis(rim > inside, (labels - 1).clip(0)[None], 0)[0]
objects = np.zeros(labels.shape, int)  # numbers (y, x)
for k in range(1, len(inside) + 1):
    grown, count = label((labels == k) & ~on_rim, np.ones((3, 3)))
    for _ in range({reach}):  # a pixel further into the rim
        numbers = np.where(grown > 0, grown, count + 1)  # the smallest of the neighbours counts
        beside = minimum_filter(numbers, footprint=[[0, 1, 0], [1, 1, 1], [0, 1, 0]])
        near = np.where(beside <= count, beside, minimum_filter(numbers, 3)) % (count + 1)
        grown = np.where((labels == k) & on_rim & (grown == 0), near, grown)
    objects = np.where(grown > 0, grown + objects.max(), objects)
"""
SMALL = "objects[np.bincount(objects.ravel())[objects] < {min_size}] = 0  # objects of fewer pixels are left out\n"


def program(predictor: Predictor) -> str:
    """Lines of Python that need bioimageio.core, and what it brings along, alone."""
    height, width = sides(predictor)
    if height.step:
        taken = FREE.format(least=height.smallest, step=height.step)
        y, x = f"min(rows, {height.largest})", f"min(columns, {height.largest})"
    else:
        taken = FIXED.format(rows=height.smallest, columns=width.smallest)
        y, x = str(height.smallest), str(width.smallest)
    lines = RUN.format(sides=taken, channels=predictor.channels, y=y, x=x, outputs=predictor.outputs)
    if predictor.outputs == len(predictor.classes):
        return lines + CLASSES
    given = predictor.config["postprocess"]
    lines += RIMS.format(reach=given["reach"])
    return lines + SMALL.format(min_size=given["min_size"]) if given["min_size"] else lines
