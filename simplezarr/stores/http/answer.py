"""Read the answer of a web server, as far as it comes."""

import http.client
import re
from dataclasses import dataclass
from io import BytesIO

__all__ = ["Answer", "BrokenOffError", "read_answer"]

#: Bytes of a body that get memory at a time: what a header says about its length is not trusted with more.
_ROOM = 64 << 20
#: Bytes of a body that are read at a time. The pieces that have come are kept if the body breaks off.
_PIECE = 256 << 10
#: A length that a header states. `int` refuses thousands of digits with an error of its own.
_NUMBER = re.compile("[0-9]{1,19}")
#: Bytes that are read of the body of an error.
_ERROR_BODY = 64 << 10


@dataclass(slots=True)
class Answer:
    """An answer.

    body: None if it is larger than the limit of the request; then it was not read, and `length` says its size if the
    server did.
    """

    status: int
    reason: str
    headers: "http.client.HTTPMessage"
    body: bytes | None
    length: int | None
    attempts: int = 1


class BrokenOffError(http.client.HTTPException):
    """The body of an answer broke off. answer: has what came of it. The cause is the failure."""

    def __init__(self, answer: Answer):
        super().__init__()
        self.answer = answer


def read_answer(method: str, response: http.client.HTTPResponse, limit: int | None) -> Answer:
    """Read the body of an answer, unless it has more than `limit` bytes.

    Raise BrokenOffError if it breaks off after some pieces, IncompleteRead if it does so before.
    """
    answer = Answer(response.status, response.reason, response.headers, None, response.length)
    length = response.length
    if response.status >= 300:
        limit = _ERROR_BODY if limit is None else min(limit, _ERROR_BODY)
    elif limit is not None and "Content-Encoding" in response.headers:
        limit = 2 * limit + _ERROR_BODY  # what is compressed may be larger than the value
    if method == "HEAD":
        stated = response.headers.get("Content-Length", "")
        answer.body, answer.length = response.read(), int(stated) if _NUMBER.fullmatch(stated) else None
    elif limit is not None and (length is None or length > limit):
        body = response.read(limit + 1) if length is None else None
        answer.body = None if body is None or len(body) > limit else body
    elif length is None or length <= _PIECE:
        answer.body = response.read()
    else:
        _fill(answer, response, length)
    return answer


def _fill(answer: Answer, response: http.client.HTTPResponse, length: int) -> None:
    """Read a body in pieces, which come to lie where they stay."""
    rooms: list[bytes] = []
    done = 0
    failure: Exception | None = None
    while done < length and failure is None:
        room, got = BytesIO(bytes(min(length - done, _ROOM))), 0
        with room.getbuffer() as view:
            try:
                while got < len(view):
                    n = response.readinto(view[got : got + _PIECE])
                    if not n:
                        raise http.client.IncompleteRead(b"", length - done - got)
                    got += n
            except (OSError, http.client.HTTPException) as error:
                failure = error
                rooms.append(bytes(view[:got]))
        if failure is None:
            rooms.append(room.getvalue())  # no copy, because nothing else has this memory
        done += got
    answer.body = rooms[0] if len(rooms) == 1 else b"".join(rooms)
    if done >= _PIECE and failure is not None:
        raise BrokenOffError(answer) from failure
    if failure is not None:
        raise failure
