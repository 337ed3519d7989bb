"""Exceptions that hypertape raises, with the library's messages."""


class Error(Exception):
    """Base class of all."""


class ArgumentError(Error, ValueError):
    """An argument outside its range."""


class ShapeError(Error, ValueError):
    """Arrays whose shapes do not match."""


class DataError(Error, OSError):
    """A file that cannot be used. The message gives the path, what was expected and what was found."""


class DivergenceError(Error, ArithmeticError):
    """A loss, weight or learning rate that became NaN or infinite. The message says where."""
