"""Hypothesis profiles (`ci`, the default, is reproducible; `dev` searches anew at each run), signals and pools."""

import os
import signal

import pytest
from hypothesis import HealthCheck, settings

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]

settings.register_profile("ci", max_examples=100, deadline=None, derandomize=True, suppress_health_check=QUIET)
settings.register_profile("dev", max_examples=100, deadline=None, suppress_health_check=QUIET)
settings.register_profile("thorough", max_examples=5000, deadline=None, suppress_health_check=QUIET)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))

# A shell that runs the tests in the background has them ignore Ctrl-C, which tests send to themselves.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture
def pool():
    """Four threads, whatever the machine has; afterwards as many as before."""
    import simplezarr as sz

    before = sz.get_num_threads()
    sz.set_num_threads(4)
    yield
    sz.set_num_threads(before)


@pytest.fixture(scope="session")
def moto():
    """S3 in a process of its own (`tests.support.servers.Moto`)."""
    pytest.importorskip("moto")
    from tests.support.servers import moto_server

    with moto_server() as server:
        yield server


@pytest.fixture(scope="session")
def azurite():
    """Azure in a process of its own (`tests.support.servers.Azurite`), if azurite is installed."""
    from tests.support.servers import azurite_server

    with azurite_server() as server:
        if server is None:
            pytest.skip("azurite-blob is not on the path")
        yield server
