"""Hydra's own composition, twice as fast: its slow steps that depend on their arguments alone are remembered."""

import pickle
from pathlib import Path

import pytest
from hydra._internal import defaults_list
from hydra._internal.config_repository import ConfigRepository
from hydra.core.default_element import ConfigDefault, GroupDefault
from hydra.core.object_type import ObjectType


def remember(patch: pytest.MonkeyPatch) -> None:
    """A file is parsed once as long as its bytes are the same, and a list of choices becomes a config once."""
    load, choose = ConfigRepository.load_config, defaults_list._create_interpolation_map
    files, choices = {}, {}

    def load_config(repository, config_path):
        key = file_key(repository, config_path)
        if key is None:
            return load(repository, config_path)
        if key not in files:
            files[key] = pickle.dumps(load(repository, config_path))  # Hydra changes what it is given
        return pickle.loads(files[key])

    def create_interpolation_map(*arguments, **named):
        key = choices_key(*arguments, **named)
        if key not in choices:
            choices[key] = choose(*arguments, **named)
        return choices[key]

    patch.setattr(ConfigRepository, "load_config", load_config)
    patch.setattr(defaults_list, "_create_interpolation_map", create_interpolation_map)


def file_key(repository, config_path):
    """Where Hydra finds a file, and its bytes where they may change; None for what is no file."""
    source = repository._find_object_source(config_path, ObjectType.CONFIG)
    if source is None or source.scheme() == "structured":
        return None
    place = source.provider, source.path, config_path
    if source.scheme() != "file":
        return place
    return *place, Path(source.path, source._normalize_file_name(config_path)).read_bytes()


def choices_key(overrides, defaults_list, self_added):
    """All that the config of the choices depends on."""
    found = [repr(overrides.known_choices), self_added]
    for one in defaults_list:
        if isinstance(one, ConfigDefault):
            found.append((one.is_self(), one.get_config_path()))
        elif isinstance(one, GroupDefault):
            found.append((one.get_override_key(), repr(one.value)))
    return tuple(found)
