"""Examples to test on: every reading is counted, and whoever is choosing may not read them."""

import contextlib
from collections import Counter
from collections.abc import Iterator
from contextvars import ContextVar
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)

_is_choosing: ContextVar[bool] = ContextVar("is_choosing", default=False)


class ReadWhileChoosingError(AssertionError):
    """Test examples were asked for where a layer, a rate or the like is being chosen."""


class ReadOnce(Generic[T_co]):
    """Test examples.

    Args:
        examples: of whatever kind.

    Attributes:
        readings: how often they were read, by figure; "" for all figures at once.
    """

    def __init__(self, examples: T_co) -> None:
        self._examples = examples
        self.readings: Counter[str] = Counter()

    def read(self, *figures: str) -> T_co:
        """For figures of a model, without names for all of them; counted.

        Raises:
            ReadWhileChoosingError: something is being chosen.
        """
        if _is_choosing.get():
            raise ReadWhileChoosingError("test examples are not read to choose by")
        self.readings.update(figures or ("",))
        return self._examples

    @property
    def known(self) -> T_co:
        """For what is not a model: simple methods, and facts of the data. Not counted."""
        return self._examples


@contextlib.contextmanager
def choosing(*given: object) -> Iterator[None]:
    """Whatever is chosen within is chosen without test examples.

    Args:
        given: to choose on.

    Raises:
        ReadWhileChoosingError: these are test examples, or they are read.
    """
    if any(isinstance(each, ReadOnce) for each in given):
        raise ReadWhileChoosingError("test examples were given to choose on")
    token = _is_choosing.set(True)
    try:
        yield
    finally:
        _is_choosing.reset(token)
