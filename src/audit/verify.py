#!/usr/bin/env python3
"""Independent check of a Breakglass log export. Python 3.8 or newer, nothing else needed.

    python3 verify.py DIR [--seen FILE...] [--json]

Levels: 0 entries hash to the tiles and to the root, 1 the log's signature, 3 every checkpoint
received elsewhere is a prefix, 4 entry rules. Exit code 0 when all that ran held, 8 otherwise.
It shares no code with Breakglass; levels 2 and 5 are left to `breakglass log verify`.
"""
import base64
import hashlib
import json
import os
import re
import sys

TILE = 256
MAX_ENTRY = 65535
MAX_INTEGER = 2 ** 53 - 1
FALL_MS = 2000
DASH = "\u2014 "
NAMES = {
    0: "entries hash to the root and to the tiles",
    1: "the log signed the checkpoint",
    3: "every checkpoint received elsewhere is a prefix",
    4: "every entry obeys the rules",
}


class Bad(Exception):
    """Something does not hold; seq is the first bad entry when one entry is to blame."""

    def __init__(self, reason, seq=None):
        super().__init__(reason)
        self.seq = seq


# --- Ed25519 verification (RFC 8032), strict: canonical points, no small order -----------------

P = 2 ** 255 - 19
L = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_M1 = pow(2, (P - 1) // 4, P)


def point_add(a, b):
    """Sum of two points in extended coordinates."""
    e = (a[1] - a[0]) * (b[1] - b[0]) % P
    f = (a[1] + a[0]) * (b[1] + b[0]) % P
    g = 2 * a[3] * b[3] * D % P
    h = 2 * a[2] * b[2] % P
    x, y, z, t = f - e, h - g, h + g, f + e
    return (x * y % P, z * t % P, y * z % P, x * t % P)


def point_mul(n, a):
    """n times a."""
    out = (0, 1, 1, 0)
    while n:
        if n & 1:
            out = point_add(out, a)
        a = point_add(a, a)
        n >>= 1
    return out


def point_equal(a, b):
    """Same point, whatever the scaling."""
    return (a[0] * b[2] - b[0] * a[2]) % P == 0 and (a[1] * b[2] - b[1] * a[2]) % P == 0


def point_decode(data):
    """The point of 32 bytes, None when they are not the canonical form of one."""
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & (2 ** 255 - 1)
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * ROOT_M1 % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)


BASE = point_decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))
ZERO = (0, 1, 1, 0)


def ed25519_verify(public, message, signature):
    """Whether the signature is good."""
    if len(public) != 32 or len(signature) != 64:
        return False
    a, r = point_decode(public), point_decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L:
        return False
    if point_equal(point_mul(8, a), ZERO) or point_equal(point_mul(8, r), ZERO):
        return False
    h = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % L
    return point_equal(point_mul(s, BASE), point_add(r, point_mul(h, a)))


# --- the tree (RFC 6962) -----------------------------------------------------------------------

def leaf_hash(entry):
    """Hash of a leaf."""
    return hashlib.sha256(b"\0" + entry).digest()


def push(edge, digest, level=0):
    """Adds a subtree of 2^level leaves; edge holds (level, hash), the largest first."""
    while edge and edge[-1][0] == level:
        digest = hashlib.sha256(b"\1" + edge.pop()[1] + digest).digest()
        level += 1
    edge.append((level, digest))


def root_of(edge):
    """Root of the tree."""
    if not edge:
        return hashlib.sha256(b"").digest()
    out = edge[-1][1]
    for _, left in reversed(edge[:-1]):
        out = hashlib.sha256(b"\1" + left + out).digest()
    return out


# --- notes and checkpoints (C2SP) --------------------------------------------------------------

def unbase64(text):
    """Strict standard base64, None for anything else."""
    try:
        data = base64.b64decode(text.encode("ascii"), validate=True)
    except (ValueError, UnicodeError):
        return None
    return data if base64.b64encode(data).decode() == text else None


def good_name(name):
    """A key name: not empty, no space, no plus, no control character."""
    odd = re.compile(r"[\s+\x00-\x1f\x7f-\x9f]")
    return bool(name) and not odd.search(name)


def key_id(name, kind, public):
    """First four bytes that name a key."""
    return hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public).digest()[:4]


