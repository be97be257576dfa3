"""Every kind of channel through the real program: proved by a person, told of an incident, dead.

    python tests/e2e/channels.py --binary target/release/breakglass

Slack, Microsoft Teams and PagerDuty join mail and webhook by a signed policy. The receivers judge
each message as the services document it (tests/support_py/chat_sink.py). A test message's code is
read off each of them and confirmed; an incident runs to its close; then one of them dies.
"""

import json
import pathlib
import queue
import re
import subprocess
import sys
import threading

import vault as v
from children import tied, until

SINK = pathlib.Path(__file__).resolve().parent.parent / "support_py" / "chat_sink.py"
KEY = "0123456789abcdef0123456789abcdef"
CUSTODIANS = ("ada", "ben", "cleo", "dora", "emil")
KINDS = {"mail": "smtp", "hook": "webhook", "chat": "slack", "team": "teams", "pager": "pagerduty"}


class ChatSink:
    """A receiver of one service; `taken` is what it was sent, with the faults it found."""

    def __init__(self, service):
        self.taken = []
        self.child = subprocess.Popen([sys.executable, str(SINK), service], stdin=subprocess.DEVNULL,
                                      stdout=subprocess.PIPE, text=True, preexec_fn=tied())
        ports = queue.Queue()
        threading.Thread(target=self._read, args=(ports,), daemon=True).start()
        self.address = f"127.0.0.1:{int(ports.get(timeout=120))}"

    def _read(self, ports):
        ports.put(self.child.stdout.readline())
        for line in self.child.stdout:
            self.taken.append(json.loads(line))

    def texts(self):
        """Everything that a person can read there."""
        return [json.dumps(one["payload"], ensure_ascii=False) for one in self.taken]

    def faults(self):
        """What the service would have refused."""
        return [one["faults"] for one in self.taken if one["faults"]]

    def alive(self):
        """Whether it still runs."""
        return self.child.poll() is None

    def kill(self):
        """Ends it."""
        self.child.kill()
        self.child.wait()


def own(name):
    """The routing key of somebody's own pager."""
    return name.ljust(32, "0")


def joined(checks, vault, sinks):
    """Three channels are added: an operator's proposal, another's signature, a restart."""
    folder = vault.config.parent

    def secret(name, text):
        (folder / name).touch(0o600)
        (folder / name).write_text(text)

    secret("slack.url", f"http://{sinks['chat'].address}/services/T0/B0/secret")
    secret("teams.url", f"http://{sinks['team'].address}/workflows/secret")
    secret("pager.key", KEY)
    for name in CUSTODIANS:
        secret(f"pager-{name}.key", own(name))
    before = vault.config.read_text()
    with_all = folder / "with-all.toml"
    with_all.write_text(before + f"""
[[channels]]
kind = "slack"
name = "chat"
url_file = "slack.url"

[[channels]]
kind = "teams"
name = "team"
url_file = "teams.url"

[[channels]]
kind = "pagerduty"
name = "pager"
url = "http://{sinks['pager'].address}/v2/enqueue"
routing_key_file = "pager.key"
people = {{ {", ".join(f'{name} = "pager-{name}.key"' for name in CUSTODIANS)} }}
""")
    proposed = vault.does("otto", "policy", "propose", folder / "policy.toml", "--channels", with_all,
                          "--yes")
    checks.hold("three new channels wait for another operator", not proposed["in_force"]
                and "operators" in proposed["needs"], proposed)
    shown = " ".join(proposed["differences"])
    checks.hold("each is named in the differences, its secret is not",
                all(name in shown for name in ("chat", "team", "pager"))
                and KEY not in shown and "/services/" not in shown, shown)
    signed = vault.does("olga", "policy", "sign", "--yes")
    checks.hold("with her signature the policy is in force", signed["in_force"], signed)
    pagers(checks, vault)
    vault.serve.kill()
    try:
        vault.start_serve()
        started = True
    except v.Failed as refused:
        started = str(refused)
    checks.hold("the former configuration is refused now, and told what to run",
                started is not True and "policy propose policy.toml --channels" in started, started)
    vault.config.write_text(with_all.read_text())
    vault.start_serve()
    checks.equal("all five are there", {c["name"]: c["kind"] for c in listed(vault).values()}, KINDS)


def pagers(checks, vault):
    """The roster says by which name each custodian's pager is called: an operator and one of them."""
    roster = vault.does("otto", "roster", "show", "--toml")["toml"]
    for name in CUSTODIANS:
        mail = f'mail = "{name}@example.com"'
        checks.hold(f"{name} is in the roster's file", mail in roster, roster)
        roster = roster.replace(mail, f'{mail}\npager = "{name}"')
    file = vault.folder / "roster.toml"
    file.write_text(roster)
    vault.does("otto", "roster", "propose", file, "--yes")
    done = vault.does("ada", "roster", "sign", "--yes")
    checks.hold("pagers by name are in force", done["in_force"], done)


def listed(vault):
    """`alert list` by name."""
    return {one["name"]: one for one in vault.does("otto", "alert", "list")["channels"]}


def arrived(vault, sinks):
    """Everything that arrived so far, by channel."""
    texts = {name: sink.texts() for name, sink in sinks.items()}
    texts["mail"] = [f"{mail['subject']}\n{mail['body']}" for mail in vault.mail.mails]
    texts["hook"] = [json.dumps(one) for one in vault.hook.taken]
    return texts


