"""An S3-compatible server on loopback, and a proxy before it that cuts or holds uploads.

Scope: what tests of the object store talk to. What they expect of the product stands in the tests.
"""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

KEY, SECRET = "loopback-key", "loopback-secret-7f3a9c"  # the server takes any
CHUNK = 1 << 16


@contextmanager
def running_server() -> Iterator[str]:
    """Run moto's server in a thread, and give its address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        yield "http://{}:{}".format(*server.get_host_and_port())
    finally:
        server.stop()


def environment(endpoint: str) -> dict[str, str]:
    """Environment variables by which s3fs finds the server."""
    return {
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
    }


@contextmanager
def only(variables: dict[str, str]) -> Iterator[None]:
    """Set AWS's variables to these and no others, and let s3fs connect anew."""
    from s3fs import S3FileSystem

    before = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
    for name in before:
        del os.environ[name]
    os.environ.update(variables)
    S3FileSystem.clear_instance_cache()
    try:
        yield
    finally:
        for name in variables:
            os.environ.pop(name, None)
        os.environ.update(before)
        S3FileSystem.clear_instance_cache()


class Proxy:
    """Passes connections on to a server, until they have sent it so many bytes.

    Parameters
    ----------
    endpoint
        Address of the server.

    Attributes
    ----------
    address
        Where the proxy listens.
    let_through
        Bytes of each connection that reach the server; None for all.
    hold
        Whether a connection that has come so far stays open and silent, or is cut.
    reached
        Set when one has come so far.
    """

    def __init__(self, endpoint: str) -> None:
        host, _, port = endpoint.removeprefix("http://").partition(":")
        self._server = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.let_through: int | None = None
        self.hold = False
        self.reached = threading.Event()
        self.released = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """Take no more connections, and cut those that are held."""
        self.released.set()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                client, _ = self._listener.accept()
                threading.Thread(target=self._pass_on, args=(client,), daemon=True).start()

    def _pass_on(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._server) as server:
            threading.Thread(target=_copy, args=(server, client), daemon=True).start()
            passed = 0
            with suppress(OSError):
                while data := client.recv(CHUNK):
                    if self.let_through is not None and passed + len(data) > self.let_through:
                        server.sendall(data[: self.let_through - passed])
                        self.reached.set()
                        if self.hold:
                            self.released.wait()
                        for side in (client, server):
                            side.shutdown(socket.SHUT_RDWR)
                        return
                    server.sendall(data)
                    passed += len(data)
                server.shutdown(socket.SHUT_WR)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(CHUNK):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)
