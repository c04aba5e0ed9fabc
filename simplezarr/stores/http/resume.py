"""Go on with an answer whose body broke off: ask for the rest of the same version."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from http.client import HTTPMessage

    from simplezarr.stores.http.answer import Answer

__all__ = ["CONTENT_RANGE", "Rest", "condition_of"]

CONTENT_RANGE = re.compile(r"bytes (?:(\d{1,19})-(\d{1,19})|\*)/(\d{1,19}|\*)")
#: Seconds that the last change must be past for its time to tell versions apart: a second change within the same second
#: would not show.
_SETTLED = 2


def condition_of(headers: "HTTPMessage") -> str | None:
    """Return what stands for a version in the header `If-Range`, None if the server cannot tell versions apart.

    It is the strong ETag, or the time of the last change if that is past.

    >>> condition_of({"ETag": '"1"'}), condition_of({"ETag": 'W/"1"'})
    ('"1"', None)
    """
    from email.utils import parsedate_to_datetime  # http.client has loaded it

    etag, changed = headers.get("ETag", "").strip(), headers.get("Last-Modified")
    if re.fullmatch(r'"[^"]*"', etag):
        return etag
    if changed is None:
        return None
    try:
        age = parsedate_to_datetime(headers.get("Date", "")) - parsedate_to_datetime(changed)
    except (TypeError, ValueError):
        return None
    return changed if age.total_seconds() >= _SETTLED else None


class Rest:
    """What a request still lacks: all of its answer, or the rest of one that broke off.

    If the rest of an answer turns out to be of another version, or not to be given, the request is made again from the
    beginning, and nothing is resumed any more.
    """

    def __init__(self) -> None:
        self._broken: Answer | None = None
        self._resumes = True

    def headers(self, headers: Mapping[str, str]) -> Mapping[str, str]:
        """Return the headers of the next request, from those of the first one. A condition among these is kept."""
        place = None if self._broken is None else _place(self._broken)
        if self._broken is None or place is None:
            return headers
        condition = {} if "If-Match" in headers else {"If-Range": condition_of(self._broken.headers) or ""}
        return {**headers, **condition, "Range": f"bytes={place[0] + len(self._broken.body or b'')}-{place[1] - 1}"}

    def begin(self, answer: "Answer") -> bool:
        """Take an answer that broke off; return whether only what it lacks is asked for from now on."""
        if self._broken is not None:
            answer_so_far = _joined(self._broken, answer)
            if answer_so_far is None:
                self._broken, self._resumes = None, False
                return False
            answer = answer_so_far
        if not self._resumes or condition_of(answer.headers) is None or _place(answer) is None:
            return False
        self._broken = answer
        return True

    def complete(self, answer: "Answer") -> "Answer | None":
        """Return the whole answer, of which one that did not break off is the rest; None if it is not."""
        broken, self._broken = self._broken, None
        if broken is None or answer.status not in (200, 206, 416):
            return answer
        whole = _joined(broken, answer)
        if whole is None and answer.status == broken.status == 200:  # a new version, as a whole
            return answer
        self._resumes = whole is not None
        return whole


def _joined(broken: "Answer", rest: "Answer") -> "Answer | None":
    """Return an answer with the rest of its body; None if the rest is of another version, or at another place."""
    whole, part, begun = _place(broken), _place(rest), broken.body or b""
    is_same = condition_of(rest.headers) == condition_of(broken.headers)
    if rest.status != 206 or rest.body is None or not is_same or whole is None or part is None:
        return None
    if part != (whole[0] + len(begun), whole[1]) or _size(rest) not in (None, _size(broken)):
        return None
    return replace(broken, body=begun + rest.body, attempts=rest.attempts)


def _place(answer: "Answer") -> tuple[int, int] | None:
    """Return where the body of an answer begins and ends in the value, None if it does not say."""
    if answer.status == 206:
        found = CONTENT_RANGE.fullmatch(answer.headers.get("Content-Range", "").strip())
        return None if found is None or found[1] is None else (int(found[1]), int(found[2]) + 1)
    return None if answer.length is None else (0, answer.length)


def _size(answer: "Answer") -> int | None:
    """Return the bytes of the whole value, None if the answer does not say."""
    if answer.status != 206:
        return answer.length
    size = answer.headers.get("Content-Range", "").strip().rpartition("/")[2]
    return None if size == "*" else int(size)