def confirmed(checks, vault, sinks):
    """A test message reaches each; somebody reads its code there and confirms it."""
    before = {name: len(texts) for name, texts in arrived(vault, sinks).items()}
    vault.does("otto", "alert", "test")
    used = set()
    for name, kind in KINDS.items():
        def code():
            fresh = " ".join(arrived(vault, sinks)[name][before[name]:])
            found = re.search(r"--confirm ([A-Z0-9]+)", fresh)
            return found and found.group(1)
        read = until(f"the code at {name}", code)
        checks.hold(f"{kind}: its code is its own", read not in used, read)
        used.add(read)
        checks.equal(f"{kind}: the code read there confirms it",
                     vault.does("vera", "alert", "test", "--confirm", read)["confirmed"], name)

        def well():
            state = listed(vault)[name]
            return state["delivered_at"] and state["confirmed_at"] and not state["last_error"]

        checks.comes(f"{kind}: delivered, confirmed, not failing", well, lambda: listed(vault)[name])
        print(f"     channel {kind:<10} test delivered: yes, code read and confirmed: yes", flush=True)
    code, _, said = vault.runs("vera", "alert", "test", "--confirm", "AAAAAA")
    checks.hold("a code that nobody was sent confirms nothing", code != 0, said)


def whole_incident(checks, vault, sinks):
    """From the opening to the close: who is told what."""
    pager = sinks["pager"]

    def actions(key):
        of = [one["payload"] for one in pager.taken if one["payload"]["routing_key"] == key]
        mine = [one for one in of if incident in one["dedup_key"].split("/")]
        return [one["event_action"] for one in mine], {one["dedup_key"] for one in mine}

    incident, phrase = vault.asks()
    # Whose clock shows day comes first: which four depends on the hour.
    rung = until("four own pagers", lambda: len(
        found := [name for name in CUSTODIANS if "trigger" in actions(own(name))[0]]) == 4 and found)
    checks.equal("pagerduty: k + 1 people are rung by name", len(rung), 4)
    vault.approves(incident, phrase)
    until("the open session", lambda: vault.phase(incident) == "open")
    vault.does("rio", "claim", incident)
    # At quorum and when it opens. Messages of one moment go out side by side and overtake one
    # another: the close comes after both have arrived.
    until("both acknowledgements", lambda: actions(KEY)[0].count("acknowledge") >= 2)
    vault.close(incident)
    for name in KINDS:
        for word in ("[ASKED]", "[OPEN]", "[CLOSED]"):
            if name != "pager":
                until(f"{word} at {name}", lambda: any(
                    word in text and incident in text for text in arrived(vault, sinks)[name]))
                checks.hold(f"{KINDS[name]}: told {word}", True)
    until("the service's resolve", lambda: actions(KEY)[0][-1:] == ["resolve"])
    service, alerts = actions(KEY)
    once = [action for at, action in enumerate(service) if action not in service[:at]]
    checks.equal("pagerduty: real events trigger, acknowledge and resolve", once,
                 ["trigger", "acknowledge", "resolve"])
    checks.equal("pagerduty: they are one alert there", len(alerts), 1)
    for name in rung:
        until(f"{name}'s resolve", lambda: actions(own(name))[0][-1:] == ["resolve"])
    checks.hold("pagerduty: whoever was rung is let sleep at quorum", True)
    print(f"     channel pagerduty  service: {' → '.join(service)}; {', '.join(rung)}: "
          f"{' → '.join(actions(own(rung[0]))[0])}", flush=True)
    for name, sink in sinks.items():
        checks.equal(f"{KINDS[name]}: no message had a fault", sink.faults(), [])
    told = [text for texts in arrived(vault, sinks).values() for text in texts]
    checks.hold("no address of a channel was told to anybody", not any(
        secret in text for text in told for secret in ("/services/T0", "/workflows/secret")))


def dead(checks, vault, sinks):
    """One that is gone is an alert on each of the others."""
    sinks["chat"].kill()
    before = {name: len(texts) for name, texts in arrived(vault, sinks).items()}
    incident, _ = vault.asks()
    for name, kind in KINDS.items():
        if name == "chat":
            continue
        until(f"the word about Slack at {name}", lambda: any(
            "channel chat" in text for text in arrived(vault, sinks)[name][before[name]:]), 300)
        checks.hold(f"{kind}: told that Slack is dead", True)
    state = listed(vault)
    checks.hold("alert list says which and why", bool(state["chat"]["last_error"]) and not any(
        state[name]["last_error"] for name in KINDS if name != "chat"), state)
    vault.does("rio", "withdraw", incident)


def main():
    given = v.arguments(__doc__)
    checks = v.Checks()
    sinks = {"chat": ChatSink("slack"), "team": ChatSink("teams"), "pager": ChatSink("pagerduty")}
    with v.Vault(given.binary, keep=given.keep, store=given.store) as vault:
        vault.children.extend(sinks.values())
        joined(checks, vault, sinks)
        confirmed(checks, vault, sinks)
        whole_incident(checks, vault, sinks)
        dead(checks, vault, sinks)
        vault.exported()
        checks.hold("the log verifies", True)
    checks.finish()


if __name__ == "__main__":
    main()
