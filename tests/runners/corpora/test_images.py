"""Pictures with captions, from the file to the batch."""

import io
from pathlib import Path

import numpy as np
import pytest
from experiments import experiment, train
from made_images import SIZE, drawing, png, save_drawings
from objective_files import load_objective
from PIL import Image

from runners.corpora.building import build_corpus
from runners.corpora.corpus import Corpus
from runners.corpora.hub import HubConfig
from runners.corpora.images import pixels_of
from runners.training.budget import BudgetConfig
from runners.training.updates import check_rows

COUNTS = {"train": 96, "validation": 16, "test": 32}


def config_of(**settings: object) -> HubConfig:
    given: dict[str, object] = {
        "image_column": "image",
        "text_column": "caption",
        "label_column": "colour",
    }
    given |= {"vocabulary_size": 600, "sequence_length": 32, "image_size": SIZE}
    return HubConfig(path="drawings", **{**given, **settings})  # type: ignore[arg-type]


def build(folder: Path, config: HubConfig) -> Corpus:
    return build_corpus(
        config, output_dir=folder / "out", hub_dir=folder / "hub", say=lambda line: None
    )


@pytest.fixture(scope="module")
def drawings(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("drawings")
    save_drawings(folder / "hub" / "drawings", COUNTS)
    return build(folder, config_of())


def test_every_row_has_the_picture_of_its_caption(drawings: Corpus) -> None:
    assert drawings.holds == {"images"}
    assert (drawings.card.images, drawings.card.image_size) == (96, SIZE)
    batch = drawings.stretch("train", start=0, count=40, seed=0, views="images")
    assert batch.images is not None
    assert batch.has_image is not None
    assert batch.has_image.all()
    assert batch.images.shape == (40, 3, SIZE, SIZE)
    for ids, mask, image in zip(batch.input_ids, batch.attention_mask, batch.images, strict=True):
        caption = drawings.tokenizer.decode(ids[mask].tolist())
        pixels, expected, _ = drawing(int(caption.rsplit(" ", 1)[1]))
        assert caption == expected
        assert np.array_equal(image.numpy().transpose(1, 2, 0), pixels)


def test_token_objectives_do_not_carry_pictures_about(drawings: Corpus) -> None:
    assert drawings.stretch("train", start=0, count=4, seed=0).images is None


def test_a_long_caption_has_its_picture_once(tmp_path: Path) -> None:
    save_drawings(tmp_path / "hub" / "drawings", COUNTS)
    corpus = build(tmp_path, config_of(sequence_length=8))
    assert corpus.card.rows["train"] > 96
    assert corpus.card.images == 96
    batch = corpus.stretch("train", start=0, count=20, seed=0, views="images")
    assert batch.has_image is not None
    assert int(batch.has_image.sum()) == 20
    assert len(batch.has_image) > 20


def test_pictures_come_in_one_size_on_white() -> None:
    clear = np.zeros((10, 20, 4), dtype=np.uint8)  # all see-through
    pixels = np.frombuffer(pixels_of({"bytes": png(clear)}, 16, "row 0"), dtype=np.uint8)
    assert pixels.shape == (16 * 16 * 3,)
    assert (pixels == 255).all()
    grey = np.full((16, 16), 90, dtype=np.uint8)
    assert set(pixels_of({"bytes": png(grey)}, 16, "row 0")) == {90}


def encoded(picture: Image.Image, kind: str, **settings: object) -> dict[str, bytes]:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **settings)
    return {"bytes": buffer.getvalue()}


def pixels(cell: object, size: int) -> np.ndarray:
    return np.frombuffer(pixels_of(cell, size, "row 0"), dtype=np.uint8).reshape(size, size, 3)


def test_a_phones_picture_stands_upright() -> None:
    seen = np.zeros((16, 16, 3), dtype=np.uint8)
    seen[:8] = 200  # light above
    for orientation, turn in ((3, Image.Transpose.ROTATE_180), (6, Image.Transpose.ROTATE_90)):
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored = Image.fromarray(seen).transpose(turn)
        assert (pixels(encoded(stored, "PNG", exif=exif), 16) == seen).all()
    broken = encoded(Image.fromarray(seen), "PNG", exif=b"Exif\0\0MM\0*\xff\xff\xff\xff")
    assert (pixels(broken, 16) == seen).all()


def test_shades_of_sixteen_bits_are_not_all_white() -> None:
    shades = np.full((8, 8), 0x8080, dtype=np.uint16)
    assert set(pixels_of(encoded(Image.fromarray(shades), "PNG"), 8, "row 0")) == {0x80}
    assert set(pixels_of(encoded(Image.fromarray(shades), "TIFF"), 8, "row 0")) == {0x80}
    fractions = Image.fromarray(np.full((8, 8), 0.5, dtype=np.float32))
    with pytest.raises(ValueError, match=r"row 0: the image cannot be read \(its shades are fract"):
        pixels_of(encoded(fractions, "TIFF"), 8, "row 0")


