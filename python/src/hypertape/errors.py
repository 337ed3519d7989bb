"""What hypertape raises on purpose; the messages are the library's."""


class Error(Exception):
    """Base of them all."""


class ArgumentError(Error, ValueError):
    """An argument outside its range."""


class ShapeError(Error, ValueError):
    """Arrays whose shapes do not fit."""


class DataError(Error, OSError):
    """A file that cannot be used. The message gives the path, what was expected and what was found."""


class DivergenceError(Error, ArithmeticError):
    """A loss, weight or learning rate that became NaN or infinite. The message says where."""
