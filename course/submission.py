"""A student's functions, called by name."""

from __future__ import annotations

import numpy as np

from course import wire
from course.points import Refused


class Submission:
    """The functions of a module, a notebook's names or any dict, in this process.

    `course.sandbox.Sandboxed` is the same for code that nobody trusts. Arguments and results
    cross `course.wire` in both, so a check sees the same here as there.
    """

    def __init__(self, functions):
        self.functions = functions if isinstance(functions, dict) else vars(functions)

    def call(self, name: str, *arguments):
        """What the student's function `name` returns for these: numbers, text, arrays, or tuples,
        lists and dicts of them.

        Raises Refused, with a reason for the student, if there is no such function, it raises, or
        returns something else.
        """
        return wire.decode(self._answer(name, wire.encode(tuple(arguments))))

    def array(self, name: str, *arguments, shape: tuple | None = None) -> np.ndarray:
        """The same as an array of finite floats; a shape may have None where any length will do.

        Raises Refused for what is no such array.
        """
        found = self.call(name, *arguments)
        try:
            found = np.asarray(found, float)
        except (TypeError, ValueError):
            raise Refused(f"{name} must return numbers, got {_kind(found)}") from None
        if shape is not None and not _fits(found.shape, shape):
            raise Refused(f"{name} must return numbers of shape {_told(shape)}, got "
                          f"{_told(found.shape)}")
        if not np.isfinite(found).all():
            raise Refused(f"{name} must return finite numbers, got some that are not")
        return found

    def number(self, name: str, *arguments) -> float:
        """The same as one finite number; an array of one will do."""
        found = self.array(name, *arguments)
        if found.size != 1:
            raise Refused(f"{name} must return one number, got shape {_told(found.shape)}")
        return float(found.reshape(()))

    def _answer(self, name, message):
        if not callable(self.functions.get(name)):
            raise Refused(f"there is no function {name}")
        try:
            return wire.encode(self.functions[name](*wire.decode(message)))
        except (Exception, SystemExit) as error:
            raise Refused(f"{name} raised {wire.said(error)}") from None


def _fits(shape, wanted):
    return len(shape) == len(wanted) and all(
        side in (one, None) or one == side for side, one in zip(wanted, shape, strict=True))


def _told(shape):
    return "(" + ", ".join("any" if side is None else str(side) for side in shape) + ")"


def _kind(value):
    return f"text of {len(value)} characters" if isinstance(value, str) else type(value).__name__
