import os
import subprocess
import sys
import tracemalloc
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from unet_lightning.pipeline.cache import array_cache
from unet_lightning.pipeline.cache.array_cache import ArrayCache

ROOT = Path(__file__).parents[3]
ARRAYS = {
    "image": np.arange(60, dtype=np.int16).reshape(4, 5, 3) - 30,
    "valid": np.eye(7, dtype=bool),
    "empty": np.zeros((0,), np.int64),
    "depth": np.array([0.1, np.pi]),
}


def files(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def test_what_was_saved_comes_back_alike_and_read_only(tmp_path):
    cache = ArrayCache(tmp_path / "new" / "cache")
    assert cache.load("abc") is None
    cache.save("abc", ARRAYS)
    found = ArrayCache(tmp_path / "new" / "cache").load("abc")
    assert list(found) == list(ARRAYS)
    for name, array in ARRAYS.items():
        assert found[name].dtype == array.dtype
        assert found[name].shape == array.shape
        assert np.array_equal(found[name], array)
        assert found[name].flags.aligned
        assert not found[name].flags.writeable
    assert len(files(tmp_path)) == 1


def test_a_file_that_was_cut_off_is_no_entry(tmp_path):
    cache = ArrayCache(tmp_path)
    cache.save("abc", ARRAYS)
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    for length in (0, 5, 100, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:length])
        assert cache.load("abc") is None
    cache.save("abc", ARRAYS)
    assert path.read_bytes() == whole


def test_a_flipped_byte_is_noticed_at_the_first_look_of_a_run(tmp_path):
    ArrayCache(tmp_path).save("abc", ARRAYS)
    (path,) = files(tmp_path)
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        assert ArrayCache(tmp_path).load("abc") is None
    path.write_bytes(whole)
    assert np.array_equal(ArrayCache(tmp_path).load("abc")["image"], ARRAYS["image"])


def test_a_file_is_verified_once(tmp_path, monkeypatch):
    ArrayCache(tmp_path).save("abc", ARRAYS)
    cache, verified = ArrayCache(tmp_path), []
    monkeypatch.setattr(array_cache, "_is_sound", lambda path: verified.append(path) or True)
    assert cache.load("abc").keys() == cache.load("abc").keys() == ARRAYS.keys()
    assert len(verified) == 1


@pytest.mark.parametrize("when", ["numpy.lib.format.write_array_header_1_0", "os.replace"])
def test_a_process_killed_while_it_writes_leaves_no_entry(tmp_path, when):
    code = (
        "import os, signal, sys, numpy\nfrom pathlib import Path\n"
        "from unet_lightning.pipeline.cache.array_cache import ArrayCache\n"
        "cache = ArrayCache(Path(sys.argv[1]))\ncache.save('aaa', {'x': numpy.arange(9)})\n"
        f"def die(file, *_):\n    file.write(b'half') if {when != 'os.replace'} else 0\n"
        f"    os.kill(os.getpid(), signal.SIGKILL)\n{when} = die\ncache.save('bbb', {{'x': numpy.arange(9)}})\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, check=False)
    assert done.returncode == -9
    cache = ArrayCache(tmp_path)
    assert cache.load("aaa")["x"].tolist() == list(range(9))
    assert cache.load("bbb") is None
    (left,) = files(tmp_path / "unfinished")
    os.utime(left, (0, 0))
    ArrayCache(tmp_path)
    assert not left.exists()
    cache.save("bbb", ARRAYS)
    assert cache.load("bbb").keys() == ARRAYS.keys()


def _save_all(folder):
    cache = ArrayCache(Path(folder))
    for k in range(100):
        cache.save(f"{k:03d}", {"x": np.full(1000, k)})


def test_processes_that_write_the_same_at_once_agree(tmp_path):
    context = get_context("fork")
    processes = [context.Process(target=_save_all, args=(str(tmp_path),)) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert all((ArrayCache(tmp_path).load(f"{k:03d}")["x"] == k).all() for k in range(100))
    assert len(files(tmp_path)) == 100


def test_a_folder_that_cannot_be_written_is_an_error_and_nothing_is_left(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.raises(OSError):
        ArrayCache(tmp_path / "file" / "cache").save("abc", ARRAYS)
    assert ArrayCache(tmp_path / "file" / "cache").room > 0

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array_header_1_0", full)
    with pytest.raises(OSError, match="No space left"):
        ArrayCache(tmp_path / "cache").save("abc", ARRAYS)
    assert not files(tmp_path / "cache")


def test_a_file_is_what_numpy_writes_and_takes_no_copy_of_the_arrays(tmp_path):
    arrays = {
        "flag": np.array(True),
        "turned": np.arange(12, dtype=np.float64).reshape(3, 4).T,
        "none": np.zeros((0, 3), np.int16),
        "image": np.random.default_rng(0).integers(0, 255, (2000, 2001, 1)).astype(np.uint8),
    }
    cache = ArrayCache(tmp_path)
    tracemalloc.start()
    cache.save("ab", arrays)
    assert tracemalloc.get_traced_memory()[1] < arrays["image"].nbytes / 4
    tracemalloc.stop()
    kind = np.dtype([(name, array.dtype, array.shape) for name, array in arrays.items()], align=True)
    element = np.zeros(1, kind)
    for name, array in arrays.items():
        element[name][0] = array
    np.save(tmp_path / "expected.npy", element)
    assert (tmp_path / "ab" / "ab.npy").read_bytes()[: -array_cache.SUM] == (tmp_path / "expected.npy").read_bytes()
