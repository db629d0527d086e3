from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from upload_server import UploadServer

from runners.upload import token_of, upload

REPOSITORY = "somebody/a-model"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[UploadServer]:
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    with UploadServer("hf_right") as server:
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", server.endpoint)
        yield server


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "1_Pooling").mkdir()
    for name, text in (("config.json", "{}"), ("1_Pooling/config.json", '{"a": 1}')):
        (tmp_path / name).write_text(text)
    (tmp_path / "README.md").write_text("---\ntags: [a]\n---\n# A model\n")
    return tmp_path


def test_all_files_are_uploaded_to_a_private_repository(hub: UploadServer, folder: Path) -> None:
    address = upload(folder, REPOSITORY, token_of(REPOSITORY))
    assert address == f"{hub.endpoint}/{REPOSITORY}"
    assert hub.made[0]["visibility"] == "private"
    there = {
        file.relative_to(folder).as_posix(): file.read_bytes()
        for file in folder.rglob("*")
        if file.is_file()
    }
    assert hub.repositories[REPOSITORY] == there
    (folder / "config.json").write_text('{"b": 2}')
    upload(folder, REPOSITORY, token_of(REPOSITORY))  # which is there already
    assert hub.repositories[REPOSITORY]["config.json"] == b'{"b": 2}'


def test_without_a_token_nothing_is_asked(
    hub: UploadServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("HF_TOKEN")
    monkeypatch.setattr(huggingface_hub.constants, "HF_TOKEN_PATH", str(tmp_path / "none"))
    with pytest.raises(ValueError, match=r"there is no token for .*hf auth login"):
        token_of(REPOSITORY)
    assert not hub.made


def test_what_the_hub_refuses_is_one_clear_error(hub: UploadServer, folder: Path) -> None:
    with pytest.raises(ValueError, match=r"--push somebody/a-model: .*401"):
        upload(folder, REPOSITORY, "hf_wrong")
    with pytest.raises(ValueError, match="--push a b: "):
        token_of("a b")


def test_a_hub_that_is_not_there_is_one_clear_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ValueError, match=r"http://127\.0\.0\.1:9 answered"):
        upload(folder, REPOSITORY, "hf_right")
