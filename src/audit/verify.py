#!/usr/bin/env python3
"""Independent check of a Breakglass log export. Python 3.8 or newer, nothing else needed.

    python3 verify.py DIR [--seen FILE...] [--json]

Levels: 0 entries hash to the tiles and to the root, 1 the log's signature, 3 every checkpoint
received elsewhere is a prefix, 4 entry rules. It shares no code with Breakglass; documents,
witnesses and people's signatures (levels 2, 5, 6) are left to `breakglass log verify`.
Exit codes: 0 all that ran held; 8 something does not hold, or the log goes on after a declared
log epoch, whose signatures are checked by `breakglass log verify` only; 2 a file of --seen holds
no checkpoint of this log; 1 all of them speak of entries that were declared lost.
"""
import base64, hashlib, json, os, re, sys

ENTRIES = "entries.ndjson"
ENDINGS = ["complete", "client_gone", "upstream_error", "session_closed", "too_large"]
TILE = 256
MAX_ENTRY = 65535
FORMS = {"v": "breakglass/1", "t": r"[a-z0-9_]+(\.[a-z0-9_]+)*", "node": "[!-~]{1,64}",
         "boot": "[0-9a-f]{8}"}
MAX_INTEGER = 2 ** 53 - 1
FALL_MS = 2000
DASH = "\u2014 "
QUOTED = ("nothing here shows that the former log's key signed the entries before this new log "
          "epoch: anybody could have declared it")
SIGNED = ("a log epoch was declared at entry %d: its signatures are checked by `breakglass log "
          "verify` only")
NOT_HELD = ("no checkpoint that was received elsewhere could be held against this copy; %d of its "
            "own are prefixes, which says nothing about who made it")
LOST = ("%d of them saw up to %d entries; a declared log epoch kept %d and declares the rest lost")
NAMES = {
    0: "entries hash to the root and to the tiles",
    1: "the log signed the checkpoint",
    3: "every checkpoint received elsewhere is a prefix",
    4: "every entry obeys the rules",
}

class Bad(ValueError):
    """Something does not hold; seq is the first bad entry when one entry is to blame."""
    def __init__(self, reason, seq=None):
        super().__init__(reason)
        self.seq = seq

def need(good, reason, seq=None):
    """Goes on only when it is good."""
    if not good:
        raise Bad(reason, seq)

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
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * ROOT_M1 % P
    if y >= P or (x * x - x2) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return (x, y, 1, x * y % P)

BASE = point_decode((4 * pow(5, P - 2, P) % P).to_bytes(32, "little"))

def small(point):
    """Whether the point has small order."""
    return point_equal(point_mul(8, point), (0, 1, 1, 0))

def ed25519_verify(public, message, signature):
    """Whether the signature is good."""
    a, r = point_decode(public), point_decode(signature[:32])
    s = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or a is None or r is None or s >= L or small(a) or small(r):
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
    out = edge[-1][1] if edge else hashlib.sha256(b"").digest()
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

def utf8(data, what):
    """Text of bytes that must be UTF-8."""
    try:
        return data.decode("utf-8")
    except UnicodeError:
        raise Bad("%s is not utf-8" % what)

def good_name(name):
    """A key name: not empty, no space, no plus, no control character."""
    return bool(name) and not re.search(r"[\s+\x00-\x1f\x7f-\x9f]", name)

def parse_vkey(text):
    """(name, key id, type, 32 bytes) of a verifier key."""
    parts = text.split("+", 2)
    data = unbase64(parts[2]) if len(parts) == 3 else None
    good = data and len(data) == 33 and data[0] in (1, 4) and good_name(parts[0])
    need(good, "policy.txt: not a verifier key")
    wanted = hashlib.sha256(parts[0].encode() + b"\n" + data).digest()[:4]
    point = point_decode(data[1:])
    good = parts[1] == wanted.hex() and point is not None and not small(point)
    need(good, "policy.txt: not a verifier key")
    return parts[0], wanted, data[0], data[1:]

