"""Choice of an annotation format by a parameter, or by the header `Accept`."""

from collections.abc import Sequence

from emotrace.annotations.registry import FORMATS, Format, import_function
from emotrace.errors import MissingExtraError
from emotrace.serving.problems import ProblemError

PREDICTION_FORMATS = tuple(entry.name for entry in FORMATS if entry.predictions)
TIMELINE_FORMATS = tuple(entry.name for entry in FORMATS if entry.timeline)


def choose_format(names: Sequence[str], name: str | None, accept: str) -> Format:
    """The format that a client asks for; JSON if it does not mind.

    Args:
        names: the formats of the route
        name: the value of the parameter, None if it is not given
        accept: the header `Accept`

    >>> choose_format(TIMELINE_FORMATS, None, "text/html, text/vtt;q=0.5, */*;q=0.1").name
    'vtt'
    >>> choose_format(TIMELINE_FORMATS, "rttm", "*/*").media_type
    'text/x-rttm'

    Raises:
        ProblemError: 422 if the parameter names no format of the route, 406 if the header does
    """
    entries = {entry.name: entry for entry in FORMATS if entry.name in names}
    if name is not None:
        if name not in entries:
            raise ProblemError(
                422,
                f"format: found {name[:40]!r}, expected one of {', '.join(entries)}; correct the parameter",
            )
        return _usable(entries[name])
    by_type = {"*/*": entries["json"], "application/*": entries["json"], "text/*": entries["text"]}
    by_type |= {entry.media_type: entry for entry in entries.values()}
    wanted = _preferences(accept) or ["*/*"]
    for media_type in wanted:
        if media_type in by_type:
            return _usable(by_type[media_type])
    known = ", ".join(sorted({entry.media_type for entry in entries.values()}))
    raise ProblemError(406, f"Accept: found {accept[:80]!r}, expected one of {known}")


def _usable(entry: Format) -> Format:
    if entry.requirement is not None:
        try:
            import_function(entry.requirement)()
        except MissingExtraError as error:
            raise ProblemError(406, f"format {entry.name}: {error}") from None
    return entry


def _preferences(accept: str) -> list[str]:
    """Media types in the order of preference, without those of quality 0."""
    found = []
    for part in accept.split(","):
        media_type, *parameters = (piece.strip().lower() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            if parameter.startswith("q="):
                try:
                    quality = float(parameter[2:])
                except ValueError:
                    quality = 0.0
        if media_type and quality > 0:
            found.append((quality, media_type))
    return [media_type for _, media_type in sorted(found, key=lambda pair: -pair[0])]
