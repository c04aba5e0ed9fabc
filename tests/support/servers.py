"""Servers of other makers, as child processes on free ports of this machine."""

import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

#: Runs moto on a port that the system chooses, and prints the port.
_MOTO = """
import sys
from moto.server import ThreadedMotoServer
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
