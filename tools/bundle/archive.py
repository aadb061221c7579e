"""Zips that are the same bytes for the same files, on every machine and Python version."""

from io import BytesIO
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from tools.bundle.contents import Files

_EARLIEST = (1980, 1, 1, 0, 0, 0)
_UNIX = 3
_READABLE_FILE = 0o100644 << 16


def archive(files: Files) -> bytes:
    """A zip of the files: sorted, with fixed times and modes, stored as they are.

    Not deflated, because compressors differ between machines (zlib, zlib-ng); a bundle is small as it is.
    """
    whole = BytesIO()
    with ZipFile(whole, "w", ZIP_STORED) as bundle:
        for place in sorted(files):
            entry = ZipInfo(place, _EARLIEST)
            entry.create_system = _UNIX
            entry.external_attr = _READABLE_FILE
            bundle.writestr(entry, files[place])
    return whole.getvalue()
