"""What only a person can say of a published network: its name, who made it, the terms it is given away on."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from unet_lightning.error import InputError
from unet_lightning.model.geometry import Geometry
from unet_lightning.model.strided_geometry import StridedGeometry
from unet_lightning.prediction.predictor import Predictor

NAME = re.compile(r"[A-Za-z0-9_+\- ()]{5,128}")  # what the zoo accepts
SPDX = re.compile(r"[A-Za-z0-9][A-Za-z0-9.+-]*")
DOI = re.compile(r"\b10\.\d{4,9}/\S+")
URL = re.compile(r"https?://\S+")
LONGEST = 1024  # letters of a description
U_NET = "Ronneberger, Fischer, Brox: U-Net, MICCAI 2015, doi:10.1007/978-3-319-24574-4_28"
NNU_NET = "Isensee et al.: nnU-Net, Nature Methods 2021, doi:10.1038/s41592-020-01008-z"
PAPERS = {Geometry: U_NET, StridedGeometry: NNU_NET}  # of our own networks


@dataclass(frozen=True)
class Card:
    """Name, description and licence of a package; its authors and citations as the zoo's specification has them."""

    name: str
    description: str
    license: str
    authors: list[dict[str, str]]
    cite: list[dict[str, str]]


def card(
    predictor: Predictor,
    authors: Sequence[str],
    license_id: str,
    name: str | None = None,
    description: str | None = None,
    cite: Sequence[str] = (),
) -> Card:
    """A card as it is typed; InputError for what the zoo refuses.

    authors: `NAME, AFFILIATION`, and after them, if wanted, `orcid:…` and `github:…`. license_id: of the SPDX list, but
    only its letters are looked at here; the zoo's own program knows the list.
    name, description: by default told from the classes. cite: a text with a DOI or an address, each, beside the paper
    of the architecture.
    """
    found = predictor.classes[1:] or predictor.classes
    name = name or re.sub(r"[^A-Za-z0-9_+\- ()]", "_", f"U-Net for {' and '.join(found)}")[:64].strip()
    if not NAME.fullmatch(name):
        raise InputError(
            f"--name {name!r}: expected 5 to 128 letters, digits, spaces and _ + - ( ); give --name 'U-Net for nuclei'"
        )
    if not SPDX.fullmatch(license_id):
        raise InputError(f"--license {license_id!r}: expected an SPDX identifier; give one like --license CC-BY-4.0")
    channels = {1: "grey images", 3: "RGB images"}.get(predictor.channels, f"images of {predictor.channels} channels")
    description = description or f"Probabilities of {', '.join(predictor.classes)} in each pixel of {channels}."
    if len(description) > LONGEST:
        raise InputError(f"--description of {len(description)} letters; expected {LONGEST} at most; shorten it")
    geometries = [model.network.geometry for model in predictor.models]
    papers = [PAPERS[type(geometry)] for geometry in geometries if type(geometry) in PAPERS]
    return Card(
        name,
        description,
        license_id,
        [_author(text) for text in authors],
        [_citation(text) for text in dict.fromkeys([*papers, *cite])],
    )


def _author(text: str) -> dict[str, str]:
    """`NAME, AFFILIATION, orcid:…, github:…` as a dictionary."""
    name, *rest = (part.strip() for part in text.split(","))
    if not name or "/" in name or ":" in name:
        raise InputError(f"--author {text!r}: expected a name first; give it like --author 'NAME, AFFILIATION'")
    keys = {"orcid:": "orcid", "github:": "github_user"}
    marked = {key: part.removeprefix(mark) for part in rest for mark, key in keys.items() if part.startswith(mark)}
    where = ", ".join(part for part in rest if part and not part.startswith(tuple(keys)))
    return {"name": name} | ({"affiliation": where} if where else {}) | marked


def _citation(text: str) -> dict[str, str]:
    """A text, with the DOI or the address in it."""
    if doi := DOI.search(text):
        return {"text": text, "doi": doi[0].rstrip(".,;)")}
    if url := URL.search(text):
        return {"text": text, "url": url[0].rstrip(".,;)")}
    raise InputError(f"--cite {text!r}: expected a DOI or an address in it; give it like --cite 'TEXT, doi:10.1000/1'")


def as_yaml(one: Card) -> dict[str, Any]:
    """The keys of the zoo's description that are taken from a card."""
    return {
        "name": one.name,
        "description": one.description,
        "authors": one.authors,
        "cite": one.cite,
        "license": one.license,
    }
