"""TLS: what a program shows a cluster, and whom it believes."""

from __future__ import annotations

import os
import socket
import ssl
import threading
from dataclasses import dataclass
from typing import Union

from .errors import ThumbprintError, error

Path = Union[str, "os.PathLike[str]"]


@dataclass(frozen=True)
class TLS:
    """The three files, in PEM, of a program that speaks TLS; read at each new connection.

    `certificate` is shown to the cluster, `key` is its private key, without a passphrase, and
    `authority` has the certificates of those who may sign the other side's, which has to be for
    the host name or the address that is called.
    """

    certificate: Path
    key: Path
    authority: Path

    def context(self) -> ssl.SSLContext:
        """Raises `InvalidError`, which names the file."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_verify_locations(cafile=self.authority)
        except OSError as cause:
            raise error(14, f"authority '{self.authority}': {_words(cause)}") from cause
        try:
            # An empty passphrase, so that nobody is asked for one.
            context.load_cert_chain(self.certificate, self.key, password="")
        except OSError as cause:
            raise error(
                14, f"certificate '{self.certificate}', key '{self.key}': {_words(cause)}"
            ) from cause
        return context


class SecureSocket:
    """A socket that speaks TLS, with the methods that a connection uses, for any number of threads.

    The library allows no two threads in it at once. Nothing here waits, so that they take turns.
    """

    def __init__(self, plain: socket.socket, tls: TLS, host: str, peer: str) -> None:
        """Shakes hands, as long as the timeout of the socket allows."""
        self._peer = peer
        self._turn = threading.Lock()
        context = tls.context()
        try:
            self._socket = context.wrap_socket(plain, server_hostname=host)
        except ssl.SSLError as cause:
            raise self._problem(cause) from cause
        except OSError as cause:
            raise error(24, f"no connection to {peer}: {cause}") from cause

    def send(self, data: memoryview) -> int:
        with self._turn:
            try:
                return self._socket.send(data)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as cause:
                raise BlockingIOError from cause
            except ssl.SSLError as cause:
                raise self._problem(cause) from cause

    def recv_into(self, space: memoryview) -> int:
        with self._turn:
            try:
                return self._socket.recv_into(space)
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError) as cause:
                raise BlockingIOError from cause
            except ssl.SSLEOFError:
                return 0
            except ssl.SSLError as cause:
                raise self._problem(cause) from cause

    def has_bytes(self) -> bool:
        """Whether bytes are there that the socket below does not show."""
        with self._turn:
            return self._socket.pending() > 0

    def setblocking(self, flag: bool) -> None:
        self._socket.setblocking(flag)

    def fileno(self) -> int:
        return self._socket.fileno()

    def getsockopt(self, level: int, name: int, size: int) -> bytes:
        return self._socket.getsockopt(level, name, size)

    def shutdown(self, how: int) -> None:
        # That of the socket below: the other one would wait for the other side.
        with self._turn:
            socket.socket.shutdown(self._socket, how)

    def close(self) -> None:
        self._socket.close()

    def _problem(self, cause: ssl.SSLError) -> ThumbprintError:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return error(
                5, f"the certificate of {self._peer} is not to be believed: {cause.verify_message}"
            )
        reason = cause.reason or str(cause)
        if isinstance(cause, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
            return error(24, f"{self._peer} ended the connection in the handshake")
        if "ALERT" in reason:
            said = reason.split("ALERT_")[-1].replace("_", " ").lower()
            return error(5, f"{self._peer} does not accept our certificate: {said}")
        if reason in ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE"):
            return error(5, f"{self._peer} does not speak TLS")
        return error(5, f"TLS with {self._peer} failed: {reason}")


def _words(cause: OSError) -> str:
    if isinstance(cause, ssl.SSLError):
        return f"is not as it should be in PEM ({cause.reason or cause})"
    return cause.strerror or str(cause)
