"""The errors that emotrace raises. Each message states what was found, what was expected and what to do."""


class EmotraceError(Exception):
    """Base class of all errors that emotrace raises deliberately; the message is one line for the user.

    >>> issubclass(AudioError, EmotraceError)
    True
    """


class AudioError(EmotraceError):
    """An audio input is missing, empty, not audio, too short, or has samples that are not finite."""


class SegmentError(EmotraceError):
    """A segment file is unreadable, or a segment lies outside its recording."""


class TableError(EmotraceError):
    """A table is no CSV, lacks a column or has a damaged row; readers name the file in their own error."""


class CorpusError(EmotraceError):
    """A corpus on disk differs from what its loader expects."""


class RecipeError(EmotraceError):
    """A recipe has an unknown key, a value out of range, or a value that does not fit its system."""


class ModelError(EmotraceError):
    """A model folder is incomplete, damaged, altered, or of an unsupported version."""


class RunError(EmotraceError):
    """A run folder is incomplete, belongs to another run, or is not a run folder."""


class MissingExtraError(EmotraceError):
    """An optional dependency is not installed; the message names the `pip install` command for it."""
