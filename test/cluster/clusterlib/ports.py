"""Free loopback ports for servers that take a port by number.

Two `up`s at once must not collide: numbers are drawn at random below the range that the kernel gives to outgoing
connections (from 32768), tried by bind, and whoever still loses the race starts again with new ones.
"""

import random
import socket

FIRST, LAST = 20000, 32000


class NoFreePort(Exception):
    pass


def free_ports(count):
    """`count` different ports that could be bound on 127.0.0.1 a moment ago."""
    source = random.SystemRandom()
    found = []
    for _ in range(2000):
        port = source.randrange(FIRST, LAST)
        if port not in found and _can_bind(port):
            found.append(port)
            if len(found) == count:
                return found
    raise NoFreePort(f"no {count} free ports on 127.0.0.1 between {FIRST} and {LAST}; is something using them all?")


def _can_bind(port):
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
