"""Rounds of kill -9 at random moments of an incident under load.

    python tests/long/kill.py --binary target/release/breakglass --rounds 30 [--seed N] [--first N]
        [--within-s 5]

Each round plays an incident on a freshly initialised vault and simulator (staged once, copied per
round) with clients calling all the while, kills `serve` at a random moment (sometimes again while
it recovers), starts it again and lets scripted custodians approve whatever is asked. Then: every
acknowledged call, approval and opening is in the log, every request the simulator saw has its
begin, every begin an end, the log verifies, nothing is owed, and exactly one secret is alive.
How long the way home took is printed; it decides only where `--within-s` asks for it, on a machine
that does nothing else.
"""

import hashlib
import pathlib
import random
import shutil
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
import vault as v  # noqa: E402

SETTLED = {"in_review", "reviewed", "refused", "withdrawn", "lapsed"}
CUSTODIANS = ("ada", "ben", "cleo", "dora", "emil")


class Round:
    """One incident, one kill, one recovery."""

    patience_s = 240

    def __init__(self, vault, seed, clients, timeline_s):
        self.vault, self.random = vault, random.Random(seed)
        self.clients, self.timeline_s = clients, timeline_s
        self.lock, self.acked, self.asked = threading.Lock(), [], 0
        self.approved, self.incident, self.reached = [], None, "nothing"
        self.dead = threading.Event()
        # Drawn here, not by the thread that uses it: a seed gives the same round.
        self.load_s = self.random.uniform(0.2, 0.6)

    # The incident, until the kill

    def play(self):
        """Opens, approves, works, closes; ends early when the vault dies."""
        try:
            incident, phrase = self.vault.asks(name="rio")
            self.incident, self.reached = incident, "collecting"
            for name in ("ada", "ben", "cleo"):
                self.vault.does(name, "approve", incident, "--phrase", phrase)
                self.approved.append(name)
            self.reached = "opening"
            v.until("the open session", self.is_open)
            self.vault.does("rio", "claim", incident)
            token = self.vault.token(incident)
            self.reached = "open"
            workers = [threading.Thread(target=self.load, args=(token, index))
                       for index in range(self.clients)]
            for worker in workers:
                worker.start()
            time.sleep(self.load_s)
            self.reached = "closing"
            self.vault.does("rio", "close", "--no-wait", incident)
            v.until("the end of the rotation", self.is_closed)
            self.reached = "closed"
            self.dead.set()
            for worker in workers:
                worker.join()
        except (v.Failed, OSError, v.http.client.HTTPException, ValueError):
            # The vault is dead: what was acknowledged until here is what counts.
            self.dead.wait(120)

    def is_open(self):
        """Whether the incident is open; gives up when the vault is dead."""
        if self.dead.is_set():
            raise v.Failed("killed")
        return self.vault.phase(self.incident) == "open"

    def is_closed(self):
        """Whether the old secret is dead; gives up when the vault is dead."""
        if self.dead.is_set():
            raise v.Failed("killed")
        return self.vault.phase(self.incident) == "in_review"

    def load(self, token, index):
        """One client, calling without a pause on one connection, each call with its own mark."""
        address, number, stream = self.vault.plain, 0, None
        while not self.dead.is_set():
            number += 1
            path = f"/api/2.0/clusters/list?page_token=c{index}n{number}"
            try:
                stream = stream or v.http.client.HTTPConnection(address, timeout=10)
                with self.lock:
                    self.asked += 1
                stream.request("GET", path, headers={"authorization": f"Bearer {token}"})
                reply = stream.getresponse()
                body = reply.read()
                if reply.status == 200 and body.endswith(b"}"):
                    with self.lock:
                        self.acked.append(path)
                elif reply.status == 403:
                    return
            except (OSError, v.http.client.HTTPException):
                stream = None
                if self.dead.is_set():
                    return

    # The kill and the way home

    def run(self):
        """Everything; seconds from the restart to the settled vault."""
        actor = threading.Thread(target=self.play)
        # Half the rounds at any moment, half while clients are at work.
        at = self.random.uniform(0.02, self.timeline_s)
        wanted = "open" if self.random.random() < 0.5 else None
        again = self.random.random() < 0.3
        actor.start()
        if wanted:
            v.until("the open session", lambda: self.reached in (wanted, "closing", "closed"))
            at = self.random.uniform(0, 0.5)
        time.sleep(at)
        self.at, self.killed_in, self.again = at, self.reached, again
        self.since = "into the session" if wanted else "after the start"
        self.vault.serve.kill()
        self.dead.set()
        actor.join(300)
        began = time.monotonic()
        self.vault.start_serve()
        if again:
            self.second_kill()
        v.until("the way home", self.is_home, self.patience_s)
        return time.monotonic() - began

    def second_kill(self):
        """Kills it once more while custodians approve what is owed."""
        helper = threading.Thread(target=self.try_home)
        helper.start()
        time.sleep(self.random.uniform(0.05, 0.8))
        self.vault.serve.kill()
        helper.join(300)
        self.vault.start_serve()

    def try_home(self):
        """One attempt that may die with the vault."""
        try:
            end = time.monotonic() + 1
            while time.monotonic() < end and not self.is_home():
                pass
        except (v.Failed, OSError, v.http.client.HTTPException, ValueError):
            pass

    def is_home(self):
        """Does what people are asked to do; whether nothing is left to be done."""
        board = self.vault.does("otto", "status")
        waiting = [i for i in board["incidents"] if i["phase"] not in SETTLED]
        if not waiting:
            return board["rotation_owed_since"] is None
        for incident in waiting:
            self.help(incident["id"])
        return False

    def help(self, incident):
        """Approves what is asked, closes what is open."""
        asker = "rio"
        shown = self.vault.does("otto", "status", incident)
        if "phrase" not in shown:
            shown = self.vault.does(asker, "status", incident)
        if shown["phase"] == "open":
            self.vault.runs("rio", "claim", incident)
            # Not waited for: a client that waits outlives a second kill of the vault, and this
            # script, which waits for the client, would start no vault for it.
            self.vault.runs("rio", "close", "--no-wait", incident)
        elif "phrase" in shown:
            done = {c["person"] for c in shown["custodians"] if c["state"] == "in"}
            names = [c["name"] for c in shown["custodians"] if c["person"] not in done]
            need = shown["needed"] - shown["shares_in"]
            for name in names[:max(need, 0)]:
                # A refusal is no failure here: it may just have been settled.
                self.vault.runs(name, "approve", incident, "--phrase", shown["phrase"])

    # The record

    def problems(self):
        """Sentences about what does not hold."""
        found = []
        _, entries = self.vault.exported()
        number = v.kinds(entries)
        begun = {e["path_sha256"] for e in entries if e["t"] == "call.begin"}
        cids = {e["cid"]: e for e in entries if e["t"] == "call.begin"}
        ended = {e["cid"] for e in entries if e["t"] == "call.end" and e["status"] == 200}
        good = {e["path_sha256"] for cid, e in cids.items() if cid in ended}
        hashed = {hashlib.sha256(path.encode()).hexdigest() for path in self.acked}
        if hashed - good:
            found.append(f"{len(hashed - good)} acknowledged calls have no begin and end")
        upstream = [e["path"] for e in self.vault.upstream() if "bg-session/" in e["user_agent"]]
        unknown = [p for p in upstream if hashlib.sha256(p.encode()).hexdigest() not in begun]
        if unknown:
            found.append(f"{len(unknown)} requests reached Databricks without a begin")
        closed = {e["cid"] for e in entries if e["t"] in ("call.end", "call.abort", "call.lost")}
        if set(cids) - closed:
            found.append(f"{len(set(cids) - closed)} begins have no end")
        if number["share.accept"] < len(self.approved):
            found.append(f"{len(self.approved)} approvals acknowledged, "
                         f"{number['share.accept']} in the log")
        if self.incident and not any(e["t"] == "incident.opened" and e.get("inc") == self.incident
                                     for e in entries):
            found.append(f"{self.incident} was acknowledged and is not in the log")
        secrets = self.vault.sim("secrets")
        live = [s for s in secrets["secrets"] if s["live"]]
        if len(live) != 1 or live[0]["lifetime_seconds"] < 30 * 86_400:
            found.append(f"{len(live)} live secrets: {[s['lifetime_seconds'] for s in live]}")
        self.entries, self.lost = len(entries), number["call.lost"]
        return found


