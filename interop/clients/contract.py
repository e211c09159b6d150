"""The runner's contract (interop/README.md) for programs in Python."""

import hashlib
import json
import sys


class Unsupported(Exception):
    """Raised where a client has no such function; the reason stands in the table."""


def content(value):
    """The bytes of a key or value, or None."""
    if value is None:
        return None
    if isinstance(value, str):
        return value.encode()
    size = value["bytes"]
    cycle = bytes(range(251))
    return (cycle * (size // 251 + 1))[:size]


def text(value):
    return None if value is None else bytes(value).decode()


def consumed_value(value):
    if value is None or len(value) <= 4096:
        return text(value)
    return {"bytes": len(value), "sha256": hashlib.sha256(value).hexdigest()}


def say(answer):
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()


def sent():
    """Tells the runner that the first records are away, and waits to be told to go on."""
    say({"event": "sent"})
    sys.stdin.readline()


def serve(handlers):
    """Answers requests one after the other until the input ends."""
    for line in iter(sys.stdin.readline, ""):
        request = json.loads(line)
        number = request["id"]
        handler = handlers.get(request["op"])
        try:
            if handler is None:
                raise Unsupported(f"no {request['op']} in this client")
            say({"id": number, "ok": True, **handler(request["bootstrap"], request, sent)})
        except Unsupported as reason:
            say({"id": number, "unsupported": str(reason)})
        except Exception as error:  # pylint: disable=broad-except
            say({"id": number, "ok": False, "error": f"{type(error).__name__}: {error}"})