def parse_vkey(text):
    """(name, key id, type, 32 bytes) of a verifier key."""
    parts = text.split("+", 2)
    data = unbase64(parts[2]) if len(parts) == 3 else None
    if not data or len(data) != 33 or data[0] not in (1, 4) or not good_name(parts[0]):
        raise Bad("policy.txt: not a verifier key")
    wanted = key_id(parts[0], data[0], data[1:])
    point = point_decode(data[1:])
    if parts[1] != wanted.hex() or point is None or point_equal(point_mul(8, point), ZERO):
        raise Bad("policy.txt: not a verifier key")
    return parts[0], wanted, data[0], data[1:]


def parse_signature(line):
    """(name, key id, bytes) of a signature line."""
    name, space, encoded = line[len(DASH):].partition(" ")
    data = unbase64(encoded)
    if not line.startswith(DASH) or not space or not good_name(name) or not data or len(data) < 5:
        raise Bad("a line is not a signature")
    return name, data[:4], data[4:]


def parse_note(data):
    """(text, signatures) of a signed note."""
    try:
        note = data.decode("utf-8")
    except UnicodeError:
        raise Bad("not a note: not utf-8")
    if re.search(r"[\x00-\x09\x0b-\x1f]", note) or len(data) > 256 * 1024:
        raise Bad("not a note: control characters or too long")
    text, blank, lines = note.rpartition("\n\n")
    if not blank or not lines.endswith("\n") or lines.count("\n") > 64:
        raise Bad("not a note")
    return text + "\n", [parse_signature(line) for line in lines[:-1].split("\n")]


def parse_checkpoint(text):
    """(origin, size, root) of a checkpoint's body."""
    lines = text.split("\n")
    if len(lines) != 4 or lines[3] or not lines[0]:
        raise Bad("not a checkpoint: it does not have three lines")
    root = unbase64(lines[2])
    if not re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1], re.ASCII) or int(lines[1]) >= 2 ** 63:
        raise Bad("not a checkpoint: its size")
    if root is None or len(root) != 32:
        raise Bad("not a checkpoint: its root")
    return lines[0], int(lines[1]), root


def verify_note(text, signatures, keys):
    """Refuses the note unless known keys signed it, all of them rightly."""
    good = 0
    for name, wanted, _, public in keys:
        for signer, signer_id, data in signatures:
            if (signer, signer_id) == (name, wanted):
                if not ed25519_verify(public, text.encode(), data):
                    raise Bad("the signature of %s does not verify" % name)
                good += 1
    if not good:
        raise Bad("no signature by a known key")


def log_keys(directory, origin):
    """The keys of this log in policy.txt."""
    data = read(directory, "policy.txt")
    keys, quorum = [], 0
    try:
        text = data.decode("utf-8")
    except UnicodeError:
        raise Bad("policy.txt: not utf-8")
    if re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text):
        raise Bad("policy.txt: control characters")
    for line in text.split("\n"):
        words = [word for word in re.split(r"[ \t]", line) if word]
        if not words or words[0].startswith("#"):
            continue
        if words[0] == "log" and len(words) in (2, 3):
            keys.append(parse_vkey(words[1]))
        elif words[0] == "quorum" and len(words) == 2:
            quorum += 1
        elif words[0] not in ("witness", "group") or len(words) < 3:
            raise Bad("policy.txt: not a line of this format")
    if quorum != 1 or any(key[2] != 1 for key in keys):
        raise Bad("policy.txt: it needs one quorum line and log keys of type 1")
    if "quorum none\n" not in text and not re.search(r"(?m)^\s*witness\s", text):
        raise Bad("policy.txt: the quorum is not defined")
    return [key for key in keys if key[0] == origin]


def find_checkpoints(text, depth=3):
    """Yields (checkpoint, text, signatures) for every note in a mail, chat or note file."""
    lines = [line.rstrip().lstrip("> \t|") for line in text.split("\n")]
    for at in range(len(lines) - 4):
        if lines[at + 3] or not lines[at + 1].isdigit():
            continue
        body = "%s\n%s\n%s\n" % (re.split(r"[ \"'`>]", lines[at])[-1], lines[at + 1], lines[at + 2])
        signatures = []
        try:
            checkpoint = parse_checkpoint(body)
            for line in lines[at + 4:]:
                cut = re.match(DASH + r"[^ ]+ [A-Za-z0-9+/=]+", line)
                if not cut:
                    break
                signatures.append(parse_signature(cut.group(0)))
        except Bad:
            if not signatures:
                continue
        if signatures:
            yield checkpoint, body, signatures
    if not depth:
        return
    if "=E2=80=94" in text:
        plain = re.sub(r"=\r?\n", "", text)
        data = re.sub(rb"=([0-9A-Fa-f]{2})", lambda m: bytes([int(m.group(1), 16)]), plain.encode())
        yield from find_checkpoints(data.decode("utf-8", "replace"), depth - 1)
    if "\\n" in text:
        plain = text.replace("\\n", "\n").replace("\\u2014", "\u2014").replace("\\/", "/")
        yield from find_checkpoints(plain, depth - 1)
    blocks = [""]
    for line in lines:
        value = line.rsplit(": ", 1)[-1]
        good = re.fullmatch(r"[A-Za-z0-9+/=]+", value)
        if len(value) != len(line) or not good:
            blocks.append("")
        if good:
            blocks[-1] += value
    for data in (unbase64(block) for block in blocks if len(block) >= 64):
        try:
            inner = data.decode("utf-8") if data else ""
        except UnicodeError:
            continue
        if DASH in inner:
            yield from find_checkpoints(inner, depth - 1)


