"""Server-sent events, read by hand from bytes as they come (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

from __future__ import annotations

BYTE_ORDER_MARK = b"\xef\xbb\xbf"


class EventReader:
    """The data of each event of one stream, however its bytes are split; lines end in LF, CRLF or CR."""

    def __init__(self) -> None:
        self._rest = b""
        self._lines: list[bytes] = []
        self._after_cr = False
        self._is_first = True

    def feed(self, received: bytes) -> list[bytes]:
        """Return the data of the events that these bytes complete; comments and other fields are left out."""
        data = received
        if self._after_cr and data[:1] == b"\n":
            data = data[1:]
        self._after_cr = received.endswith(b"\r")
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._rest = (self._rest + data).split(b"\n")
        if not lines:
            return []
        if self._is_first:
            lines[0] = lines[0].removeprefix(BYTE_ORDER_MARK)
            self._is_first = False
        return self._events(lines)

    def rest(self) -> list[bytes]:
        """Return the data of an event whose blank line never came, as some servers leave the last one out."""
        lines, self._rest = [self._rest, b""], b""
        return self._events(lines)

    def _events(self, lines: list[bytes]) -> list[bytes]:
        events: list[bytes] = []
        for line in lines:
            if line.startswith(b"data:"):
                self._lines.append(line[6:] if line[5:6] == b" " else line[5:])
            elif not line and self._lines:
                data = self._lines[0] if len(self._lines) == 1 else b"\n".join(self._lines)
                self._lines = []
                if data:
                    events.append(data)
        return events
