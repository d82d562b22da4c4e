import nibabel
import numpy as np
import pytest

from unet_lightning.data.folder import find
from unet_lightning.error import InputError
from unet_lightning.reading.nifti import _volume, read_slice, slices

VOXELS = np.arange(4 * 3 * 2, dtype=np.int16).reshape(4, 3, 2)
SIZES = np.array([0.7, 1.5, 5.0])


def affine_of(axes, flips, origin=(10.0, -20.0, 30.0)):
    """The affine of `stored(VOXELS)`: VOXELS[0, 0, 0] is at `origin`, its axes run to the right, front, head."""
    affine = np.eye(4)
    affine[:3, :] = 0
    for stored, axis in enumerate(axes):
        affine[axis, stored] = SIZES[axis] * (-1 if flips[stored] else 1)
    affine[:3, 3] = origin
    for stored, axis in enumerate(axes):
        affine[axis, 3] += SIZES[axis] * (VOXELS.shape[axis] - 1) * flips[stored]
    return affine


def stored(volume, axes, flips):
    turned = volume.transpose(axes)
    return np.flip(turned, [k for k in range(3) if flips[k]])


def save(path, volume, affine, slope=1.0, intercept=0.0):
    path.parent.mkdir(parents=True, exist_ok=True)
    image = nibabel.Nifti1Image(volume, affine)
    image.header.set_slope_inter(slope, intercept)
    nibabel.save(image, path)
    if (slope, intercept) != (1, 0):  # nibabel stores scaled values anew: put the numbers themselves in place
        data = bytearray(path.read_bytes())
        data[112:120] = np.array([slope, intercept], "<f4").tobytes()
        data[352:] = np.asfortranarray(volume).tobytes(order="F")
        path.write_bytes(data)


def pair(root, image, label, image_affine=None, label_affine=None):
    save(root / "images" / "a.nii", image, np.eye(4) if image_affine is None else image_affine)
    save(root / "masks" / "a.nii.gz", label, np.eye(4) if label_affine is None else label_affine)
    return find(str(root), ["background", "cell"])


@pytest.mark.parametrize("axes", [(0, 1, 2), (1, 0, 2), (2, 0, 1), (2, 1, 0)])
@pytest.mark.parametrize("flips", [(0, 0, 0), (1, 0, 0), (1, 1, 1), (0, 1, 0)])
def test_image_and_label_come_in_one_orientation_however_each_is_stored(tmp_path, axes, flips):
    mask = (VOXELS % 5 == 0).astype(np.uint8)
    dataset = pair(tmp_path, stored(VOXELS, axes, flips), mask, affine_of(axes, flips), affine_of((0, 1, 2), (0, 0, 0)))
    assert not dataset.findings
    for page, record in enumerate(dataset.records):
        sample = dataset.read(record)
        assert np.array_equal(sample.image[..., 0], VOXELS[..., page])
        assert np.array_equal(sample.mask, mask[..., page])


def test_slope_and_intercept_are_applied_to_images(tmp_path):
    save(tmp_path / "a.nii", VOXELS, np.eye(4), 0.5, -1024)
    found = read_slice(tmp_path / "a.nii", 1)
    assert found.dtype == np.float32
    assert np.array_equal(found, VOXELS[..., 1] * 0.5 - 1024)


@pytest.mark.parametrize(("slope", "stored_as"), [(1 / 255, 255), (0.1, 10), (2.0, 0.5)])
def test_scaled_labels_are_whole_numbers_or_refused(tmp_path, slope, stored_as):
    mask = (VOXELS % 5 == 0).astype(np.uint8)
    save(tmp_path / "images" / "a.nii", VOXELS, np.eye(4))
    save(tmp_path / "masks" / "a.nii", (mask * stored_as).astype(np.float32 if stored_as == 0.5 else np.uint8),
         np.eye(4), slope)  # fmt: skip
    dataset = find(str(tmp_path), ["background", "cell"])
    assert np.array_equal(dataset.read(dataset.records[1]).mask, mask[..., 1])


def test_labels_that_their_scale_makes_broken_numbers_are_refused(tmp_path):
    save(tmp_path / "images" / "a.nii", VOXELS, np.eye(4))
    save(tmp_path / "masks" / "a.nii", (VOXELS % 2).astype(np.uint8), np.eye(4), 0.3)
    dataset = find(str(tmp_path), ["background", "cell"])
    with pytest.raises(InputError, match=r"a\.nii, slice 1: mask holds 0\.3; expected whole numbers"):
        dataset.read(dataset.records[1])


