"""Range checks: each takes arguments by their names, so that the message can name them."""

from numbers import Integral, Real


def whole(least: int, **values) -> None:
    """Raise ValueError unless every value is a whole number of at least `least`."""
    for name, value in values.items():
        if not isinstance(value, Integral) or isinstance(value, bool):
            raise ValueError(f"{name} must be a whole number, got {value!r}")
        if value < least:
            raise ValueError(f"{name} must be at least {least}, got {value}")


def positive(**values) -> None:
    """Raise ValueError unless every value is a finite number above 0."""
    for name, value in values.items():
        if not (_is_number(value) and 0 < value < float("inf")):
            raise ValueError(f"{name} must be positive, got {value!r}")


def not_negative(**values) -> None:
    """Raise ValueError unless every value is a finite number of at least 0."""
    for name, value in values.items():
        if not (_is_number(value) and 0 <= value < float("inf")):
            raise ValueError(f"{name} must not be negative or infinite, got {value!r}")


def between(low: float, high: float, **values) -> None:
    """Raise ValueError unless every value is a number from `low` to `high`, ends included."""
    for name, value in values.items():
        if not (_is_number(value) and low <= value <= high):
            raise ValueError(f"{name} must lie between {low:g} and {high:g}, got {value!r}")


def inside(low: float, high: float, **values) -> None:
    """Raise ValueError unless every value is a number between `low` and `high`, ends excluded."""
    for name, value in values.items():
        if not (_is_number(value) and low < value < high):
            raise ValueError(f"{name} must lie above {low:g} and below {high:g}, got {value!r}")


def share(**values) -> None:
    """Raise ValueError unless every value is a number from 0 to below 1."""
    for name, value in values.items():
        if not (_is_number(value) and 0 <= value < 1):
            raise ValueError(f"{name} is a share, from 0 to below 1, got {value!r}")


def _is_number(value) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)