# --- files -------------------------------------------------------------------------------------

def read(directory, path):
    """Bytes of one file of the export."""
    try:
        with open(os.path.join(directory, path), "rb") as file:
            return file.read()
    except OSError:
        raise Bad("%s is missing or cannot be read" % path)


def tile_path(kind, index, width):
    """Path of a tile (C2SP tlog-tiles)."""
    number = "%03d" % (index % 1000)
    while index >= 1000:
        index //= 1000
        number = "x%03d/%s" % (index % 1000, number)
    return "tile/%s/%s%s" % (kind, number, "" if width == TILE else ".p/%d" % width)


def read_line(stream, seq):
    """The next entry's bytes."""
    line = stream.readline(MAX_ENTRY + 2)
    if not line:
        raise Bad("the entry is missing", seq)
    if not line.endswith(b"\n"):
        raise Bad("the entry is cut or too long", seq)
    return line[:-1]


def open_entries(directory):
    """The entries for streaming."""
    try:
        return open(os.path.join(directory, "entries.ndjson"), "rb")
    except OSError:
        raise Bad("entries.ndjson is missing or cannot be read")


# --- level 0 -----------------------------------------------------------------------------------

def compare_tile(directory, level, index, hashes):
    """A tile's file must hold exactly these hashes."""
    path = tile_path(level, index, len(hashes))
    try:
        content = read(directory, path)
    except Bad as bad:
        raise Bad(str(bad), index * TILE if level == 0 else None)
    if content == b"".join(hashes):
        return
    seq = None
    if level == 0:
        same = 0
        while same < len(hashes) and content[32 * same:32 * same + 32] == hashes[same]:
            same += 1
        seq = index * TILE + same
    raise Bad("%s does not hold the hashes of the entries" % path, seq)


