"""Reads what people write: UTF-8, whatever the machine's locale is. Knows nothing of what it says."""

import re

from builder.faults import Fault

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ufffe\uffff]")  # no HTML, no XML and no Python has them


def read_text(path, file):
    """(text, faults) of a file that faults call `file`; line ends are \\n, and a byte-order mark is no part of it."""
    try:
        data = path.read_bytes()
    except OSError as error:
        return "", [Fault(file, 0, f"can't be read: {error.strerror}")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = 1 + data.count(b"\n", 0, error.start)
        kind = "UTF-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else f"not UTF-8 (byte 0x{data[error.start]:02x})"
        return "", [Fault(file, line, f"is {kind}: save it as UTF-8")]
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    found = _CONTROL.search(text)
    if not found:
        return text, []
    line = 1 + text.count("\n", 0, found.start())
    return text, [Fault(file, line, f"holds the control character U+{ord(found[0]):04X}: delete it")]
