from dataclasses import dataclass, field

import pytest

from runners.configuration.build import build, pick
from runners.probes.base import PROBES
from runners.probes.library import LibraryProbe


@dataclass(frozen=True, kw_only=True)
class Inner:
    depth: int = 1


@dataclass(frozen=True, kw_only=True)
class Outer:
    name: str
    rate: float = 0.5
    count: int | None = None
    parts: tuple[str, ...] = ()
    strict: bool = False
    inner: Inner = field(default_factory=Inner)

    def __post_init__(self) -> None:
        if self.rate > 1:
            raise ValueError(f"rate is {self.rate}; it must not exceed 1")


def test_values_get_their_types() -> None:
    values = {"name": 3, "rate": 1, "count": 2.0, "parts": ["a"], "inner": {"depth": 5}}
    found = build(Outer, values, "outer")
    assert found == Outer(name="3", rate=1.0, count=2, parts=("a",), inner=Inner(depth=5))
    assert isinstance(found.rate, float)
    assert isinstance(found.count, int)
    assert build(Outer, {"name": "x", "count": None}, "outer").count is None


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "x", "rat": 1}, r"no outer\.rat; did you mean 'rate'"),
        ({}, r"outer\.name is not set"),
        ({"name": "x", "rate": "fast"}, r"outer\.rate is 'fast'; a number is expected"),
        ({"name": "x", "rate": True}, r"outer\.rate is True; a number"),
        ({"name": "x", "count": 1.5}, r"outer\.count is 1\.5; a whole number"),
        ({"name": "x", "parts": "a"}, r"outer\.parts is 'a'; a list is expected, such as \[a\]"),
        ({"name": "x", "strict": 1}, r"outer\.strict is 1; true or false"),
        ({"name": True}, r"a text is expected; .* in quotes, \"outer\.name='true'\""),
        ({"name": ["x"]}, r"outer\.name is \['x'\]; a text"),
        ({"name": "x", "inner": 3}, r"outer\.inner is 3; settings by name"),
        ({"name": "x", "inner": {"deep": 1}}, r"no outer\.inner\.deep; did you mean 'depth'"),
        ({"name": "x", "rate": 2}, r"outer: rate is 2\.0; it must not exceed 1"),
    ],
)
def test_a_mistake_is_answered_with_its_place(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build(Outer, values, "outer")


def test_a_kind_is_picked_by_name() -> None:
    values = {"kind": "library", "name": "x", "train_per_class": 500}
    assert pick(PROBES, values, "probes.x") == LibraryProbe(name="x", train_per_class=500)
    with pytest.raises(ValueError, match=r"probes\.x: no probe is named 'librar'; did you"):
        pick(PROBES, {**values, "kind": "librar"}, "probes.x")
    with pytest.raises(ValueError, match=r"probes\.x\.kind is not set; known: agreement, "):
        pick(PROBES, {"name": "x"}, "probes.x")