def fresh(vault, master):
    """The staged folder anew at its old place, and its processes."""
    if vault.serve:
        vault.serve.kill()
        vault.simulator.kill()
    shutil.rmtree(vault.dir, ignore_errors=True)
    shutil.copytree(master, vault.dir, symlinks=True)
    vault.start_simulator()
    vault.start_serve()


def timeline(vault, clients):
    """How long an undisturbed incident takes here, in seconds."""
    round_ = Round(vault, 0, clients, 1)
    began = time.monotonic()
    round_.play()
    if round_.reached != "closed":
        raise v.Failed(f"an undisturbed incident only came to {round_.reached}")
    return time.monotonic() - began


def more(parser):
    """Options of this script."""
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, help="stop after this long")
    parser.add_argument("--seed", type=int, help="repeat the rounds of an earlier run")
    parser.add_argument("--first", type=int, default=0, help="begin with this round")
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument("--within-s", type=float, help="a longer way home fails the round")


def main():
    given = v.arguments(__doc__, more)
    if given.store != "sqlite":
        raise SystemExit("each round copies the vault's folder; on PostgreSQL: tests/long/failover.py")
    seed = given.seed if given.seed is not None else random.SystemRandom().randrange(1 << 31)
    print(f"seed {seed} (repeat with --seed {seed} --first ROUND --rounds 1)", flush=True)
    checks, began, slowest, total = v.Checks(), time.monotonic(), 0.0, 0
    vault = v.Vault(given.binary, keep=given.keep)
    try:
        vault.stage()
        master = vault.folder / "master"
        shutil.copytree(vault.dir, master, symlinks=True)
        vault.start_sinks()
        fresh(vault, master)
        length = timeline(vault, given.clients)
        print(f"     an undisturbed incident takes {length:.2f} s", flush=True)
        for number in range(given.first, given.first + given.rounds):
            if given.seconds and time.monotonic() - began > given.seconds:
                break
            fresh(vault, master)
            round_ = Round(vault, f"{seed}/{number}", given.clients, length)
            took = round_.run()
            problems = round_.problems()
            slowest, total = max(slowest, took), total + len(round_.acked)
            checks.hold(
                f"round {number}: killed {round_.at:.2f} s {round_.since}, in {round_.killed_in}"
                f"{', and again' if round_.again else ''}; home after {took:.2f} s; "
                f"{len(round_.acked)} calls acknowledged, all of them in the log; "
                f"{round_.entries} entries, {round_.lost} lost; one live secret",
                not problems and not (given.within_s and took > given.within_s),
                problems or f"{took:.2f} s")
    finally:
        vault.__exit__()
    print(f"     {total} acknowledged calls, slowest way home {slowest:.2f} s", flush=True)
    checks.finish()


if __name__ == "__main__":
    main()