def test_a_label_that_lies_elsewhere_is_refused(tmp_path):
    mask = (VOXELS % 5 == 0).astype(np.uint8)
    moved = np.eye(4)
    moved[0, 3] = 3
    assert "elsewhere" in pair(tmp_path / "moved", VOXELS, mask, np.eye(4), moved).findings[0]
    assert "3 mm apart" in pair(tmp_path / "moved", VOXELS, mask, np.eye(4), moved).findings[0]
    flipped = np.diag([-1.0, 1, 1, 1])  # stored alike, but the affine mirrors it: which of the two is right isn't known
    assert "elsewhere" in pair(tmp_path / "flipped", VOXELS, mask, np.eye(4), flipped).findings[0]
    rounded = np.diag([1 + 1e-6, 1, 1, 1])
    assert not pair(tmp_path / "rounded", VOXELS, mask, np.eye(4), rounded).findings
    turned = pair(tmp_path / "turned", VOXELS, mask.transpose(1, 0, 2), np.eye(4), np.eye(4))
    assert "another size" in turned.findings[0]


def test_a_label_without_an_affine_beside_an_image_with_one_is_refused(tmp_path):
    mask = (VOXELS % 5 == 0).astype(np.uint8)
    dataset = pair(tmp_path, VOXELS, mask)
    image = nibabel.Nifti1Image(mask, None)
    nibabel.save(image, tmp_path / "masks" / "a.nii.gz")
    dataset = find(str(tmp_path), ["background", "cell"])
    assert "stated by one of the two alone" in dataset.findings[0]
    nibabel.save(nibabel.Nifti1Image(VOXELS, None), tmp_path / "images" / "a.nii")
    dataset = find(str(tmp_path), ["background", "cell"])
    assert not dataset.findings
    assert np.array_equal(dataset.read(dataset.records[0]).mask, mask[..., 0])


def test_single_pictures_are_turned_too(tmp_path):
    picture = VOXELS[..., 0]
    save(tmp_path / "a.nii", picture[::-1].copy(), affine_of((0, 1, 2), (1, 0, 0)))
    assert slices(tmp_path / "a.nii") is None
    assert np.array_equal(read_slice(tmp_path / "a.nii", None), picture)


def test_a_label_turned_by_its_affine_beside_a_picture_without_one_is_refused(tmp_path):
    (tmp_path / "images").mkdir()
    np.save(tmp_path / "images" / "a.npy", VOXELS[..., 0])
    save(tmp_path / "masks" / "a.nii", np.zeros((4, 3), np.uint8), np.diag([-1.0, -1, 1, 1]))
    assert "a.nii is turned by its affine" in find(str(tmp_path), ["background", "cell"]).findings[0]
    save(tmp_path / "masks" / "a.nii", np.zeros((4, 3), np.uint8), np.eye(4))
    assert not find(str(tmp_path), ["background", "cell"]).findings


def test_a_label_with_a_fourth_axis_of_length_one_is_the_same_label(tmp_path):
    mask = (VOXELS % 5 == 0).astype(np.uint8)
    dataset = pair(tmp_path, VOXELS[..., None], mask[..., None])
    assert not dataset.findings
    assert np.array_equal(dataset.read(dataset.records[1]).mask, mask[..., 1])
    assert "another size" in pair(tmp_path, VOXELS, np.stack([mask, mask], -1)).findings[0]


def test_volumes_of_colours_and_of_complex_numbers(tmp_path):
    colors = np.zeros(VOXELS.shape, [("R", "u1"), ("G", "u1"), ("B", "u1")])
    colors["R"], colors["B"] = VOXELS, 255 - VOXELS
    nibabel.save(nibabel.Nifti1Image(colors, np.eye(4)), tmp_path / "a.nii")
    found = read_slice(tmp_path / "a.nii", 1)
    assert np.array_equal(found, np.stack([VOXELS[..., 1], 0 * VOXELS[..., 1], 255 - VOXELS[..., 1]], -1))
    nibabel.save(nibabel.Nifti1Image(VOXELS.astype(np.complex64), np.eye(4)), tmp_path / "a.nii")
    with pytest.raises(InputError, match=r"a\.nii: .* expected real numbers"):
        read_slice(tmp_path / "a.nii", 1)


def test_an_image_its_mask_and_its_instances_are_each_decoded_once(tmp_path):
    paths = [tmp_path / name for name in ("image.nii.gz", "mask.nii.gz", "instances.nii.gz")]
    for path in paths:
        save(path, VOXELS, np.eye(4))
    before = _volume.cache_info().misses
    for page in range(2):
        assert all(np.array_equal(read_slice(path, page), VOXELS[..., page]) for path in paths)
    assert _volume.cache_info().misses - before == len(paths)
