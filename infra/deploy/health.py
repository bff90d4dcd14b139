"""Whether the service in this container is ready: exit status 0 if it is, for Docker to ask."""

import sys
from http import HTTPStatus
from http.client import HTTPConnection
from typing import Final

from .. import settings

_PATIENCE_S: Final = 2


def is_ready(port: int) -> bool:
    """Whether the service on this port of this machine answers that it is ready."""
    connection = HTTPConnection("127.0.0.1", port, timeout=_PATIENCE_S)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == HTTPStatus.OK
    except OSError:
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(not is_ready(settings.read().port))
