"""Which processes of this machine listen on a port."""

from __future__ import annotations

import ipaddress
import logging
import socket
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit

from llenergymeasure.core.processes.descendants import descendants

logger = logging.getLogger(__name__)


def listening_pids(port: int) -> frozenset[int]:
    """Return the processes that listen on a TCP port of this machine, as far as the system tells us of them.

    It does not tell an ordinary user of the processes of others.
    """
    import psutil

    try:
        connections = psutil.net_connections(kind="tcp")
    except (psutil.Error, OSError, RuntimeError) as error:
        logger.debug("who listens on port %d is unknown: %s", port, error)
        return frozenset()
    return frozenset(
        each.pid
        for each in connections
        if each.pid and each.status == psutil.CONN_LISTEN and each.laddr and each.laddr.port == port
    )


def pids_at(url: str) -> frozenset[int]:
    """Return the processes that listen at a URL, and those that they started; none where they are not known."""
    parts = urlsplit(url)
    if not is_this_machine(parts.hostname or ""):
        return frozenset()
    found = listening_pids(port_of(parts))
    return frozenset(pid for each in found for pid in (each, *descendants(each)))


def port_of(parts: SplitResult) -> int:
    """Return the port of a URL, also where it is that of its scheme."""
    return parts.port or (443 if parts.scheme == "https" else 80)


def process_name(pid: int) -> str:
    """Return the name of a process, for a message."""
    import psutil

    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "a process"


def is_this_machine(host: str) -> bool:
    """Whether a host name or address is one of this machine."""
    try:
        addresses = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError:
        return False
    return any(_is_loopback(address) for address in addresses) or bool(addresses & _own_addresses())


def _is_loopback(address: str | int) -> bool:
    with suppress(ValueError):
        return ipaddress.ip_address(str(address).partition("%")[0]).is_loopback
    return False


def _own_addresses() -> set[str | int]:
    import psutil

    try:
        return {each.address for found in psutil.net_if_addrs().values() for each in found}
    except (psutil.Error, OSError):
        return set()
