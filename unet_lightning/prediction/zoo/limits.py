"""What a package of the zoo does otherwise than `unet-lightning predict`."""

from unet_lightning.normalize.percentile import Percentile
from unet_lightning.prediction.predictor import Predictor
from unet_lightning.prediction.zoo.preprocessing import preprocessing
from unet_lightning.prediction.zoo.weights import temperature


def limits(predictor: Predictor) -> list[str]:
    """Lines of Markdown."""
    model, config = predictor.models[0], predictor.config
    steps, _ = preprocessing(model)
    wanted = model.identity["config"]["data"].get("channels")
    said = []
    if steps:
        said += [
            "Cut tiles: without them the zoo's program mirrors the border first and normalises with it, which changes "
            "everything. So does, a bit, mirroring an image up to the sides that the network takes.",
            "Pixels without data count in the normalisation; `predict` leaves them out.",
            "The zoo's steps add 1e-6 to what they divide by, which changes images that are nearly constant.",
        ]
    else:
        said += ["Pixels without data hold what the file says; in `predict` they hold the mean of the others."]
    if isinstance(model.normalize, Percentile):
        said += [
            "Where both percentiles are equal, `predict` takes the largest value for the high one, the zoo doesn't."
        ]
    if wanted is not None:
        said += [
            f"`data.channels={wanted}`: give {'grey' if wanted == 1 else 'RGB'} images; nothing is converted here."
        ]
    if config["tiling"] == "nnunet":
        said += [
            "`tiling=nnunet`: `predict` averages overlapping tiles, with 0 beyond the image instead of its mirror."
        ]
    if config["trainer"]["precision"] != "32-true":
        said += [
            "The numbers are float32 here; `predict` may compute in bf16 or float16 (`trainer.precision=32-true`)."
        ]
    if temperature(predictor) != config["temperature"]:
        said += [
            f"The probabilities are those before calibration: the temperature of {config['temperature']:g} belongs to "
            "classes, after interior and rim are added up. It changes no class."
        ]
    return said
