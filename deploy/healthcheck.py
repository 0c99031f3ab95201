"""Ends with 0 when the service of this container is ready, otherwise with 1 and what isn't."""

import http.client
import os
import sys


def main() -> None:
    """Ask the service's own port, past any proxy."""
    connection = http.client.HTTPConnection("127.0.0.1", int(os.environ["SIGHTLINE_PORT"]), timeout=4)
    try:
        connection.request("GET", "/readyz")
        answer = connection.getresponse()
        said = answer.read().decode()
    except OSError as error:
        sys.exit(f"no answer: {error}")
    if answer.status != 200:
        sys.exit(said)


if __name__ == "__main__":
    main()
