"""Text for files without an escape character: printable ASCII, without the separator, within a length.

Receivers differ in what they take beyond ASCII, and one refused character can cost a whole file. So names in any script
are romanised (Siân becomes Sian, 王伟 becomes WangWei): a caller at the door can still say who they look for.
"""

import re

from anyascii import anyascii

_UNSAFE = re.compile(r"[^ -{}~]+")


def plain(text: str, longest: int) -> str:
    """The text in printable ASCII without `|`, at most `longest` characters; empty if nothing of it can be shown."""
    if text.isascii() and text.isprintable() and "|" not in text:
        return text[:longest].strip()
    return " ".join(_UNSAFE.sub(" ", anyascii(text)).split())[:longest].strip()