def parse_signature(line):
    """(name, key id, bytes) of a signature line."""
    name, space, encoded = line[len(DASH):].partition(" ")
    data = unbase64(encoded)
    good = line.startswith(DASH) and space and good_name(name) and data and len(data) >= 5
    need(good, "a line is not a signature")
    return name, data[:4], data[4:]

def parse_note(data):
    """(text, signatures) of a signed note."""
    note = utf8(data, "a note")
    odd = re.search(r"[\x00-\x09\x0b-\x1f]", note) or len(data) > 256 * 1024
    need(not odd, "not a note: control characters or too long")
    text, blank, lines = note.rpartition("\n\n")
    need(blank and lines.endswith("\n") and lines.count("\n") <= 64, "not a note")
    return text + "\n", [parse_signature(line) for line in lines[:-1].split("\n")]

def parse_checkpoint(text):
    """(origin, size, root) of a checkpoint's body."""
    lines = text.split("\n")
    need(len(lines) == 4 and not lines[3] and lines[0], "not a checkpoint: not three lines")
    root, size = unbase64(lines[2]), re.fullmatch(r"0|[1-9][0-9]{0,18}", lines[1])
    good = size and int(lines[1]) < 2 ** 63 and root is not None and len(root) == 32
    need(good, "not a checkpoint: its size or its root")
    return lines[0], int(lines[1]), root

def verify_note(text, signatures, keys):
    """Refuses the note unless known keys signed it, all of them rightly."""
    good = False
    for name, wanted, _, public in keys:
        for signer, signer_id, data in signatures:
            if (signer, signer_id) == (name, wanted):
                good = ed25519_verify(public, text.encode(), data)
                need(good, "the signature of %s does not verify" % name)
    need(good, "no signature by a known key")

def log_keys(directory):
    """The keys of this log in policy.txt."""
    keys, quorum, text = [], 0, utf8(read(directory, "policy.txt"), "policy.txt")
    need(not re.search(r"[\x00-\x08\x0b-\x1f\x7f]", text), "policy.txt: control characters")
    for line in text.split("\n"):
        words = [word for word in re.split(r"[ \t]", line) if word]
        if not words or words[0].startswith("#"):
            continue
        known = {"log": (2, 3), "quorum": (2,), "witness": (3, 4), "group": range(4, 999)}
        need(len(words) in known.get(words[0], ()), "policy.txt: not a line of this format")
        quorum += words[0] == "quorum"
        keys += [parse_vkey(words[1])] if words[0] == "log" else []
    named = "quorum none\n" in text or re.search(r"(?m)^\s*witness\s", text)
    good = quorum == 1 and named and all(key[2] == 1 for key in keys)
    need(good, "policy.txt: it needs one quorum line and log keys of type 1")
    return keys

def split_origin(origin):
    """A log's name without its epoch, and the epoch."""
    found = re.fullmatch(r"(.*)/e([1-9][0-9]{0,8})", origin or "", re.S)
    return (found.group(1), int(found.group(2))) if found else (origin, 1)

def epoch_of(entry):
    """What a log.epoch entry declares: the log goes on under a new name after a restore."""
    texts = [entry.get(name) for name in ("origin", "vkey", "prev_origin", "prev_vkey", "prev_root")]
    need(all(isinstance(text, str) for text in texts), "it declares no log epoch", entry.get("seq"))
    origin, vkey, before, old_vkey, root = texts
    (base, number), (old_base, old) = split_origin(origin), split_origin(before)
    good = base == old_base and number == old + 1 and entry.get("epoch") == number
    good = good and parse_vkey(vkey)[0] == origin and parse_vkey(old_vkey)[0] == before
    good = good and type(entry.get("prev_size")) is int and unbase64(root) and entry.get("acts")
    need(good, "it declares no log epoch", entry.get("seq"))
    return before, old_vkey, origin, vkey, entry["prev_size"], unbase64(root)

