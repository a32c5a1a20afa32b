"""What can go wrong, by kind. Every message says what was found, what was expected and what to do."""


class EmotraceError(Exception):
    """The base of every error that emotrace raises on purpose; its text is one line for the user.

    >>> issubclass(AudioError, EmotraceError)
    True
    """


class AudioError(EmotraceError):
    """An audio input that cannot be used: missing, empty, not audio, too short, not finite."""


class SegmentError(EmotraceError):
    """A segment file that cannot be read, or a segment that its recording does not hold."""


class CorpusError(EmotraceError):
    """A corpus on disk that is not what its loader expects."""


class RecipeError(EmotraceError):
    """A recipe with an unknown key, a value out of range, or one that does not fit its system."""


class ModelError(EmotraceError):
    """A model folder that is incomplete, damaged, altered or of another version."""


class RunError(EmotraceError):
    """A run folder that cannot be used: another run's, incomplete, or not a run at all."""


class MissingExtraError(EmotraceError):
    """An optional dependency that is not installed; the message names the `pip install` that brings it."""
