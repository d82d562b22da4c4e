from pathlib import Path

from unet_lightning.pipeline.findings import grouped


def test_what_differs_in_the_file_alone_is_one_line_with_a_number_and_three_examples():
    files = [(Path(f"/my sét/im {k}.png"), Path(f"/my sét/ma {k}.png")) for k in range(20)]
    texts = [f"{mask}: mask holds values {{0, {200 + k}}}; set x" for k, (_, mask) in enumerate(files)]
    (line,) = grouped(zip(texts, files, strict=True))
    assert line.startswith(texts[0])
    assert "20 files (/my sét/ma 0.png, /my sét/ma 1.png, /my sét/ma 2.png, …)" in line


def test_other_findings_and_other_remedies_stay_apart_and_in_order():
    texts = [
        "/a/1.png: broken; copy it",
        "/a/2.png: too small; copy it",
        "/a/3.png: broken; set y=1",
        "/a/4.png: broken; copy it",
    ]
    lines = grouped((text, ()) for text in texts)
    assert len(lines) == 3
    assert [line[:8] for line in lines] == ["/a/1.png", "/a/2.png", "/a/3.png"]
    assert "2 files (/a/1.png, /a/4.png)" in lines[0]


def test_one_description_file_shows_the_images_it_speaks_of():
    files = [(Path(f"/s/{k}.png"), Path("/s/a.json")) for k in range(4)]
    texts = [f"/s/a.json, annotation {k} of {k}.png: no polygons; draw it" for k in range(4)]
    (line,) = grouped(zip(texts, files, strict=True))
    assert "4 files (0.png, 1.png, 2.png, …)" in line


def test_the_same_finding_twice_is_said_once():
    assert grouped([("/v.nii: broken; copy it", ())] * 3) == ["/v.nii: broken; copy it"]
