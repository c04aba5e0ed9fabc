"""Translate options that mean the same for every cloud into the words of fsspec's file systems."""

import re
from collections.abc import Callable
from typing import Any

from simplezarr.errors import UnsupportedError

__all__ = ["CLOUDS", "translated"]

_OURS = ("anonymous", "endpoint", "region", "profile")


def _s3(options: dict[str, Any], ours: dict[str, Any]) -> None:
    for name, theirs in (("anonymous", "anon"), ("endpoint", "endpoint_url"), ("profile", "profile")):
        if name in ours:
            options[theirs] = ours[name]
    if "region" in ours:
        options["client_kwargs"] = {"region_name": ours["region"], **options.get("client_kwargs", {})}


def _gcs(options: dict[str, Any], ours: dict[str, Any]) -> None:
    if ours.get("anonymous"):
        options["token"] = "anon"
    if "endpoint" in ours:
        options["endpoint_url"] = ours["endpoint"]


def _azure(options: dict[str, Any], ours: dict[str, Any]) -> None:
    if "anonymous" in ours:
        options["anon"] = bool(ours["anonymous"])
    if "endpoint" in ours:
        options["account_host"] = re.sub("^https?://", "", ours["endpoint"])


#: The protocols of object stores, and what translates their options.
CLOUDS: dict[str, Callable[[dict[str, Any], dict[str, Any]], None]] = {
    **dict.fromkeys(("s3", "s3a"), _s3),
    **dict.fromkeys(("gs", "gcs"), _gcs),
    **dict.fromkeys(("az", "abfs", "abfss", "adl"), _azure),
}


def translated(url: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return options as fsspec takes them for a URL or a chain of URLs.

    >>> translated("s3://bucket/a", {"anonymous": True, "region": "eu"})
    {'anon': True, 'client_kwargs': {'region_name': 'eu'}}
    >>> translated("simplecache::s3://bucket/a", {"anonymous": True})
    {'s3': {'anon': True}}
    """
    options = dict(options)
    links = url.split("::")
    protocol = next((found for found in (link.partition("://")[0] for link in links) if found in CLOUDS), None)
    if protocol is None:
        return options
    ours = {name: options.pop(name) for name in _OURS if options.get(name) is not None}
    if "profile" in ours and CLOUDS[protocol] is not _s3:
        raise UnsupportedError(f"{protocol}://: profiles are a concept of S3; pass other credentials")
    if not ours:
        return options
    inner = dict(options.get(protocol, {})) if len(links) > 1 else options
    CLOUDS[protocol](inner, ours)
    return {**options, protocol: inner} if len(links) > 1 else inner