def seams_of(directory, origin):
    """Declared log epochs: {former name: (key, entries kept, root over them, seq, next key)}."""
    seams, newest, name = {}, None, None
    if split_origin(origin)[1] == 1:
        return seams
    with read(directory, ENTRIES, opened=True) as stream:
        for seq, line in enumerate(iter(lambda: stream.readline(MAX_ENTRY + 2), b"")):
            if seq == 0:
                newest = parse_entry(line.rstrip(b"\n"), seq).get("vkey")
            if b'"log.epoch"' in line:
                entry = parse_entry(line.rstrip(b"\n"), seq)
                if entry["t"] == "log.epoch":
                    before, old, name, vkey, size, root = epoch_of(entry)
                    need(old == newest, "it follows a log with another key", seq)
                    newest = vkey
                    seams[before] = (parse_vkey(old), size, root, seq, parse_vkey(vkey))
    need(name == origin, "%s: nothing declares the log's name %s" % (ENTRIES, origin))
    return seams

def head_keys(given, origin, seams):
    """Keys that may sign the head: behind a seam the one declared there, if the chain is known."""
    if not seams:
        return [key for key in given if key[0] == origin]
    chain = list(seams.values())
    known = any(key in given for seam in chain for key in (seam[0], seam[4]))
    return [chain[-1][4]] if known else []

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
                signatures.append(parse_signature(cut.group(0) if cut else line))
        except Bad:
            pass
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
    code = r"[A-Za-z0-9+/=]+"
    for block in re.findall(r"(?m)(?:^|: )(%s(?:\n%s)*)$" % (code, code), "\n".join(lines)):
        inner = (unbase64(block.replace("\n", "")) or b"").decode("utf-8", "replace")
        if len(inner) > 40:
            yield from find_checkpoints(inner, depth - 1)

# --- files -------------------------------------------------------------------------------------
def read(directory, path, seq=None, opened=False):
    """Bytes of one file of the export, or the open file."""
    try:
        file = open(os.path.join(directory, path), "rb")
        if opened:
            return file
        with file:
            return file.read()
    except OSError:
        raise Bad("%s is missing or cannot be read" % path, seq)

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
    need(line.endswith(b"\n"), "the entry is missing, cut or too long", seq)
    return line[:-1]

# --- level 0 -----------------------------------------------------------------------------------
def compare_tile(directory, level, index, hashes):
    """A tile's file must hold exactly these hashes."""
    path = tile_path(level, index, len(hashes))
    content = read(directory, path, index * TILE if level == 0 else None)
    good = [content[32 * n:32 * n + 32] == digest for n, digest in enumerate(hashes)] + [False]
    seq = index * TILE + good.index(False) if level == 0 else None
    need(content == b"".join(hashes), "%s does not hold the entries' hashes" % path, seq)

