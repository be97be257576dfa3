"""The three ways in which a session ends at once: a stop in the middle of a download, a reply that
holds the real bearer, the deadline. Parts of refusals.py."""

import socket
import threading
import time

import vault as v
from refused_calls import WIDE


def put_file(vault, token, name, megabytes):
    """A file at the simulator, through the proxy."""
    path = f"/api/2.0/fs/files/Volumes/main/default/practice/{name}?overwrite=true"
    reply = vault.through(token, "PUT", path, b"x" * (megabytes << 20),
                          {"content-type": "application/octet-stream"}, timeout=600)
    if reply.status != 204:
        raise v.Failed(f"upload: {reply.status} {reply.body[:200]}")
    return path.split("?")[0]


def slow_reader(vault, token, path, seen):
    """Downloads slowly until the end, whatever it is."""
    host, port = vault.plain.rsplit(":", 1)
    stream = socket.socket()
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 10)
    stream.connect((host, int(port)))
    stream.settimeout(120)
    stream.sendall((f"GET {path} HTTP/1.1\r\nHost: {vault.plain}\r\n"
                    f"Authorization: Bearer {token}\r\n\r\n").encode())
    try:
        while piece := stream.recv(16 << 10):
            seen["bytes"] = seen.get("bytes", 0) + len(piece)
            # Slow while the session lives, so that the reply is under way when it is cut.
            if not seen.get("stopped"):
                time.sleep(0.005)
        seen["end"] = "closed"
    except OSError as error:
        seen["end"] = type(error).__name__
    seen["at"] = time.monotonic()
    stream.close()


def stop_cuts(checks, vault):
    """A stop ends a download and a waiting call that would last longer by far."""
    incident, token = vault.open_session(WIDE)
    path = put_file(vault, token, "long.bin", 200)
    seen, waited = {}, {}
    reader = threading.Thread(target=slow_reader, args=(vault, token, path, seen))
    reader.start()
    v.until("the download to be under way", lambda: seen.get("bytes", 0) > 100_000)
    vault.knobs(first_byte_delay_ms=900_000)

    def wait():
        try:
            waited["status"] = vault.through(token, "GET", "/api/2.0/clusters/list", timeout=600).status
        except OSError as error:
            waited["status"] = type(error).__name__
        waited["at"] = time.monotonic()

    waiter = threading.Thread(target=wait)
    waiter.start()
    v.until("the waiting call at the simulator", lambda: any(
        entry["status"] == 0 and entry["path"].endswith("clusters/list")
        for entry in vault.upstream(incident)))
    stopped = threading.Thread(target=lambda: seen.update(
        code=vault.runs("dora", "stop", incident, "--reason", "I do not like this")[0]))
    began = time.monotonic()
    stopped.start()
    v.until("the cut of the session", lambda: vault.through(
        token, "GET", "/api/2.0/clusters/list").status == 403 or None)
    cut = time.monotonic()
    seen["stopped"] = True
    vault.knobs(first_byte_delay_ms=0)
    for thread in (reader, waiter, stopped):
        thread.join(300)
    checks.equal("dora could stop the session", seen.get("code"), 0)
    checks.hold(f"the session was cut {cut - began:.2f} s after the command began", cut - began < 60)
    checks.hold(f"the download ended {max(0, seen['at'] - cut):.2f} s later, "
                f"{seen['bytes'] >> 20} of 200 MiB read ({seen['end']})",
                seen["at"] - cut < 30 and seen["bytes"] < 199 << 20, seen)
    checks.hold(f"the waiting call ended {max(0, waited['at'] - cut):.2f} s later "
                f"({waited['status']})", waited["at"] - cut < 30 and waited["status"] != 200, waited)
    v.until("the rotation", lambda: vault.phase(incident) == "in_review")
    return incident


def leak_cuts(checks, vault):
    """A reply with the real bearer in it never reaches the client and ends the session."""
    incident, token = vault.open_session(WIDE + ["ws:GET /api/2.0/preview/echo-authorization"])
    path = "/api/2.0/preview/echo-authorization"
    try:
        reply = vault.through(token, "GET", path)
        shown = reply.body
    except (OSError, v.http.client.HTTPException) as error:
        reply, shown = None, f"{type(error).__name__}".encode()
    checks.hold("a reply with the bearer is cut", b"eyJ" not in shown and b"Bearer ey" not in shown,
                shown[:300].decode(errors="replace"))
    reached = any(entry["path"] == path for entry in vault.upstream(incident))
    checks.hold("the call did reach the echoing route", reached, reply)
    v.until("the close", lambda: vault.phase(incident) == "in_review")
    v.until("the alarm by mail", lambda: any("[TOKEN SEEN]" in s for s in vault.mail.subjects()))
    checks.hold("the session was stopped and people were told", True)
    checks.equal("its token is dead",
                 vault.through(token, "GET", "/api/2.0/clusters/list").status, 403)
    return incident


def deadline(vault, found):
    """A session of one minute ends by itself; runs beside the other parts."""
    try:
        incident, token = vault.open_session(WIDE, minutes=1)
        began = time.monotonic()
        v.until("the deadline", lambda: time.sleep(0.2) or vault.through(
            token, "GET", "/api/2.0/clusters/list").status == 403, 300)
        found["took"] = time.monotonic() - began
        v.until("the close", lambda: vault.phase(incident) == "in_review")
        _, entries = vault.exported()
        begun = next(e for e in entries if e["t"] == "session.open")
        ended = next(e for e in entries if e["t"] == "session.close")
        found["why"], found["lasted"] = ended["why"], (ended["ts"] - begun["ts"]) / 1000
    except Exception as error:  # noqa: BLE001 - told by the main thread
        found["error"] = f"{type(error).__name__}: {error}"
