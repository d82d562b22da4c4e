from pathlib import Path

import pytest

from unet_lightning.config.compose import compose
from unet_lightning.config.quote import quote
from unet_lightning.pipeline.layout import file_names

WORDS = ["cell", "a b", "a,b", "it's", "null", "1", "é", "[x]", "a=b", "true", "a:b", "$x", "${seed}", "x#y", "\\'"]


@pytest.mark.parametrize("word", [*WORDS, "back\\", "two\\\\"])
def test_any_word_survives_being_an_override(word):
    config = compose([f"data.classes=[{quote(word)},{quote('x')}]"])
    assert list(config.data.classes) == [word, "x"]


def test_a_path_with_spaces_and_equals_signs_is_an_override():
    assert compose(["data=folder", f"data.root={quote('/a b/c=d/é')}"]).data.root == "/a b/c=d/é"


def test_every_id_gets_a_file_name_of_its_own_inside_the_folder():
    ids = ["a", "A", "a/b", "a_b", "../../etc/passwd", "..", "/", "é ü", "x" * 300, "a_1", "con.", ".hidden"]
    names = file_names(ids)
    assert list(names) == ids
    assert len({name.casefold() for name in names.values()}) == len(ids)
    for name in names.values():
        assert Path(name).name == name
        assert not name.startswith(".")
        assert len(name) < 120
    assert names["é ü"] == "é_ü"
