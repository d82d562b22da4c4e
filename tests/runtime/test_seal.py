import io
import os

import pytest
import torch

from unet_lightning.runtime.seal import LENGTH, is_whole, seal


def archive(value):
    content = io.BytesIO()
    torch.save(value, content)
    return content.getvalue()


def sealed(content):
    file = io.BytesIO(content)
    seal(file)
    return file.getvalue()


def flipped(content, place):
    return content[:place] + bytes([content[place] ^ 16]) + content[place + 1 :]


def test_a_sealed_file_loads_as_before_and_any_flipped_byte_is_noticed(tmp_path):
    value = {"weights": torch.arange(100.0), "step": 7}
    plain, path = archive(value), tmp_path / "x.ckpt"
    content = sealed(plain)
    path.write_bytes(content)
    assert is_whole(path)
    for mapped in (False, True):
        assert torch.equal(torch.load(path, weights_only=True, mmap=mapped)["weights"], value["weights"])
    for place in [*range(0, len(content), 7), *range(len(content) - LENGTH - 22, len(content))]:
        path.write_bytes(flipped(content, place))
        if is_whole(path):  # of the words before the checksum, which is then an unknown comment
            assert len(content) - LENGTH <= place < len(content) - 8
            assert torch.equal(torch.load(path, weights_only=True)["weights"], value["weights"])
    for size in (0, 10, len(content) // 2, len(content) - LENGTH - 1):
        path.write_bytes(content[:size])
        assert not is_whole(path)


def test_a_file_without_a_seal_is_held_to_the_checksums_of_its_members(tmp_path):
    plain, path = archive({"weights": torch.arange(1000.0)}), tmp_path / "x.ckpt"
    path.write_bytes(plain)
    assert is_whole(path)
    place = plain.index(torch.arange(500.0, 600.0).numpy().tobytes())
    path.write_bytes(flipped(plain, place))
    assert not is_whole(path)
    path.write_bytes(os.urandom(1000))
    assert not is_whole(path)


def test_only_an_archive_without_a_comment_is_sealed():
    for content in (b"", b"x" * 100, sealed(archive({}))):
        with pytest.raises(ValueError, match="not a zip file without a comment"):
            sealed(content)
