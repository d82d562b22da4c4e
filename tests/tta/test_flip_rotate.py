import pytest
import torch

from unet_lightning.tta.flip_rotate import FlipRotate, invert, transform

PICTURE = torch.arange(2 * 3 * 4 * 5, dtype=torch.float32).view(2, 3, 4, 5)


@pytest.mark.parametrize(("turns", "mirrors", "number"), [(0, 0, 1), (0, 1, 4), (1, 0, 4), (1, 1, 8)])
def test_views_are_distinct_and_map_back_exactly(turns, mirrors, number):
    views = FlipRotate(bool(turns), bool(mirrors)).views
    pictures = {tuple(transform(PICTURE, *view).flatten().tolist()) for view in views}
    assert len(views) == len(pictures) == number
    for view in views:
        assert torch.equal(invert(transform(PICTURE, *view), *view), PICTURE)


def test_flips_are_the_four_mirror_images():
    found = {tuple(transform(PICTURE, *view).flatten().tolist()) for view in FlipRotate(False, True).views}
    axes = [[], [-1], [-2], [-1, -2]]
    assert found == {tuple(PICTURE.flip(axis).flatten().tolist()) for axis in axes}


def test_probabilities_are_averaged_over_views():
    def score(image):  # looks at the pixel on its left
        return torch.cat([image, image.roll(1, -1)], 1)

    image = torch.randn(1, 1, 3, 3)
    left, right = (torch.cat([image, image.roll(shift, -1)], 1).softmax(1) for shift in (1, -1))
    expected = (left + right) / 2  # up-down doesn't matter to it
    torch.testing.assert_close(FlipRotate(False, True)(score, image), expected.log())
    assert torch.equal(FlipRotate(False, False)(score, image), score(image))


def test_logits_are_averaged_when_told_and_probabilities_otherwise():
    """One view says 0 and 2, its mirror image 4 and 0, for a pixel in the middle of a row."""
    answers = iter([[0.0, 2.0], [4.0, 0.0]] * 2)

    def score(image):
        first, second = next(answers)
        return torch.tensor([first, second])[None, :, None, None].expand(1, 2, 1, 1)

    views = [(0, False), (0, True)]
    for average, expected in (("logits", [2.0, 1.0]), ("probabilities", None)):
        part = FlipRotate(turns=False, mirrors=True, average=average)
        part.views = views
        found = part(score, torch.zeros(1, 1, 1, 1))[0, :, 0, 0]
        if expected is None:
            mean = (torch.tensor([0.0, 2.0]).softmax(0) + torch.tensor([4.0, 0.0]).softmax(0)) / 2
            torch.testing.assert_close(found.softmax(0), mean)
        else:
            assert found.tolist() == expected