def check_tree(directory, size, root, sizes):
    """Level 0; returns the roots at the claimed sizes."""
    edge, roots, rows = [], {0: root_of([])}, []
    with read(directory, ENTRIES, opened=True) as stream:
        for first in range(0, size, TILE):
            width = min(TILE, size - first)
            path = tile_path("entries", first // TILE, width)
            bundle, at, hashes = read(directory, path, first), 0, []
            for seq in range(first, first + width):
                line = read_line(stream, seq)
                length = int.from_bytes(bundle[at:at + 2], "big")
                good = len(bundle) >= at + 2 + length and bundle[at + 2:at + 2 + length] == line
                need(good, "the entry differs between entries.ndjson and %s" % path, seq)
                at += 2 + length
                hashes.append(leaf_hash(line))
            need(at == len(bundle), "%s has bytes after its last entry" % path, first + width)
            compare_tile(directory, 0, first // TILE, hashes)
            part = []
            for size_now, digest in enumerate(hashes, first + 1):
                push(part, digest)
                push(edge, digest)
                if size_now in sizes:
                    roots[size_now] = root_of(edge)
            if width == TILE:
                grow(directory, rows, 0, root_of(part))
        need(not stream.read(1), "there are entries beyond the checkpoint", size)
    for level, (full, hashes) in enumerate(rows):
        if hashes:
            compare_tile(directory, level + 1, full, hashes)
    need(root_of(edge) == root, "the entries hash to another root than the checkpoint's")
    return roots

def grow(directory, rows, place, digest):
    """Adds a hash to tile level place + 1 and compares every tile this completes."""
    if len(rows) <= place:
        rows.append((0, []))
    full, hashes = rows[place]
    hashes.append(digest)
    if len(hashes) == TILE:
        compare_tile(directory, place + 1, full, hashes)
        rows[place], edge = (full + 1, []), []
        for below in hashes:
            push(edge, below)
        grow(directory, rows, place + 1, root_of(edge))

# --- level 3 -----------------------------------------------------------------------------------
def claims_of(directory, origin, keys, seen, seams):
    """Checkpoints of this log, a list of (who, origin, size, root, received) or Bad; those that saw
    entries which a seam declares lost, (seen, kept); and received files without any."""
    claims, lost, unusable = [], [], []
    def claim(who, text, signatures, received):
        try:
            found = parse_checkpoint(text)
            if found[0] in seams:
                verify_note(text, signatures, [seams[found[0]][0]])
                if found[1] > seams[found[0]][1]:
                    lost.extend([(found[1], seams[found[0]][1])] if received else [])
                    return
            else:
                verify_note(text, signatures, keys)
                need(found[0] == origin, "of another log")
            claims.append((who,) + found + (received,))
        except Bad as bad:
            claims.append(Bad("%s: %s" % (who, bad)))
    folder = os.path.join(directory, "checkpoints")
    for name in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        who = "checkpoints/%s" % name
        try:
            claim(who, *parse_note(read(directory, who)), received=False)
        except Bad as bad:
            claims.append(Bad("%s: %s" % (who, bad)))
    for name, data in seen:
        before = len(claims) + len(lost)
        for found, text, signatures in find_checkpoints(data.decode("utf-8", "replace")):
            if found[0] == origin or found[0] in seams:
                claim(name, text, signatures, received=True)
        unusable += [name] if len(claims) + len(lost) == before else []
    return claims, lost, unusable

def check_claims(claims, size, roots):
    """Level 3: how many own and how many received checkpoints are prefixes."""
    counts = [0, 0]
    for claim in claims:
        if isinstance(claim, Bad):
            raise claim
        who, _, claimed, root, received = claim
        need(claimed <= size, "entries were cut off, or this copy is older: %s saw %d, here are %d" % (who, claimed, size))
        need(roots[claimed] == root, "history was rewritten below %d, says %s" % (claimed, who))
        counts[received] += 1
    return counts

def check_anchors(claims, seams, roots):
    """Each seam's former key signed a prefix of what stands before it: quoting it is no proof."""
    good = [claim for claim in claims if not isinstance(claim, Bad)]
    for former, (_, kept, _, seq, _) in seams.items():
        need(any(claim[1] == former and 1 <= claim[2] <= kept and roots.get(claim[2]) == claim[3]
                 for claim in good), QUOTED, seq)

# --- level 4 -----------------------------------------------------------------------------------
def no_duplicates(pairs):
    """Object members, refused when one is there twice or has an odd name."""
    out = dict(pairs)
    good = all(re.fullmatch("[a-z][a-z0-9_]{0,39}", name) for name in out)
    need(good and len(out) == len(pairs), "members")
    return out

def check_value(value, depth=0):
    """Integers only, within 2^53 - 1; at most 32 levels deep."""
    need(depth <= 32 and not isinstance(value, float), "a float, or too deep")
    need(not isinstance(value, int) or abs(value) <= MAX_INTEGER, "a large number")
    items = value.values() if isinstance(value, dict) else value
    for item in items if isinstance(value, (dict, list)) else ():
        check_value(item, depth + 1)

def parse_entry(line, seq):
    """The members of one entry, which must be canonical."""
    try:
        entry = json.loads(line.decode("utf-8"), object_pairs_hook=no_duplicates)
        check_value(entry)
        form = json.dumps(entry, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        need(isinstance(entry, dict) and form.encode("utf-8") == line, "canonical")
    except (ValueError, RecursionError):
        raise Bad("the entry is not canonical json", seq)
    for name, form in FORMS.items():
        value = entry.get(name)
        good = isinstance(value, str) and re.fullmatch(form, value)
        need(good and len(value) <= 64, "%s is not of its form" % name, seq)
    good = all(type(entry.get(name)) is int and entry[name] >= 0 for name in ("seq", "ts"))
    need(good and len(entry["t"]) <= 40, "seq, ts or t is not of its form", seq)
    return entry

class Emergency:
    """The nodes' emergency logs, which stand in the main log entry by entry."""
    def __init__(self):
        self.nodes, self.latest, self.cuts = {}, None, []

    def covered(self, seq=None):
        """Refuses to go on while entries stand under no checkpoint."""
        good = not any(node["open"] for node in self.nodes.values())
        need(good, "the emergency log stands under no checkpoint", seq)

    def check(self, kind, entry, main, seq):
        """Refuses an entry that does not follow."""
        if kind == "emergency.opened":
            try:
                return self.opened(entry, main, seq)
            except Bad as bad:
                raise Bad(str(bad), seq)
        if kind == "emergency.cut":
            self.cuts.append(seq)
        if kind not in ("emergency.entry", "emergency.bound"):
            return None
        name = entry.get("origin")
        node = self.nodes.get(name.split("/")[-1] if isinstance(name, str) else self.latest)
        good = node and (not isinstance(name, str) or node["key"][0] == name)
        need(good, "the emergency log was never opened", seq)
        return self.grow(node, entry, seq) if kind == "emergency.entry" else \
            self.bound(node, entry, seq)

    def opened(self, entry, main, seq):
        """A node's log begins, or goes on under a new name."""
        vkey, size = entry.get("vkey"), entry.get("size", 0)
        need(isinstance(vkey, str), "vkey is missing", seq)
        key, prefix = parse_vkey(vkey), "%s/emergency/" % main
        need(key[0].startswith(prefix), "the emergency log has another log's name", seq)
        name = key[0][len(prefix):]
        node = self.nodes.setdefault(name, {"edge": [], "size": 0, "open": False})
        need(not node["open"], "the emergency log stands under no checkpoint", seq)
        if size == 0 or type(size) is not int:
            node["edge"], node["size"] = [], 0
        need(size in (0, node["size"]) or type(size) is not int,
             "the emergency log does not go on where it ended", seq)
        node["key"], self.latest = key, name

    def grow(self, node, entry, seq):
        """One entry more."""
        text = entry.get("entry")
        need(isinstance(text, str), "entry is missing", seq)
        inner = parse_entry(text.encode("utf-8"), seq)
        need(inner["seq"] == node["size"], "entry %d of the emergency log is missing"
             % node["size"], seq)
        push(node["edge"], leaf_hash(text.encode("utf-8")))
        node["size"], node["open"] = node["size"] + 1, True

    def bound(self, node, entry, seq):
        """The node's checkpoint over its entries."""
        note, root = entry.get("checkpoint"), entry.get("root")
        need(isinstance(note, str), "checkpoint is missing", seq)
        try:
            text, signatures = parse_note(note.encode("utf-8"))
            verify_note(text, signatures, [node["key"]])
            name, size, signed = parse_checkpoint(text)
        except Bad as bad:
            raise Bad(str(bad), seq)
        good = name == node["key"][0] and size == node["size"] and signed == root_of(node["edge"])
        good = good and isinstance(root, str) and unbase64(root) == signed
        need(good, "the emergency log is not what its checkpoint says", seq)
        node["open"] = False

class Drills:
    """Marked in every entry about them, with epochs of their own that only rise."""
    def __init__(self):
        self.incidents, self.newest = set(), 0

    def check(self, kind, entry, seq):
        """Refuses an entry with a wrong mark, or a decoy that goes back."""
        marked = "drill" in entry
        need(not marked or entry["drill"] is True, "drill is not of its form", seq)
        if kind == "drill.dealt":
            epoch, named = entry.get("epoch"), isinstance(entry.get("manifest_sha256"), str)
            good = marked and named and type(epoch) is int and epoch > self.newest
            need(good, "the decoy is not marked, has no manifest, or goes back", seq)
            self.newest = epoch
            return
        incident = entry.get("inc")
        if not isinstance(incident, str):
            return
        if kind == "incident.opened" and marked:
            self.incidents.add(incident)
        need(marked == (incident in self.incidents), "the entry is marked as a drill, and its "
             "incident is none" if marked else "the entry is not marked, and its incident is a "
             "drill", seq)

class Papers:
    """Paper shares: a witness signed before, for this opener and this paper; one counts."""
    def __init__(self):
        self.incidents, self.said = {}, []

    def check(self, kind, entry, seq):
        """Refuses a paper that breaks a rule."""
        incident = entry.get("inc")
        if kind in ("incident.opened", "incident.asked_again"):
            self.incidents[incident] = {"requester": entry.get("requester"), "seen": {}, "given": []}
        elif kind in ("paper.witnessed", "share.accept", "approve.withdrawn"):
            now = self.incidents.setdefault(incident, {"requester": None, "seen": {}, "given": []})
            if kind == "approve.withdrawn":
                now["given"] = [one for one in now["given"] if one[0] != entry.get("person")]
            elif kind == "share.accept":
                self.accepted(now, entry, seq)
            else:
                self.witnessed(now, entry, seq)

    def witnessed(self, now, entry, seq):
        """Somebody signed that she stands beside the opener."""
        names = ("person", "opener", "keeper", "unlocker", "act_sha256", "bag")
        good = all(isinstance(entry.get(name), str) for name in names)
        good = good and type(entry.get("index")) is int
        need(good, "the witness of a paper is not of its form", seq)
        need(entry["person"] != entry["opener"], "the witness of a paper is its opener", seq)
        asked = now["requester"] in (entry["person"], entry["opener"], entry["keeper"])
        need(not asked, "who asked for the incident took part in opening a paper", seq)
        names = ("person", "opener", "keeper", "index", "unlocker")
        now["seen"][entry["act_sha256"]] = [entry[name] for name in names]
        signed = {name: entry[name] for name in ("bag", "index", "opener", "person", "unlocker")}
        self.said.append((seq, entry["act_sha256"],
                          dict(signed, act="witness", incident=entry.get("inc"))))

    def accepted(self, now, entry, seq):
        """A share is in; beside a paper nobody and no share counts twice."""
        person, index, paper = entry.get("person"), entry.get("index"), entry.get("paper")
        if not isinstance(person, str) or type(index) is not int:
            need("paper" not in entry, "a paper share names no person or no share", seq)
            return
        if "paper" in entry:
            good = isinstance(paper, dict) and set(paper) == {"keeper", "witness", "witness_sha256"}
            good = good and all(isinstance(value, str) for value in paper.values())
            need(good and isinstance(entry.get("act_sha256"), str),
                 "a paper share is not of its form", seq)
        papers = any(one[2] for one in now["given"])
        need(not (papers and "paper" in entry), "a second paper share counts", seq)
        twice = any(one[0] == person or one[1] == index for one in now["given"])
        need(not (twice and (papers or "paper" in entry)),
             "a person or a share counts twice beside a paper", seq)
        now["given"].append((person, index, "paper" in entry))
        if "paper" in entry:
            wanted = [paper["witness"], person, paper["keeper"], index, entry.get("unlocker")]
            need(now["seen"].get(paper["witness_sha256"]) == wanted,
                 "no witness signed for this opener and this paper before", seq)
            self.said.append((seq, entry["act_sha256"], {
                "act": "approve", "incident": entry.get("inc"), "index": index, "person": person,
                "unlocker": entry.get("unlocker"), "witness_sha256": paper["witness_sha256"]}))

    def documents(self, directory):
        """The signed documents say the same."""
        for seq, name, members in self.said:
            need(re.fullmatch("[0-9a-f]{64}", name), "act_sha256 is not of its form", seq)
            content = read(directory, "acts/%s.json" % name, seq)
            need(hashlib.sha256(content).hexdigest() == name, "acts/%s.json has another hash" % name, seq)
            try:
                found = json.loads(content.decode("utf-8"))
            except ValueError:
                raise Bad("acts/%s.json is no act" % name, seq)
            for member, value in members.items():
                need(found.get(member) == value,
                     "acts/%s.json was signed with another %s" % (name, member), seq)

class Rules:
    """Open sessions and open calls, entry by entry."""
    def __init__(self, origin):
        self.origin, self.current, self.last, self.jump = origin, None, None, False
        self.sessions, self.calls = {}, {}
        self.emergency, self.drills, self.papers = Emergency(), Drills(), Papers()

    def check(self, seq, entry):
        """Refuses an entry that breaks a rule."""
        kind, sid, jump = entry["t"], entry.get("sid"), entry["t"] == "clock.jump"
        need(entry["seq"] == seq, "seq is %d" % entry["seq"], seq)
        fell = self.last is not None and entry["ts"] < self.last - FALL_MS
        need(not fell or jump or self.jump, "ts falls without clock.jump", seq)
        self.last, self.jump = entry["ts"], jump
        self.drills.check(kind, entry, seq)
        self.papers.check(kind, entry, seq)
        need((seq == 0) == (kind == "log.genesis"), "log.genesis is first and only first", seq)
        if kind.startswith("emergency."):
            self.emergency.check(kind, entry, self.current, seq)
        else:
            self.emergency.covered(seq)
        if kind == "log.genesis":
            self.current = entry.get("origin")
            (base, first), (ours, last) = split_origin(self.current), split_origin(self.origin)
            good = self.current == self.origin or (base == ours and first < last)
            need(good, "log.genesis names another origin", seq)
        elif kind == "log.epoch":
            need(epoch_of(entry)[0] == self.current, "the new log epoch follows another log", seq)
            self.current = entry["origin"]
        elif kind == "session.open":
            inc, exp = entry.get("inc"), entry.get("exp_ms")
            good = isinstance(sid, str) and isinstance(inc, str) and type(exp) is int
            need(good, "sid, inc or exp_ms is missing", seq)
            need(sid not in self.sessions, "the session is open already", seq)
            self.sessions[sid] = (inc, exp)
        elif kind == "session.extended":
            exp, session = entry.get("exp_ms"), self.sessions.get(sid)
            need(session and type(exp) is int, "no such session is open", seq)
            need(exp > session[1], "the session is not longer than before", seq)
            self.sessions[sid] = (session[0], exp)
        elif kind == "session.close" and not ("sid" in entry and sid is None):
            good = isinstance(sid, str) and self.sessions.pop(sid, None)
            need(good, "no such session is open", seq)
        elif kind == "call.begin":
            session = self.sessions.get(sid) if isinstance(sid, str) else None
            need(session, "the call is outside an open session", seq)
            need(entry["ts"] <= session[1], "the call is after the end of its session", seq)
            need(entry.get("inc") == session[0], "the call names another incident", seq)
            need(isinstance(entry.get("cid"), str), "cid is missing", seq)
            self.calls[seq] = [entry["cid"], False]
        elif kind in ("call.head", "call.end", "call.abort", "call.lost"):
            self.answer(kind, entry, seq)

    def answer(self, kind, entry, seq):
        """Rules of entries that belong to an open call."""
        begin = entry.get("begin")
        need(type(begin) is int and begin in self.calls, "its call is not open", seq)
        call = self.calls[begin]
        need(entry.get("cid") == call[0], "its cid is not that of its call", seq)
        if kind == "call.head":
            need(not call[1], "its call has a head already", seq)
            call[1] = True
            return
        del self.calls[begin]
        if kind == "call.end":
            good = type(entry.get("status")) is int and entry.get("ended") in ENDINGS
            need(good, "status or ended is missing", seq)

def check_entries(directory, origin, size):
    """Level 4; returns the calls that are still open, and where emergency logs were cut."""
    rules = Rules(origin)
    with read(directory, ENTRIES, opened=True) as stream:
        for seq in range(size):
            rules.check(seq, parse_entry(read_line(stream, seq), seq))
    rules.emergency.covered()
    rules.papers.documents(directory)
    need(rules.current == origin, "the log's name is not the one its entries lead to")
    return sorted(rules.calls), rules.emergency.cuts

def check_seams(seams, roots):
    """Each declared epoch stands over the entries it says."""
    for _, size, root, seq, _ in seams.values():
        good = seq == size and roots.get(size) == root
        need(good, "the entries before the new log epoch are not those it declares", seq)

# --- the report --------------------------------------------------------------------------------
def run(directory, seen=()):
    """Checks one export; seen is a list of (name, bytes)."""
    levels = {n: {"level": n, "name": NAMES[n], "outcome": "not_run", "checked": 0} for n in NAMES}
    report = {"passed": False, "origin": None, "size": 0, "root": None, "key_from_export": True,
              "levels": [levels[n] for n in sorted(levels)], "open_calls": [],
              "own_checkpoints": 0, "lost_checkpoints": 0, "unusable_seen": [], "seam": None,
              "emergency_cuts": []}

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
    note = level(0, lambda: parse_note(read(directory, "checkpoint")))
    head = level(0, lambda: parse_checkpoint(note[0])) if note else None
    if not head:
        return report
    (text, signatures), (origin, size, root) = note, head
    report.update(origin=origin, size=size, root=base64.b64encode(root).decode())
    given = level(1, lambda: log_keys(directory)) or []
    seams = level(4, lambda: seams_of(directory, origin))
    if seams is None:
        return report
    levels[4]["outcome"] = "not_run"
    keys = head_keys(given, origin, seams)
    if levels[1]["outcome"] == "passed":
        level(1, lambda: verify_note(text, signatures, keys))
    claims, lost, unusable = claims_of(directory, origin, keys, seen, seams)
    report.update(unusable_seen=unusable, seam=max([seam[3] for seam in seams.values()] or [None]))
    sizes = {claim[2] for claim in claims if not isinstance(claim, Bad)}
    sizes |= {seam[1] for seam in seams.values()}
    roots = level(0, lambda: check_tree(directory, size, root, sizes))
    if roots is not None:
        levels[0]["checked"] = levels[4]["checked"] = size
        if levels[1]["outcome"] == "passed":
            level(1, lambda: check_anchors(claims, seams, roots))
        own, received = level(3, lambda: check_claims(claims, size, roots)) or (0, 0)
        report.update(own_checkpoints=own, lost_checkpoints=len(lost))
        if levels[3]["outcome"] == "passed":
            levels[3].update(outcome="passed" if received else "not_run", checked=received)
            reasons = [LOST % (len(lost), max(lost)[0], lost[-1][1])] if lost else []
            reasons += [] if received else [NOT_HELD % own]
            reasons += ["%s holds no checkpoint of this log" % name for name in unusable]
            if reasons:
                levels[3]["reason"] = "; ".join(reasons)
        found = level(4, lambda: check_seams(seams, roots)
                      or check_entries(directory, origin, size)) or ([], [])
        report["open_calls"], report["emergency_cuts"] = found
    report["passed"] = exit_code(report, levels) == 0
    return report

def exit_code(report, levels):
    """0 when all held, 8 when not, 2 and 1 when what was received could not be held against it."""
    if any(levels[n]["outcome"] == "failed" for n in levels) or report["seam"] is not None:
        return 8
    if any(levels[n]["outcome"] != "passed" for n in (0, 1, 4)):
        return 8
    if report["unusable_seen"]:
        return 2
    return 1 if report["lost_checkpoints"] and levels[3]["outcome"] == "not_run" else 0

def main(arguments):
    """The command line."""
    plain = [a for a in arguments if a != "--json"]
    if not plain or plain[0].startswith("-") or (len(plain) > 1 and plain[1] != "--seen"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        seen = [(name, read(".", name)) for name in plain[2:]]
    except Bad as bad:
        print(bad, file=sys.stderr)
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
        for seq in report["emergency_cuts"]:
            print("entry %d says: an emergency log had lost entries" % seq)
        if report["seam"] is not None:
            print(SIGNED % report["seam"])
        print("the key is the export's own: compare it with one you know")
    return exit_code(report, {item["level"]: item for item in report["levels"]})

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
