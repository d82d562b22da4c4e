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


def test_findings_of_one_table_show_their_rows():
    texts = [f"/s/manifest.csv, row {k}: no image; correct the row" for k in (2, 30, 41, 50)]
    assert grouped((text, ()) for text in texts) == [f"{texts[0]} (the same in 4 rows (2, 30, 41, …))"]


def test_findings_of_one_description_file_show_the_names_in_it():
    texts = [f"/s/a.csv, row {k}: names img{k % 2}.png, which is not there; add it" for k in range(2, 8)]
    assert grouped((text, ()) for text in texts) == [f"{texts[0]} (6 times in 2 files (img0.png, img1.png))"]


def test_names_with_spaces_are_alike_and_slices_of_a_volume_are_shown():
    files = [(Path("/s/my first image.png"), Path("/s/a.json")), (Path("/s/b.png"), Path("/s/a.json"))]
    texts = [f"/s/a.json, annotation {k} of {one.name}: no outline; draw it" for k, (one, _) in enumerate(files)]
    (line,) = grouped(zip(texts, files, strict=True))
    assert line.endswith("(the same in 2 files (my first image.png, b.png))")
    volume = (Path("/s/v.nii"), Path("/s/m.nii"))
    texts = [f"/s/m.nii, slice {k}: mask holds values {{0, 7}}; set x" for k in (3, 5)]
    assert grouped((text, volume) for text in texts) == [f"{texts[0]} (the same in 2 slices (3, 5))"]
