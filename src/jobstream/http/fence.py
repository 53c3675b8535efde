"""Which addresses a socket may be opened to. Asked with the final address of every new connection, redirects included, so
that no spelling of a host and no second answer of a name server gets around it."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import TypeAlias

Address: TypeAlias = tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int]]

#: Where clouds hand out the credentials of the machine itself: never, also where private networks are allowed.
METADATA = frozenset(("169.254.169.254", "169.254.170.2", "169.254.170.23", "168.63.129.16", "100.100.100.200",
                      "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"))  # fmt: skip


class Fence:
    """allow_private  this machine and its networks may be asked
    named  (address, port) that the person has written down (the ends of an origin map): allowed in any case
    """

    def __init__(self, *, allow_private: bool, named: frozenset[tuple[str, int]] = frozenset()) -> None:
        self._public = None if allow_private else _table()
        self._named = named

    def permits(self, address: str, port: int) -> bool:
        if (address, port) in self._named:
            return True
        ip = ip_address(address.partition("%")[0])
        if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
            ip = ip.ipv4_mapped
        return str(ip) not in METADATA and (self._public is None or self._public(str(ip)))

    def socket(self, info: Address) -> socket.socket:
        """A socket for this address. Raises OSError: a connection that cannot be made."""
        family, kind, proto, _, (host, port, *_) = info
        if not self.permits(host, port):
            raise PermissionError(errno.EACCES, f"address {host} is not allowed: private, local or reserved")
        return socket.socket(family, kind, proto)


def _table() -> Callable[[str], bool]:
    from ssrfguard import Policy

    return Policy().permits_address
