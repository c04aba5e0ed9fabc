"""Keep credentials out of messages of other libraries."""

import re
from collections.abc import Iterable, Mapping

__all__ = ["redacted", "secrets_in"]

_SECRET = re.compile(r"secret|token|key|sas|password|passwd|credential|signature|connection_string", re.IGNORECASE)
_QUERY = re.compile(r"(?<=\S)\?[^\s\"'<>)]*")
_USER = re.compile(r"(?<=://)[^/\s@]*@")
#: Shorter values are no secrets, and would be found in other words.
_SHORTEST = 4


def secrets_in(options: Mapping[str, object]) -> set[str]:
    """Return the values of options that hold credentials by their names, in nested options too.

    >>> sorted(secrets_in({"region": "eu", "secret_access_key": "xyzzy", "s3": {"token": "abcd"}}))
    ['abcd', 'xyzzy']
    """
    found = set()
    for name, value in options.items():
        if isinstance(value, Mapping):
            found |= {str(item) for item in value.values()} if _SECRET.search(str(name)) else secrets_in(value)
        elif _SECRET.search(str(name)) and value is not None and not isinstance(value, bool):
            found.add(str(value))
    return {secret for secret in found if len(secret) >= _SHORTEST}


def redacted(text: str, secrets: Iterable[str] = ()) -> str:
    """Return the first line of a message, with the queries and users of URLs and all credentials taken out.

    >>> redacted("403 for https://me:pw@host/a?sig=1 with xyzzy", ["xyzzy"])
    '403 for https://host/a with …'
    """
    text = _USER.sub("", _QUERY.sub("", text.partition("\n")[0]))
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "…")
    return text
