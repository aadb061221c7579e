"""Text for files without an escape character: printable ASCII, without the separator, up to a length.

Receivers differ in the characters that they accept beyond ASCII, and can refuse a whole file for one character. So
names in any script are romanised (Siân becomes Sian, 王伟 becomes WangWei): a visitor can still ask for the person.
"""

import re

from anyascii import anyascii

_UNSAFE = re.compile(r"[^ -{}~]+")


def plain(text: str, longest: int) -> str:
    """The text in printable ASCII without `|`, at most `longest` characters; empty if none of it can be shown."""
    if text.isascii() and text.isprintable() and "|" not in text:
        return text[:longest].strip()
    return " ".join(_UNSAFE.sub(" ", anyascii(text)).split())[:longest].strip()
