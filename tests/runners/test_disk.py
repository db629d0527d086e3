import errno
import os
from pathlib import Path

import pytest
from safetensors import SafetensorError

from runners.disk import as_os_error, is_full, write_whole


def test_a_file_is_there_whole_or_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    write_whole(file, "first")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(file, "second")
    assert file.read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    ("error", "full"),
    [
        (OSError(errno.ENOSPC, "full"), True),
        (OSError(errno.EDQUOT, "quota"), True),
        (OSError("writing failed: [errno 28] No space left on device"), True),
        (OSError(errno.EACCES, "no"), False),
        (OSError("odd"), False),
        (ValueError("errno 28"), False),
        (as_os_error(SafetensorError("I/O error: No space left on device (os error 28)")), True),
        (as_os_error(SafetensorError("Io(Os { code: 27, kind: FileTooLarge })")), True),
        (as_os_error(SafetensorError("header too large")), False),
    ],
)
def test_a_full_disk_is_known_however_it_is_told(error: Exception, full: bool) -> None:
    assert is_full(error) is full
