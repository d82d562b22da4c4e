"""What a checkpoint says of itself, as one schema: containers, types, ranges and sizes, before anything is built."""

from abc import ABC
from collections.abc import Mapping
from typing import Annotated, Any

from annotated_types import Ge, Le, Len
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from unet_lightning.config.schema import Width
from unet_lightning.error import InputError, shown

DEEPEST = 32  # containers in each other
MOST = 100_000  # values, those of shared containers counted wherever they stand
Channels = Annotated[int, Ge(1), Le(4096)]
Byte = Annotated[int, Ge(0), Le(255)]
Name = Annotated[str, Len(1, 200)]
Plain = dict[str | int, Any]


class Schema(BaseModel, ABC):
    """Strict: a text is no number. What the schema doesn't name is kept."""

    model_config = ConfigDict(strict=True, extra="allow", allow_inf_nan=False)


class Statistics(Schema):
    """Of the training records: what normalisations use, and the values to expect, which older checkpoints lack."""

    channels: Channels
    mean: Annotated[list[float], Len(1, 4096)]
    std: Annotated[list[Annotated[float, Ge(0)]], Len(1, 4096)]
    dtype: Annotated[str, Len(0, 200)] = ""
    value_range: Annotated[list[float], Len(2, 2)] | None = None
    peaks: Annotated[list[Annotated[float, Ge(0)]], Len(2, 2)] | Annotated[list[float], Len(0, 0)] | None = None

    @model_validator(mode="after")
    def _one_a_channel(self) -> "Statistics":
        if not len(self.mean) == len(self.std) == self.channels:
            raise ValueError(f"{len(self.mean)} means and {len(self.std)} deviations of {self.channels} channels")
        return self


class Data(Schema):
    """The keys of data that prediction and tuning use."""

    ridge: Width
    background: bool


class Machine(Schema):
    """The keys of the trainer that prediction uses."""

    accelerator: str
    precision: str | int


class Config(Schema):
    """The resolved config: the keys that prediction uses; their parts are held against their signatures later."""

    model: Plain
    normalize: Plain
    target: Plain | None = None  # older checkpoints learned the classes and don't say so
    postprocess: Plain
    tta: Plain
    data: Data
    trainer: Machine
    seed: int
    tile: int | Annotated[list[int], Len(2, 2)]


class Identity(Schema):
    """All of it."""

    config: Config
    statistics: Statistics
    classes: Annotated[list[Name], Len(2, 256)]
    colors: Annotated[list[Annotated[list[Byte], Len(3, 3)]], Len(2, 256)]
    config_hash: Name
    split_hash: Name
    versions: dict[str, str]

    @model_validator(mode="after")
    def _one_a_class(self) -> "Identity":
        if len(self.colors) != len(self.classes):
            raise ValueError(f"{len(self.colors)} colors of {len(self.classes)} classes")
        if len(set(self.classes)) < len(self.classes):
            raise ValueError("two classes of one name")
        return self


def check_identity(identity: Mapping[str, Any]) -> None:
    """InputError, in a sentence, for the first thing that is wrong with it."""
    check_schema(Identity, identity, "identity")


def check_schema(schema: type[Schema], found: Mapping[str, Any], name: str) -> None:
    """InputError, in a sentence, for the first thing that a file says of itself and its schema doesn't allow."""
    check_plain(found, name)
    try:
        schema.model_validate(found)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"])) or name
        message = first["msg"].removeprefix("Value error, ")
        value = "" if isinstance(first["input"], Mapping) else f"={shown(first['input'])}"
        raise InputError(f"{key}{value}: {message[0].lower()}{message[1:]}") from None


def check_plain(node: Any, key: str) -> None:
    """InputError for what is no plain value, for an interpolation, whose resolving can call functions, and for
    containers too deep or too many to be walked through.
    """
    left, waiting = MOST, [(node, key, 0)]
    while waiting:
        one, name, depth = waiting.pop()
        if isinstance(one, Mapping) or type(one) in (list, tuple):
            left -= len(one)
            if depth == DEEPEST or left < 0:
                raise InputError(f"{shown(name)} holds containers too deep or too large for a checkpoint")
            if isinstance(one, Mapping):
                _check_keys(one, name)
            inner = one.items() if isinstance(one, Mapping) else enumerate(one)
            waiting += [(child, f"{name}.{k}", depth + 1) for k, child in inner]
        elif not _is_plain(one):
            raise InputError(f"{shown(name)}={shown(one)} is no plain value, which a checkpoint can hold")


def _is_plain(value: Any) -> bool:
    if type(value) is int:
        return abs(value) < 2**63
    return value is None or type(value) in (bool, float) or (type(value) is str and "${" not in value)


def _check_keys(node: Mapping[Any, Any], name: str) -> None:
    for key in node:
        if type(key) not in (str, int) or not _is_plain(key) or len(str(key)) > 200:
            raise InputError(f"{shown(name)} has the key {shown(key)}, which is no plain value")
