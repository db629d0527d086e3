import sys
import textwrap
from pathlib import Path

import pytest

from runners.corpora.docstrings import docstrings_of
from runners.corpora.pydocs import PydocsConfig


def test_docstrings_in_the_order_of_the_source(tmp_path: Path) -> None:
    file = tmp_path / "m.py"
    file.write_text(
        textwrap.dedent('''
        """The module says what it is for, at some length."""
        class A:
            """A class that is documented, at some length too."""
            def f(self):
                r"""A method \\s with

                an indented body that goes on."""
            def g(self): "short"
        async def h():
            """An asynchronous function, and its documentation."""
        x = """A string that is not a docstring, however long."""
        ''')
    )
    texts = docstrings_of(file)
    beginnings = ["The module", "A class", "A method", "An asynchronous"]
    assert [text[: len(b)] for text, b in zip(texts, beginnings, strict=True)] == beginnings
    assert texts[2] == "A method \\s with\n\nan indented body that goes on."


@pytest.mark.parametrize("content", [b"def broken(", b"\xff\xfe", b"x = '\\d'\n"])
def test_files_that_are_no_python_have_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.py").write_bytes(content)
    assert docstrings_of(tmp_path / "m.py") == []


def test_tests_and_vendored_trees_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "somelib"
    text = '"""A docstring that is long enough to be a document."""'
    for name in ("__init__.py", "core.py", "tests/t.py", "_vendor/v.py", "sub/externals/e.py"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(text)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    config = PydocsConfig(libraries=("somelib",))
    documents = list(config.open(hub_dir=None, output_dir=tmp_path).documents())
    assert sorted(d.group for d in documents) == ["somelib/__init__.py", "somelib/core.py"]
    assert {d.label for d in documents} == {"somelib"}


def test_a_library_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'nosuchlibrary'"):
        PydocsConfig(libraries=("nosuchlibrary",)).open(hub_dir=None, output_dir=tmp_path)
