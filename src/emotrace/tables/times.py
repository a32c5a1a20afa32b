"""Times in tables: seconds, or clock times as pandas and spreadsheets write them."""

import re

_EMPTY = frozenset({"", "NaT"})
_SECONDS = re.compile(r"[-+]?(?:\d{1,12}(?:\.\d{0,30})?|\.\d{1,30})(?:[eE][-+]?\d{1,2})?")
_CLOCK = re.compile(
    r"(?:(?P<days>\d{1,4}) days?(?: |$))?"
    r"(?:(?P<hours>\d{1,4}):(?P<minutes>[0-5]?\d):(?P<seconds>[0-5]?\d(?:\.\d{0,12})?))?"
)


def parse_time(text: str) -> float | None:
    """Seconds from the start of a recording; None for an empty cell.

    >>> parse_time("1.25"), parse_time("0 days 00:01:01.500000"), parse_time("1:00:00"), parse_time("")
    (1.25, 61.5, 3600.0, None)
    >>> parse_time("soon")
    Traceback (most recent call last):
    ValueError: expected seconds, such as 1.25, or hours:minutes:seconds

    Raises:
        ValueError: if the text is no time
    """
    text = text.strip()
    if text in _EMPTY:
        return None
    if _SECONDS.fullmatch(text):
        return float(text)
    clock = _CLOCK.fullmatch(text)
    if clock is None:
        raise ValueError("expected seconds, such as 1.25, or hours:minutes:seconds")
    days, hours, minutes = (int(clock[name] or 0) for name in ("days", "hours", "minutes"))
    return 86_400.0 * days + 3600 * hours + 60 * minutes + float(clock["seconds"] or 0)
