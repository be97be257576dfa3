"""One body of 1 GiB each way, beside nginx: how fast, and whether memory stays flat.

Part of bench.py (left out of --quick). The client writes and reads whole mebibytes on a plain socket,
so that it is not what is measured.
"""

import hashlib
import pathlib
import re
import socket
import threading
import time

BYTES = 1 << 30
PIECE = bytes(range(256)) * 4096
PATH = "/api/2.0/fs/files/Volumes/main/default/raw/bench.bin"


class Resident:
    """The most resident memory of a process while something runs, in KiB."""

    def __init__(self, pid):
        self.status = pathlib.Path(f"/proc/{pid}/status")
        self.before_kib = self.most_kib = self.now()
        self.over = threading.Event()
        self.watcher = threading.Thread(target=self.watch, daemon=True)

    def now(self):
        return int(re.search(r"VmRSS:\s+(\d+)", self.status.read_text()).group(1))

    def watch(self):
        while not self.over.wait(0.05):
            self.most_kib = max(self.most_kib, self.now())

    def __enter__(self):
        self.watcher.start()
        return self

    def __exit__(self, *_):
        self.over.set()
        self.watcher.join()


def connected(address, token, method, *more):
    """A connection that has sent the head of a request."""
    host, port = address.split(":")
    wire = socket.create_connection((host, int(port)), timeout=120)
    lines = [f"{method} {PATH}?overwrite=true HTTP/1.1", f"Host: {address}",
             f"Authorization: Bearer {token}", "Connection: close", *more]
    wire.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
    return wire


def head_of(wire):
    """Status, headers in lower case, and what came of the body with them."""
    came = b""
    while b"\r\n\r\n" not in came:
        piece = wire.recv(65536)
        if not piece:
            raise RuntimeError(f"no reply: {came[:200]!r}")
        came += piece
    head, body = came.split(b"\r\n\r\n", 1)
    return int(head.split(b" ")[1]), head.lower(), body


def up(address, token):
    """Sends the body; MiB a second until the reply's head."""
    began = time.perf_counter()
    with connected(address, token, "PUT", f"Content-Length: {BYTES}",
                   "Content-Type: application/octet-stream") as wire:
        for _ in range(BYTES // len(PIECE)):
            wire.sendall(PIECE)
        status, _, _ = head_of(wire)
    if status >= 300:
        raise RuntimeError(f"the upload to {address} got {status}")
    return (BYTES >> 20) / (time.perf_counter() - began)


def down(address, token):
    """Receives the body; MiB a second."""
    began = time.perf_counter()
    room = bytearray(1 << 20)
    with connected(address, token, "GET") as wire:
        status, head, body = head_of(wire)
        count = len(body)
        while size := wire.recv_into(room):
            count += size
    if status != 200 or count != BYTES or b"transfer-encoding: chunked" in head:
        raise RuntimeError(f"the download from {address}: {status}, {count} bytes, {head!r}")
    return (BYTES >> 20) / (time.perf_counter() - began)


def remove(address, token):
    with connected(address, token, "DELETE") as wire:
        head_of(wire)


def logged(vault, incident, want_sha256):
    """Whether the log holds the hash of the body both ways."""
    _, entries = vault.exported()
    ends = [entry for entry in entries if entry["t"] == "call.end"
            and entry.get("inc") == incident]
    sent = any(end.get("req", {}).get("sha256") == want_sha256 for end in ends)
    received = any(end.get("res", {}).get("sha256") == want_sha256 for end in ends)
    return sent and received


def measure(vault, doors, incident, rounds):
    """Upload and download by every door, taking turns; the vault's memory beside them."""
    rates = {}
    with Resident(vault.serve.pid) as resident:
        for _ in range(rounds):
            for name, (address, token) in doors.items():
                rates.setdefault((name, "up"), []).append(up(address, token))
                rates.setdefault((name, "down"), []).append(down(address, token))
                remove(doors["direct"][0], doors["direct"][1])
    whole = hashlib.sha256()
    for _ in range(BYTES // len(PIECE)):
        whole.update(PIECE)
    best = {key: max(list_) for key, list_ in rates.items()}
    figures = {f"{name}_{way}_mib_s": round(rate) for (name, way), rate in best.items()}
    for way in ("up", "down"):
        figures[f"proxy_vs_nginx_{way}"] = round(best["proxy", way] / best["nginx", way], 3)
    figures["resident_before_kib"] = resident.before_kib
    figures["resident_most_kib"] = resident.most_kib
    figures["hashed_both_ways"] = logged(vault, incident, whole.hexdigest())
    return figures