@pytest.mark.parametrize(
    ("mode", "kind"), [("CMYK", "JPEG"), ("P", "GIF"), ("LA", "PNG"), ("1", "PNG"), ("L", "JPEG")]
)
def test_pictures_of_other_modes_keep_their_shade(mode: str, kind: str) -> None:
    picture = Image.fromarray(np.full((8, 8, 3), 255, dtype=np.uint8)).convert(mode)
    assert pixels(encoded(picture, kind), 8).min() > 250
    picture = Image.fromarray(np.zeros((8, 8, 3), dtype=np.uint8)).convert(mode)
    assert pixels(encoded(picture, kind), 8).max() < 40


def test_a_picture_beside_the_table_is_read(tmp_path: Path) -> None:
    file = tmp_path / "a.png"
    file.write_bytes(png(np.full((8, 8, 3), 9, dtype=np.uint8)))
    assert set(pixels_of({"bytes": None, "path": str(file)}, 8, "row 0")) == {9}
    with pytest.raises(ValueError, match=r"row 1: the image is missing \(no file gone\.png\)"):
        pixels_of({"bytes": None, "path": "gone.png"}, 8, "row 1")


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        (
            {"bytes": b"no picture", "path": None},
            r"row 3: the image cannot be read \(of no known format\)",
        ),
        (
            {"bytes": png(drawing(0)[0])[:90], "path": None},
            "split train, row 3: the image cannot be read",
        ),
        (None, "split train, row 3: the image is missing; remove the row or mend it"),
    ],
)
def test_a_broken_or_missing_picture_is_named(cell: object, message: str, tmp_path: Path) -> None:
    save_drawings(tmp_path / "hub" / "drawings", COUNTS, spoil={3: cell})
    with pytest.raises(ValueError, match=message):
        build(tmp_path, config_of())
    assert not list((tmp_path / "out" / "corpora").glob("*/card.json"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"image_column": "imag"}, "no column 'imag'; did you mean 'image'"),
        ({"image_column": "colour"}, "the column 'colour' holds .*, not images"),
        ({"image_size": 4}, r"image_size is 4; it must lie in \[8, 1024\]"),
    ],
)
def test_a_wrong_column_or_size(settings: dict[str, object], message: str, tmp_path: Path) -> None:
    save_drawings(tmp_path / "hub" / "drawings", COUNTS)
    with pytest.raises(ValueError, match=message):
        build(tmp_path, config_of(**settings))


def test_damaged_pixels_are_made_again(tmp_path: Path) -> None:
    save_drawings(tmp_path / "hub" / "drawings", COUNTS)
    (file,) = build(tmp_path, config_of()).folder.glob("images-test.bin")
    before = file.read_bytes()
    content = bytearray(before)
    content[100] ^= 1
    file.write_bytes(content)
    with pytest.raises(ValueError, match=r"images-test\.bin is damaged"):
        Corpus(file.parent)
    build(tmp_path, config_of())
    assert file.read_bytes() == before


def test_other_pixels_are_another_corpus(tmp_path: Path) -> None:
    fingerprints = []
    for name, spoil in (("a", {}), ("b", {5: {"bytes": png(drawing(900)[0]), "path": None}})):
        save_drawings(tmp_path / name / "hub" / "drawings", COUNTS, spoil=spoil)
        fingerprints.append(build(tmp_path / name, config_of()).card.fingerprint)
    assert fingerprints[0] != fingerprints[1]


def test_clip_needs_no_pairs_where_there_are_pictures(
    drawings: Corpus, corpus: Corpus, tmp_path: Path
) -> None:
    objective = load_objective("clip", rows_per_update=16, patch_size=6).fitted(drawings.holds)
    job = experiment(
        None,
        config_of(),
        tmp_path,
        objective=objective,
        budget=BudgetConfig(unit="steps", amount=3),
    )
    trained = train(job, drawings)
    assert trained.training.ledger.forward_passes == 3 * 16
    assert "image_tower" in trained.model.heads
    with pytest.raises(ValueError, match=r"needs images, and .* holds none: .*image_column"):
        check_rows(load_objective("clip", modality="image"), corpus)


def test_the_first_of_several_captions_is_taken(tmp_path: Path) -> None:
    import datasets

    folder = tmp_path / "hub" / "drawings"
    folder.mkdir(parents=True)
    for split, count in COUNTS.items():
        first = {"train": 0, "validation": 96, "test": 112}[split]
        rows = [drawing(number) for number in range(first, first + count)]
        table = {
            "image": [{"bytes": png(pixels), "path": None} for pixels, _, _ in rows],
            "caption": [[caption, "another"] for _, caption, _ in rows],
        }
        features = datasets.Features(
            {"image": datasets.Image(), "caption": datasets.List(datasets.Value("string"))}
        )
        datasets.Dataset.from_dict(table, features=features).to_parquet(
            str(folder / f"{split}.parquet")
        )
    corpus = build(tmp_path, config_of(label_column=None))
    assert "another" not in " ".join(corpus.documents("train")["text"])
