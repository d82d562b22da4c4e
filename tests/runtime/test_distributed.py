from unet_lightning.runtime.distributed import gather_dict


def test_what_was_gathered_comes_in_the_order_of_the_images_whatever_order_they_were_scored_in():
    assert list(gather_dict({2: "c", 0: "a", 1: "b"}).items()) == [(0, "a"), (1, "b"), (2, "c")]
