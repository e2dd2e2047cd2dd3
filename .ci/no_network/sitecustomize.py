"""Python imports this by itself when its folder is on the path: every use of the network fails."""

import socket


def _refuse(*args: object, **kwargs: object) -> None:
    raise RuntimeError("the network is blocked")


for _name in ("connect", "connect_ex", "sendto"):
    setattr(socket.socket, _name, _refuse)
for _name in ("getaddrinfo", "gethostbyname", "create_connection"):
    setattr(socket, _name, _refuse)
