"""Listening sockets of processes, from /proc: which addresses they are bound to and what they answer to strangers."""

import ipaddress
import os
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.drivers import parent

LISTENING = "0A"  # state of a socket in /proc/net/tcp
ANSWER_S = 60.0


@dataclass(frozen=True, order=True)
class Port:
    """A TCP socket that listens."""

    address: str
    number: int

    @property
    def is_loopback(self) -> bool:
        """Whether only processes of this machine reach it."""
        return ipaddress.ip_address(self.address).is_loopback

    @property
    def reachable(self) -> tuple[str, int]:
        """Where a client on this machine connects to."""
        anywhere = ipaddress.ip_address(self.address).is_unspecified
        return ("127.0.0.1" if anywhere else self.address), self.number


def family(pid: int) -> set[int]:
    """A process and all that descend from it."""
    parents = {int(folder.name): parent(folder.name) for folder in Path("/proc").iterdir() if folder.name.isdigit()}
    found, more = {pid}, {pid}
    while more:
        more = {child for child, owner in parents.items() if owner in more} - found
        found |= more
    return found


def listening(pids: set[int]) -> set[Port]:
    """All TCP sockets, of IPv4 and IPv6, on which one of these processes listens."""
    inodes = set()
    for pid in pids:
        try:
            inodes |= {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}
        except OSError:
            continue  # it has ended
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == LISTENING and f"socket:[{words[9]}]" in inodes:
                address, _, number = words[1].rpartition(":")
                found.add(Port(_readable(address), int(number, 16)))
    return found


def _readable(address: str) -> str:
    """An address of /proc/net/tcp: words of four bytes, each in the order of this machine."""
    groups = [bytes.fromhex(address[first : first + 8])[::-1] for first in range(0, len(address), 8)]
    return str(ipaddress.ip_address(b"".join(groups)))


def answer_to_http(port: Port, path: str = "/") -> bytes:
    """What a port says to a plain HTTP request for a path, b"" if it closes the connection."""
    with socket.create_connection(port.reachable, timeout=ANSWER_S) as connection:
        try:
            connection.sendall(f"GET {path} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
            return connection.recv(4096)
        except ConnectionError:
            return b""


def answer_to_tls(port: Port, certificate: Path | None = None, key: Path | None = None) -> str:
    """What a port says to a TLS client: "accepted", "closed", or the reason of its refusal."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate:
        context.load_cert_chain(certificate, key)
    with socket.create_connection(port.reachable, timeout=ANSWER_S) as connection:
        try:
            with context.wrap_socket(connection) as secure:
                # With TLS 1.3 the server refuses after the client has finished; one of Dask speaks first.
                return "accepted" if secure.recv(1) else "closed"
        except ssl.SSLError as error:
            return error.reason
        except ConnectionError:
            return "closed"