def check_tree(directory, size, root, sizes):
    """Level 0; returns the roots at the claimed sizes."""
    edge, roots, rows = [], {}, []
    if 0 in sizes:
        roots[0] = root_of(edge)
    with open_entries(directory) as stream:
        for first in range(0, size, TILE):
            width = min(TILE, size - first)
            path = tile_path("entries", first // TILE, width)
            try:
                bundle, at, hashes = read(directory, path), 0, []
            except Bad as bad:
                raise Bad(str(bad), first)
            for seq in range(first, first + width):
                line = read_line(stream, seq)
                length = int.from_bytes(bundle[at:at + 2], "big")
                if len(bundle) < at + 2 + length or bundle[at + 2:at + 2 + length] != line:
                    raise Bad("the entry differs between entries.ndjson and %s" % path, seq)
                at += 2 + length
                hashes.append(leaf_hash(line))
            if at != len(bundle):
                raise Bad("%s has bytes after its last entry" % path, first + width)
            compare_tile(directory, 0, first // TILE, hashes)
            for offset, digest in enumerate(hashes):
                push(edge, digest)
                if first + offset + 1 in sizes:
                    roots[first + offset + 1] = root_of(edge)
            if width == TILE:
                grow(directory, rows, 0, edge_of(hashes))
        if stream.read(1):
            raise Bad("there are entries beyond the checkpoint", size)
    for level, (full, hashes) in enumerate(rows):
        if hashes:
            compare_tile(directory, level + 1, full, hashes)
    if root_of(edge) != root:
        raise Bad("the entries hash to another root than the checkpoint's")
    return roots


def edge_of(hashes):
    """Root over the hashes of one full tile."""
    edge = []
    for digest in hashes:
        push(edge, digest)
    return root_of(edge)


def grow(directory, rows, place, digest):
    """Adds a hash to tile level place + 1 and compares every tile this completes."""
    if len(rows) <= place:
        rows.append((0, []))
    full, hashes = rows[place]
    hashes.append(digest)
    if len(hashes) == TILE:
        compare_tile(directory, place + 1, full, hashes)
        rows[place] = (full + 1, [])
        grow(directory, rows, place + 1, edge_of(hashes))


# --- level 3 -----------------------------------------------------------------------------------

def claims_of(directory, origin, keys, seen):
    """Checkpoints of this log that others hold: a list of (who, size, root) or Bad."""
    claims = []
    folder = os.path.join(directory, "checkpoints")
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        who = "checkpoints/%s" % name
        try:
            text, signatures = parse_note(read(directory, who))
            verify_note(text, signatures, keys)
            found = parse_checkpoint(text)
            if found[0] != origin:
                raise Bad("it is another log's")
            claims.append((who, found[1], found[2]))
        except Bad as bad:
            claims.append(Bad("%s: %s" % (who, bad)))
    for name, data in seen:
        for found, text, signatures in find_checkpoints(data.decode("utf-8", "replace")):
            if found[0] != origin:
                continue
            try:
                verify_note(text, signatures, keys)
                claims.append((name, found[1], found[2]))
            except Bad as bad:
                claims.append(Bad("%s: %s" % (name, bad)))
    return claims


def check_claims(claims, size, roots):
    """Level 3."""
    for claim in claims:
        if isinstance(claim, Bad):
            raise claim
        who, claimed, root = claim
        if claimed > size:
            raise Bad("entries were cut off: %s saw %d, here are %d" % (who, claimed, size))
        if roots[claimed] != root:
            raise Bad("history was rewritten below entry %d, says %s" % (claimed, who))
    return len(claims)


# --- level 4 -----------------------------------------------------------------------------------

def no_duplicates(pairs):
    """Object members, refused when one is there twice or has an odd name."""
    out = dict(pairs)
    if len(out) != len(pairs) or any(not re.fullmatch("[a-z][a-z0-9_]{0,39}", k) for k in out):
        raise ValueError("members")
    return out


def check_value(value, depth=0):
    """Integers only, within 2^53 - 1; at most 32 levels deep."""
    if depth > 32 or isinstance(value, float):
        raise ValueError("a float, or too deep")
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > MAX_INTEGER:
        raise ValueError("a large number")
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        check_value(item, depth + 1)


def parse_entry(line, seq):
    """The members of one entry, which must be canonical."""
    try:
        entry = json.loads(line.decode("utf-8"), object_pairs_hook=no_duplicates)
        check_value(entry)
        form = json.dumps(entry, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        if not isinstance(entry, dict) or form.encode("utf-8") != line:
            raise ValueError("canonical")
    except (ValueError, RecursionError):
        raise Bad("the entry is not canonical json", seq)
    text = {"v": "breakglass/1", "t": r"[a-z0-9_]+(\.[a-z0-9_]+)*", "node": "[!-~]{1,64}", "boot": "[0-9a-f]{8}"}
    for name, form in text.items():
        value = entry.get(name)
        if not isinstance(value, str) or not re.fullmatch(form, value) or len(entry["t"]) > 40:
            raise Bad("%s is not of its form" % name, seq)
    if any(type(entry.get(name)) is not int or entry[name] < 0 for name in ("seq", "ts")):
        raise Bad("seq or ts is not a number", seq)
    return entry


class Rules:
    """Open sessions and open calls, entry by entry."""

    def __init__(self, origin):
        self.origin, self.last, self.jump = origin, None, False
        self.sessions, self.calls = {}, {}

    def check(self, seq, entry):
        """Why the entry breaks a rule, or None."""
        kind, sid, cid = entry["t"], entry.get("sid"), entry.get("cid")
        if entry["seq"] != seq:
            return "seq is %d" % entry["seq"]
        jump, before = kind == "clock.jump", self.last
        if before is not None and entry["ts"] < before - FALL_MS and not jump and not self.jump:
            return "ts falls without clock.jump"
        self.last, self.jump = entry["ts"], jump
        if (seq == 0) != (kind == "log.genesis"):
            return "log.genesis is the first entry and only that"
        if kind == "log.genesis" and entry.get("origin") != self.origin:
            return "log.genesis names another origin"
        if kind == "session.open":
            inc, exp = entry.get("inc"), entry.get("exp_ms")
            if not isinstance(sid, str) or not isinstance(inc, str) or type(exp) is not int:
                return "sid, inc or exp_ms is missing"
            if sid in self.sessions:
                return "the session is open already"
            self.sessions[sid] = (inc, exp)
        elif kind == "session.close":
            if not isinstance(sid, str) or self.sessions.pop(sid, None) is None:
                return "no such session is open"
        elif kind == "call.begin":
            if not isinstance(sid, str) or sid not in self.sessions:
                return "the call is outside an open session"
            inc, exp = self.sessions[sid]
            if entry["ts"] > exp or entry.get("inc") != inc or not isinstance(cid, str):
                return "the call is after its session, of another incident, or without cid"
            self.calls[seq] = [cid, False]
        elif kind in ("call.head", "call.end", "call.abort", "call.lost"):
            return self.answer(kind, entry)
        return None

    def answer(self, kind, entry):
        """Rules of entries that belong to an open call."""
        begin = entry.get("begin")
        if type(begin) is not int or begin not in self.calls:
            return "its call is not open"
        call = self.calls[begin]
        if entry.get("cid") != call[0]:
            return "its cid is not that of its call"
        if kind == "call.head":
            if call[1]:
                return "its call has a head already"
            call[1] = True
            return None
        del self.calls[begin]
        words = ("complete", "client_gone", "upstream_error", "session_closed", "too_large")
        if kind == "call.end" and (type(entry.get("status")) is not int or entry.get("ended") not in words):
            return "status or ended is missing"
        return None


def check_entries(directory, origin, size):
    """Level 4; returns the calls that are still open."""
    rules = Rules(origin)
    with open_entries(directory) as stream:
        for seq in range(size):
            reason = rules.check(seq, parse_entry(read_line(stream, seq), seq))
            if reason:
                raise Bad(reason, seq)
    return sorted(rules.calls)


# --- the report --------------------------------------------------------------------------------

def run(directory, seen=()):
    """Checks one export; seen is a list of (name, bytes)."""
    levels = {n: {"level": n, "name": NAMES[n], "outcome": "not_run", "checked": 0} for n in NAMES}
    report = {"passed": False, "origin": None, "size": 0, "root": None, "key_from_export": True,
              "levels": [levels[n] for n in sorted(levels)], "open_calls": []}

    def level(number, check):
        try:
            result = check()
        except Bad as bad:
            levels[number].update(outcome="failed", reason=str(bad))
            if bad.seq is not None:
                levels[number]["seq"] = bad.seq
            return None
        levels[number]["outcome"] = "passed"
        return result

    def head():
        text, signatures = parse_note(read(directory, "checkpoint"))
        return parse_checkpoint(text), text, signatures

    found = level(0, head)
    if found is None:
        return report
    (origin, size, root), text, signatures = found
    report.update(origin=origin, size=size, root=base64.b64encode(root).decode())
    keys = []

    def signature():
        keys.extend(log_keys(directory, origin))
        verify_note(text, signatures, keys)

    level(1, signature)
    claims = claims_of(directory, origin, keys, seen)
    sizes = {claim[1] for claim in claims if not isinstance(claim, Bad)}
    roots = level(0, lambda: check_tree(directory, size, root, sizes))
    if roots is not None:
        levels[0]["checked"] = levels[4]["checked"] = size
        if claims:
            levels[3]["checked"] = level(3, lambda: check_claims(claims, size, roots)) or 0
        report["open_calls"] = level(4, lambda: check_entries(directory, origin, size)) or []
    outcomes = {n: levels[n]["outcome"] for n in levels}
    must = all(outcomes[n] == "passed" for n in (0, 1, 4))
    report["passed"] = must and "failed" not in outcomes.values()
    return report


def main(arguments):
    """The command line."""
    plain = [a for a in arguments if a != "--json"]
    if not plain or plain[0].startswith("-") or (len(plain) > 1 and plain[1] != "--seen"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        seen = [(name, open(name, "rb").read()) for name in plain[2:]]
    except OSError as error:
        print(error, file=sys.stderr)
        return 2
    report = run(plain[0], seen)
    if "--json" in arguments:
        print(json.dumps(report))
    else:
        print("log %s, %d entries" % (report["origin"], report["size"]))
        for item in report["levels"]:
            at = " at entry %d" % item["seq"] if "seq" in item else ""
            why = ": " + item["reason"] if "reason" in item else ""
            print("level %d %-8s %s%s%s" % (item["level"], item["outcome"], item["name"], at, why))
        print("the key is the export's own: compare it with one you know")
    return 0 if report["passed"] else 8


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
