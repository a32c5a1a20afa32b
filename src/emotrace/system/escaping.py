"""Escaping of control characters in text that is printed or stored as one line."""

import re

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def escape_control_characters(text: str, keep: str = "") -> str:
    r"""Replace control characters and line separators, which file names may contain, by escape sequences.

    Args:
        text: any text
        keep: control characters that stay, such as `\n` in text of several lines

    >>> escape_control_characters("monday\n\x1b[31m\u2028.wav"), escape_control_characters("Ärger 😠.wav")
    ('monday\\n\\x1b[31m\\u2028.wav', 'Ärger 😠.wav')
    >>> escape_control_characters("a\tb\n", keep="\n")
    'a\\tb\n'
    """

    def escape(found: re.Match[str]) -> str:
        return found[0] if found[0] in keep else found[0].encode("unicode_escape").decode("ascii")

    return _CONTROL.sub(escape, text)
