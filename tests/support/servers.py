"""Servers of other makers, as child processes on free ports of this machine."""

import base64
import email.utils
import hashlib
import hmac
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

#: Runs moto on a port that the system chooses, and prints the port. Moto checks the condition of a PUT and stores the
#: value in two steps, so two PUTs with one condition could both succeed, which S3 excludes. Hence the lock.
_MOTO = """
import sys
import threading
from moto.s3.responses import S3Response
from moto.server import ThreadedMotoServer
put, one = S3Response.put_object, threading.Lock()
def put_alone(self):
    with one:
        return put(self)
S3Response.put_object = put_alone
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"""


class Moto:
    """S3 as moto plays it. `options(...)` are those of a store there."""

    def __init__(self, port):
        self.endpoint = f"http://127.0.0.1:{port}"

    def options(self, **more):
        keys = {"access_key_id": "AKIDTESTKEY", "secret_access_key": "very-secret-value"}
        return {"endpoint": self.endpoint, "region": "us-east-1", **keys, **more}

    def bucket(self, name):
        """Make a bucket, and return its URL."""
        request = urllib.request.Request(f"{self.endpoint}/{name}", method="PUT")
        urllib.request.urlopen(request, timeout=20).close()
        return f"s3://{name}"


@contextmanager
def moto_server():
    """Moto in a process of its own, which ends with its input."""
    command = [sys.executable, "-c", _MOTO]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        port = int(process.stdout.readline())
        deadline = time.monotonic() + 20
        while True:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/moto-api/", timeout=5).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield Moto(port)
    finally:
        process.stdin.close()
        process.kill()
        process.wait()
        process.stdout.close()


#: The account that azurite has, and its key, which is public.
_ACCOUNT = "devstoreaccount1"
_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="


class Azurite:
    """Azure's blobs as azurite plays them. `options()` are those of a store there."""

    def __init__(self, port):
        self.endpoint = f"http://127.0.0.1:{port}/{_ACCOUNT}"

    def options(self, **more):
        return {"endpoint": self.endpoint, "account_name": _ACCOUNT, "account_key": _KEY, **more}

    def container(self, name):
        """Make a container, and return its URL."""
        date = email.utils.formatdate(usegmt=True)
        place = f"/{_ACCOUNT}/{_ACCOUNT}/{name}\nrestype:container"
        signed = f"PUT{12 * chr(10)}x-ms-date:{date}\nx-ms-version:2021-08-06\n{place}"
        signature = base64.b64encode(
            hmac.new(base64.b64decode(_KEY), signed.encode(), hashlib.sha256).digest()
        ).decode()
        headers = {
            "x-ms-date": date,
            "x-ms-version": "2021-08-06",
            "Authorization": f"SharedKey {_ACCOUNT}:{signature}",
            "Content-Length": "0",
        }
        request = urllib.request.Request(f"{self.endpoint}/{name}?restype=container", method="PUT", headers=headers)
        urllib.request.urlopen(request, timeout=20).close()
        return f"az://{name}"


@contextmanager
def azurite_server():
    """Azurite (`npm install --global azurite`) in a process of its own; None if it is not installed."""
    program = shutil.which("azurite-blob")
    if program is None:
        yield None
        return
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    flags = ["--inMemoryPersistence", "--skipApiVersionCheck", "--loose", "--silent", "--disableTelemetry"]
    command = [program, "--blobHost", "127.0.0.1", "--blobPort", str(port), *flags]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=5).close()
                break
            except OSError:
                if time.monotonic() > deadline or process.poll() is not None:
                    raise
                time.sleep(0.1)
        yield Azurite(port)
    finally:
        process.kill()
        process.wait()
