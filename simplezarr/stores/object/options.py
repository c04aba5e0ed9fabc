"""Make stores of obstore from URLs, with options that have one name for all clouds."""

import json
import os
from collections.abc import Hashable, Mapping
from typing import Any
from urllib.parse import urlsplit

from simplezarr.errors import UnsupportedError
from simplezarr.schema.extras import extra
from simplezarr.stores.object.client import Client, is_theirs
from simplezarr.stores.redaction import redacted, secrets_in
from simplezarr.stores.urls import redact

__all__ = ["client_of_url"]

#: Schemes whose URLs name a bucket, and what obstore calls such a store.
CLOUDS = {
    **dict.fromkeys(("s3", "s3a"), "S3"),
    **dict.fromkeys(("gs", "gcs"), "GCS"),
    **dict.fromkeys(("az", "azure", "abfs", "abfss", "adl"), "Azure"),
}
#: Environment variables that obstore takes credentials and settings from.
_ENVIRONMENT = ("AWS_", "GOOGLE_", "AZURE_")
#: How many stores are kept.
_MOST = 64

#: Stores that were made, because making one takes some milliseconds, and its first request opens a connection.
_made: dict[Hashable, Client] = {}


def client_of_url(url: str, missing: tuple[int, ...], options: dict[str, Any]) -> tuple[Client, str]:
    """Return a client for the bucket of a URL, and the prefix within it.

    The same client is returned for the same bucket and options, unless the environment has other credentials.
    """
    scheme, found, rest = url.partition("://")
    if not found:
        raise ValueError(f"{redact(url)!r}: must be a URL, such as 's3://bucket/path'")
    if scheme in CLOUDS:
        # The path is taken as it is written, as other software for buckets takes it; obstore would decode it.
        bucket, _, prefix = rest.partition("/")
        base = f"{scheme}://{bucket}"
    else:
        base, prefix = url, ""
    key = _key(base, missing, options)
    client = _made.get(key) if key is not None else None
    if client is None:
        client = Client(_store(base, scheme, dict(options)), missing)
        if key is not None:
            while len(_made) >= _MOST:
                _made.pop(next(iter(_made)), None)
            client = _made.setdefault(key, client)
    return client, prefix


def _key(base: str, missing: tuple[int, ...], options: Mapping[str, object]) -> Hashable:
    environment = [item for item in os.environ.items() if item[0].startswith(_ENVIRONMENT)]
    key = base, missing, _frozen(options), tuple(sorted(environment))
    try:
        hash(key)
    except TypeError:
        return None
    return key


def _frozen(value: object) -> object:
    if isinstance(value, Mapping):
        return tuple(sorted((name, _frozen(item)) for name, item in value.items()))
    return value


def _store(base: str, scheme: str, options: dict[str, Any]) -> object:
    from_url = extra("obstore", f"{scheme}:// URLs", "obstore.store").from_url
    try:
        return from_url(f"gs{base[3:]}" if scheme == "gcs" else base, **_translated(scheme, base, options))
    except Exception as error:
        if not is_theirs(error):
            raise
        what = redacted(str(error), secrets_in(options))
    raise ValueError(f"{redact(base)}: {what}")


def _translated(scheme: str, base: str, options: dict[str, Any]) -> dict[str, Any]:
    """Return options in obstore's words. Those that are ours have one meaning for all clouds."""
    cloud = CLOUDS.get(scheme) or _cloud_of_host(base)
    anonymous, endpoint = options.pop("anonymous", None), options.pop("endpoint", None)
    region, profile = options.pop("region", None), options.pop("profile", None)
    if cloud is None:
        if endpoint is not None or profile is not None:
            raise UnsupportedError(f"{scheme}://: endpoint and profile are options of buckets; leave them out")
        return options
    if anonymous is not None:
        options["skip_signature"] = bool(anonymous)
    if endpoint is not None:
        if urlsplit(endpoint).scheme == "http":
            options["client_options"] = {"allow_http": True, **options.get("client_options", {})}
        options["base_url" if cloud == "GCS" else "endpoint"] = endpoint
        if cloud == "GCS" and anonymous:
            options["service_account_key"] = _emulator_key(endpoint)
    if profile is not None:
        if cloud != "S3":
            raise UnsupportedError(f"{scheme}://: profiles are a concept of S3; pass other credentials")
        of_profile = _add_profile(options, profile)
        region = of_profile if region is None else region
    if region is not None and cloud == "S3":  # buckets of the other clouds are found without it
        options["region"] = region
    return options


def _add_profile(options: dict[str, Any], profile: str) -> str | None:
    """Take credentials from a profile of ~/.aws, also those of SSO, which obstore does not read; return its region."""
    session = extra("boto3", "profiles").Session(profile_name=profile)
    provider = extra("obstore", "profiles", "obstore.auth.boto3").Boto3CredentialProvider(session)
    options.setdefault("credential_provider", provider)
    region: str | None = session.region_name
    return region


def _cloud_of_host(url: str) -> str | None:
    host = urlsplit(url).hostname or ""
    if host.endswith((".amazonaws.com", ".r2.cloudflarestorage.com")):
        return "S3"
    if host.endswith((".core.windows.net", ".fabric.microsoft.com")):
        return "Azure"
    return None


def _emulator_key(endpoint: str) -> str:
    """Return credentials with which no token is asked for: otherwise even anonymous writing begins with one."""
    nothing = dict.fromkeys(("client_email", "private_key", "private_key_id"), "")
    return json.dumps({"gcs_base_url": endpoint, "disable_oauth": True, **nothing})
