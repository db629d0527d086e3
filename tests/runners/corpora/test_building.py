"""Corpora are told by what reads them, too."""

from pathlib import Path

import pytest
from made_corpus import build, document

from models.registry import find
from runners.corpora.building import build_corpus
from runners.corpora.document import CORPORA
from runners.corpora.local import LocalConfig

PLUGIN = '''
from dataclasses import dataclass
from runners.corpora.local import LocalConfig

@dataclass(frozen=True, kw_only=True)
class Mine(LocalConfig):
    """Version {version}."""
'''


def test_an_edited_plugin_reads_anew(tmp_path: Path) -> None:
    """The same settings and the same files, read by three classes: three corpora."""
    rows = {
        split: [{"text": document(1000 * number + i)} for i in range(40)]
        for number, split in enumerate(("train", "validation", "test"))
    }
    folders = {build(tmp_path, rows).folder}
    for version in ("1", "2", "2"):
        file = tmp_path / version / "mine.py"
        file.parent.mkdir(exist_ok=True)
        file.write_text(PLUGIN.format(version=version))
        config = find(CORPORA, "mine", [file])(
            path=str(tmp_path / "data"), sequence_length=32, vocabulary_size=600
        )
        folders.add(build_corpus(config, output_dir=tmp_path / "out", say=lambda _: None).folder)
    assert len(folders) == 3


def test_too_few_groups_are_told_from_too_few_documents(tmp_path: Path) -> None:
    rows = "".join(f"{document(i).split('.')[0]},one\n" for i in range(40))
    (tmp_path / "t.csv").write_text(f"text,author\n{rows}")
    config = LocalConfig(path=str(tmp_path / "t.csv"), group_column="author")
    told = "40 documents in 1 group.*Give more groups, .*group_column=null lets every row"
    with pytest.raises(ValueError, match=told):
        build_corpus(config, output_dir=tmp_path / "out", say=lambda _: None)
