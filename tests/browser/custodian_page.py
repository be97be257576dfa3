"""The custodian's page in a real browser: keys made, proved and used by three custodians in three
browsers, while a Databricks client works through the session; then everything that must fail.

The page is served from a second origin besides, as another machine would, under a host name of its
own: cleo's keys belong to that name, the others' to the console's. Prints one line per check and the
counts.
"""

import functools
import hashlib
import http.server
import json
import pathlib
import sqlite3
import subprocess
import sys
import threading

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "clients")]

from children import Failed, Process, until  # noqa: E402
import acts  # noqa: E402
import keyboard  # noqa: E402
import origins  # noqa: E402
import sheet  # noqa: E402
from looks import Looks  # noqa: E402
from passkey_browser import Browser  # noqa: E402
from vault import SECRETS, Checks, Vault, arguments, call, free_port, quiet_environment  # noqa: E402

CUSTODIANS = ("ada", "ben", "cleo")
OTHERS = {"rio": "responder", "olga": "responder", "vera": "auditor", "tess": "auditor", "otto": "operator",
          "sam": "security"}
ASSETS = ROOT / "src" / "web" / "assets"


ACCESS_DETAILS = "The runbook hangs in rack 7. Platform team: +49 30 123456."


class PageApart:
    """The page's files on another origin, with the headers it must be served with."""

    def __init__(self):
        page = self
        self.policy = ""

        class Handler(http.server.SimpleHTTPRequestHandler):
            def translate_path(self, path):
                return str(ASSETS / (path.split("?")[0].removeprefix("/custodian/") or "index.html"))

            def end_headers(self):
                self.send_header("content-security-policy", page.policy)
                self.send_header("cache-control", "no-store")
                super().end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # A name of its own: passkeys made here work nowhere else. The console's name leads here too,
        # for the keys that are made before there is a vault.
        self.origin = f"http://custodian.localhost:{self.server.server_port}"
        self.console_name = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def allow(self, vault):
        """The policy of the vault's own page, with the vault's address to connect to."""
        self.policy = vault

    def stop(self):
        """Ends the server."""
        self.server.shutdown()
        self.server.server_close()


POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; connect-src {}; img-src 'self'; "
          "form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
          "require-trusted-types-for 'script'; trusted-types 'none'")


class PasskeyVault(Vault):
    """A vault whose custodians have nothing but passkeys; its people's other keys are SSH keys."""

    def __init__(self, binary, keep, keys, apart):
        super().__init__(binary, keep)
        self.keys, self.apart = keys, apart

    def stage(self):
        """Configuration from a staged demo, roster of our own, a new genesis."""
        super().stage()
        vault = self.dir / "vault"
        text = self.config.read_text()
        port = free_port()
        old = next(line for line in text.splitlines() if line.startswith("listen = ")).split('"')[1]
        text = text.replace(old, f"127.0.0.1:{port}").replace(
            f'url = "http://localhost:{old.rsplit(":")[-1]}"',
            f'url = "http://localhost:{port}"\ncustodian_origin = "{self.apart.origin}"')
        self.config.write_text(text.replace('data = "data"', 'data = "data-passkeys"'))
        self.console_url = f"http://localhost:{port}"
        (vault / "roster.toml").write_text(self.roster())
        policy = vault / "policy.toml"
        policy.write_text(f'access_details = "{ACCESS_DETAILS}"\n' + policy.read_text())
        self.databricks = self.info["databricks"]
        state = self.dir / "simulator.json"
        state.unlink()
        first = self.dir / "first-again.txt"
        command = [self.binary, "simulate", "--json", "--http", self.databricks["http"],
                   "--state-file", str(state), "--write-first-secret", str(first)]
        process = Process(command, self.dir / "simulator.log")
        self.start_sinks()
        done = subprocess.run(
            [self.binary, "init", "--json", "--config", str(self.config), "--roster",
             str(vault / "roster.toml"), "--policy", str(vault / "policy.toml"),
             "--credential-file", str(first)],
            capture_output=True, text=True, timeout=120, env=quiet_environment())
        process.end()
        if done.returncode != 0:
            raise Failed(f"init ended with {done.returncode}: {done.stderr[-2000:]}")
        self.genesis = json.loads(done.stdout)

    def start(self):
        """Sinks run already; simulator and vault."""
        self.start_simulator()
        self.start_serve()

    def roster(self):
        """Three custodians by passkey, the others by the SSH keys of the stage."""
        lines = ['vault = "demo-vault"', "k = 3"]
        entry = ('[[people]]\nname = "{}"\nroles = ["{}"]\ntime_zone = "Europe/Berlin"\n'
                 'contacts = {{ mail = "{}@example.com" }}\nlogin_keys = {}\nunlockers = {}\n')
        for name in CUSTODIANS:
            keys = self.keys[name]
            lines.append(entry.format(name, "custodian", name, json.dumps(keys["login"]),
                                      json.dumps(keys["unlockers"])))
        for name, role in OTHERS.items():
            key = (self.dir / "people" / name / "id_ed25519.pub").read_text().strip()
            keys = [key, *self.keys.get(name, {"login": []})["login"][:2 if name == "sam" else 1]]
            lines.append(entry.format(name, role, name, json.dumps(keys), "[]"))
        return "\n".join(lines)

    def ask_api(self, token, method, path, body=None):
        """As before, under the console's name."""
        headers = {"authorization": f"Bearer {token}", "host": self.console_url.split("//")[1]}
        return call(self.console, method, f"/api/v1{path}", headers, body)

    def lines(self):
        """Enrolment lines by name."""
        return {each["name"]: each["link"] for each in self.genesis["people"]}


def make_keys(checks, browser, page):
    """Both keys of a custodian, on two authenticators; what the operator gets."""
    browser.keys = [browser.plug_in()]
    browser.open(f"{page}#new")
    browser.until_title("Make your first key")
    browser.click("Make the key")
    browser.until_title("Now your second key")
    browser.keys.append(browser.plug_in(transport="usb"))
    browser.take(1)
    browser.click("Make the second key")
    browser.until_title("Both keys work")
    read = functools.partial(browser.driver.execute_script)
    login = read("return document.getElementById('login-keys').textContent").split("\n")
    unlockers = read("return document.getElementById('unlockers').textContent").split("\n")
    # Three texts for each result of the PRF that the page was given.
    evaluated = len(browser.prf_seen()) / 3
    checks.hold(f"{browser.name}: two keys, two recipients, each evaluated twice",
                len(set(login)) == len(set(unlockers)) == 2 and evaluated == 4, evaluated)
    return {"login": login, "unlockers": unlockers}


def enrol_there(vault):
    """The others enrol at the new vault with their SSH keys."""
    for name in OTHERS:
        for kept in (vault.dir / "people" / name / "config").glob("*"):
            kept.unlink()
        vault.does(name, "enrol", vault.lines()[name], "--key",
                   str(vault.dir / "people" / name / "id_ed25519"))


def enrol(checks, vault, browser, page, server=""):
    """A custodian pins the vault in her browser and tests both keys."""
    fragment = vault.lines()[browser.name].split("#", 1)[1]
    browser.take(0)
    browser.open(f"{page}#{fragment}{server}")
    browser.until_title("Enrol your keys here")
    browser.click("Test a key")
    browser.wait("one key", lambda: "Keys that opened a test here\n1" in browser.text())
    browser.take(1)
    browser.click("Test a key")
    browser.wait("two keys", lambda: "Every passkey of yours opened" in browser.text())
    browser.take(0)
    words = browser.driver.execute_script("return document.getElementById('words').textContent")
    asked = [url.rsplit("/", 1)[1] for method, url, _, _ in browser.traffic() if method == "POST" and "/enrol/" in url]
    checks.equal(f"{browser.name}: each key was accepted after it had opened a test envelope",
                 asked, ["test", "opened"] * 2)
    shown = {each["name"]: each["fingerprint"] for each in vault.does("otto", "person", "list")["people"]}
    checks.equal(f"{browser.name}: an operator's own client has the same four words to compare",
                 (words, len(words.split())), (shown[browser.name], 4))


def prove(checks, browser, page, epoch, looks=None):
    """She proves her share of an epoch."""
    browser.open(f"{page}#prove")
    browser.wait("the proof", lambda: browser.title().startswith("Prove share"))
    if looks:
        looks.inspect(browser, "custodian-prove")
    browser.click("Prove my share")
    browser.until_title("Proved")
    checks.hold(f"{browser.name}: share of epoch {epoch} proved in the page",
                f"of epoch {epoch} opens" in browser.text(), browser.text())


def offered(browser, page, incident):
    """Opens the release page."""
    browser.take(browser.hand)
    browser.open(f"{page}#{incident}")
    browser.until_title("Release your share?")


def release_by_keyboard(browser, words):
    """Chooses and releases without a mouse."""
    keyboard.choose(browser, "input[name=phrase]", words)
    keyboard.enter(browser, "button.main", "Release my share")
    browser.until_title("Your share is in")


def release(browser, words):
    """Chooses and releases."""
    browser.click(words)
    browser.click("Release my share")
    browser.until_title("Your share is in")


def others_words(browser, words):
    """A choice that is not right."""
    labels = browser.driver.execute_script(
        "return [...document.querySelectorAll('label')].map((l) => l.textContent)")
    return next(each for each in labels if each != words and not each.startswith("none"))


# Browsers have given another result from one time to the next.
SECOND_PRF_DIFFERS = """
  const get = CredentialsContainer.prototype.get;
  let times = 0;
  CredentialsContainer.prototype.get = async function (...given) {
    const credential = await get.apply(this, given);
    const {first} = credential.getClientExtensionResults().prf?.results ?? {};
    if (first && ++times === 2) {
      const other = new Uint8Array(first.slice(0));
      other[0] ^= 1;
      credential.getClientExtensionResults = () => ({prf: {results: {first: other.buffer}}});
    }
    return credential;
  };"""


def keys_that_cannot(checks, page, looks):
    """No PRF; nobody verified; a page that is not where keys belong."""
    with Browser("stranger") as browser:
        key = browser.plug_in(prf=False)
        browser.open(f"{page}#new")
        browser.click("Make the key")
        said = browser.until_trouble("no_prf")
        looks.inspect(browser, "custodian-no-prf")
        checks.hold("a key without PRF is refused, with what works instead", "Use another browser" in said, said)
        browser.unplug(key)
        key = browser.plug_in(verified=False)
        browser.click("Make the key")
        said = browser.until_trouble("not_confirmed")
        checks.hold("a device that does not verify its person makes no key", "Nothing was released" in said, said)
        browser.unplug(key)
        browser.plug_in()
        browser.cdp("Page.addScriptToEvaluateOnNewDocument", source=SECOND_PRF_DIFFERS)
        browser.open(f"{page}#new")
        browser.click("Make the key")
        said = browser.until_trouble("prf_differs")
        checks.hold("a key whose two evaluations differ is not taken", "Use another key" in said, said)
        browser.open(f"{page}#INC-1")
        browser.until_title("This device is not enrolled")
        looks.inspect(browser, "custodian-not-enrolled")
        checks.hold("a device without pins is sent to its enrol link", True)


def refusing(checks, vault, browsers, page, looks):
    """Wrong words, a touch that verifies nobody, the second key, a wrong address, a refusal."""
    incident, phrase = vault.asks()
    words = " ".join(phrase.replace("\u00b7", " ").split())
    ada, ben, cleo = (browsers[name] for name in CUSTODIANS)
    offered(ada, page, incident)
    ada.click(others_words(ada, words))
    ada.click("Release my share")
    said = ada.until_trouble("wrong_phrase")
    state = {c["name"]: c["state"] for c in vault.view(incident)["custodians"]}
    checks.hold("wrong words release nothing and are told", vault.view(incident)["shares_in"] == 0
                and "Nothing was released" in said, state)
    checks.hold("the words are offered anew after a wrong choice", words in ada.text(), ada.text())
    there, seen, _ = keyboard.focused(ada, ".bad[role=alert]")
    checks.hold("the error has the focus", there, ada.text())

    looks.inspect(ada, "custodian-wrong-words")
    offered(ben, page, incident)
    looks.inspect(ben, "custodian-release")
    bottom = ben.driver.execute_script("return document.querySelector('button.main').getBoundingClientRect().bottom + scrollY")
    checks.hold("the button stands on a phone's first screen", 0 < bottom <= 844, bottom)
    ben.cdp("WebAuthn.setUserVerified", authenticatorId=ben.keys[0], isUserVerified=False)
    ben.click(words)
    ben.click("Release my share")
    ben.until_trouble("not_confirmed")
    checks.hold("a touch that verifies nobody releases nothing", vault.view(incident)["shares_in"] == 0)
    # An authenticator that once failed stays shut: from here on she uses her other one.
    ben.hand = 1
    ben.take(ben.hand)
    ben.click("Use my other key")
    ben.click("Release my share")
    ben.until_title("Your share is in")
    checks.hold("her second unlocker releases it", vault.view(incident)["shares_in"] == 1)
    ben.click("Take it back")
    ben.until_title("Your share was taken back.")
    checks.hold("and she may take it back", vault.view(incident)["shares_in"] == 0)

    evil = vault.apart.origin.replace("custodian.localhost", "vau1t.localhost")
    fragment = vault.lines()["ada"].split("#", 1)[1]
    ada.open(f"{evil}/custodian/#{fragment}&server={vault.console_url}")
    ada.until_trouble("unreachable")
    checks.hold("a page at another address reaches no vault", True)
    tried = ada.driver.execute_async_script("""
        const done = arguments[0];
        navigator.credentials.get({publicKey: {challenge: new Uint8Array(32), rpId: 'localhost',
          extensions: {prf: {eval: {first: new Uint8Array(32)}}}}}).then(() => done('signed'), (e) => done(e.name))""")
    checks.hold("and gets no answer from a passkey", tried in ("SecurityError", "NotAllowedError"), tried)

    cleo_page = f"{vault.apart.origin}/custodian/"
    offered(cleo, cleo_page, incident)
    cleo.click("Refuse")
    looks.inspect(cleo, "custodian-refuse")
    cleo.click("Something looks wrong")
    odd = "nobody\u202e called"
    cleo.driver.execute_script("document.getElementById('more').value = arguments[0]", odd)
    cleo.click("Refuse")
    said = cleo.until_trouble("bad_text")
    kept = cleo.driver.execute_script("return [document.getElementById('more').value,"
                                      "document.querySelector('input[name=reason]:checked').value]")
    checks.hold("a reason that cannot be taken: three parts, the focus on them, nothing typed lost",
                kept == [odd, "Something looks wrong"] and keyboard.focused(cleo, ".bad[role=alert]")[0]
                and all(part in said for part in ("characters that do not show", "Nothing was released",
                                                  "nothing you typed is lost", "The reason is empty")), [kept, said])
    looks.inspect(cleo, "custodian-refuse-again")
    cleo.driver.execute_script("document.getElementById('more').value = ''")
    cleo.click("Refuse")
    cleo.until_title("You refused. Everyone was told why.")
    checks.hold("a refusal with its reason; too few are left", vault.phase(incident) == "refused")


def bad_shares(checks, vault, browser, page, vetoes):
    """A stored share that was damaged, and one that was swapped for another custodian's. Security
    ends the second incident."""
    def change(statement):
        vault.serve.end()
        with sqlite3.connect(vault.dir / "vault" / "data-passkeys" / "vault.db") as rows:
            rows.execute(statement)
        vault.start_serve()

    path = vault.dir / "vault" / "data-passkeys" / "vault.db"
    with sqlite3.connect(f"file:{path}?mode=ro", uri=True) as rows:
        kept = rows.execute("SELECT idx, file FROM share WHERE kind = 'live' AND epoch = 1 ORDER BY idx").fetchall()
    good, other = kept[0][1], kept[1][1]
    damaged = bytearray(good)
    damaged[-5] ^= 1
    for what, file, told in [("damaged", bytes(damaged), "did not open"), ("swapped", other, "did not open")]:
        change(f"UPDATE share SET file = x'{file.hex()}' WHERE kind = 'live' AND epoch = 1 AND idx = 1")
        incident, phrase = vault.asks(name="olga")
        offered(browser, page, incident)
        browser.click(" ".join(phrase.replace("\u00b7", " ").split()))
        browser.click("Release my share")
        said = browser.until_trouble("share_rejected")
        posted = [url for method, url, _, _ in browser.traffic() if method == "POST" and url.endswith("/approve")]
        checks.hold(f"a {what} share is named in the page and nothing is sent",
                    told in said and not posted and vault.view(incident)["shares_in"] == 0, said)
        if what == "damaged":
            vault.does("olga", "withdraw", incident)
        else:
            vetoes(incident)
    change(f"UPDATE share SET file = x'{good.hex()}' WHERE kind = 'live' AND epoch = 1 AND idx = 1")


def members(text):
    """Names of all members of a JSON text, also of the JSON texts that stand in it as strings."""
    try:
        value = json.loads(text)
    except ValueError:
        return []
    names, left = [], [value]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            names += [name.lower() for name in value]
            left += value.values()
        elif isinstance(value, list):
            left += value
        elif isinstance(value, str) and value[:1] in ("{", "["):
            names += members(value)
    return names


def emergency(checks, vault, browsers, page):
    """Three custodians in three browsers; a Databricks client works through the session."""
    from databricks.sdk import WorkspaceClient

    incident, phrase = vault.asks()
    words = " ".join(phrase.replace("\u00b7", " ").split())
    for name, browser in browsers.items():
        # What earlier checks provoked does not count here.
        browser.traffic(), browser.complaints()
        touched, browser.acts = browser.touches(), []
        offered(browser, page if name != "cleo" else f"{vault.apart.origin}/custodian/", incident)
        release(browser, words)
        acts = len(browser.acts) + (browser.touches() - touched) + 1  # and joining the bridge
        checks.hold(f"{name} released in {acts} acts, at most 6", acts <= 6, browser.acts)
        sent = browser.traffic()
        wire = sum(size for _, url, _, size in sent if "/custodian/" in url)
        if name != "cleo":  # her page comes from elsewhere, uncompressed
            checks.hold(f"{name}: the page weighed {wire} bytes on the wire, at most 30,000",
                        0 < wire <= 30_000, wire)
        allowed = (vault.console_url, "about:", "data:", *([vault.apart.origin] if name == "cleo" else []))
        foreign = [url for _, url, _, _ in sent if not url.startswith(allowed)]
        checks.equal(f"{name}: no request left the origin", foreign, [])
        bodies = [body for method, _, body, _ in sent if method == "POST"]
        approve = json.loads(next(
            body for method, url, body, _ in sent if method == "POST" and url.endswith("/approve")))
        four = json.loads(approve["act"]["signature"])
        checks.hold(f"{name}: four named fields and the envelope were sent, and no more",
                    sorted(four) == ["authenticatorData", "clientDataJSON", "id", "signature"]
                    and sorted(approve) == ["act", "envelope", "possession"], [sorted(four), sorted(approve)])
        prf = browser.prf_seen()
        checks.hold(f"{name}: a PRF result was seen in the page, and in nothing that it sent",
                    len(prf) >= 3 and not any(text in body for text in prf for body in bodies)
                    and not any("prf" in word for body in bodies for word in members(body)), len(prf))
        kept, databases = browser.storage()
        checks.hold(f"{name}: no secret in the browser's storage",
                    databases == 0 and not SECRETS.search(kept.encode())
                    and not any(word in kept for word in ("token", '"y"')), kept)
        checks.equal(f"{name}: no violation of the content policy", browser.complaints(), [])
    until("the open session", lambda: vault.phase(incident) == "open")
    vault.does("rio", "claim", incident)
    client = WorkspaceClient(host=f"http://{vault.plain}", token=vault.token(incident))
    me = client.current_user.me()
    jobs = list(client.jobs.list())
    checks.hold("a Databricks client works through the session", bool(me.user_name) and jobs is not None, str(me))
    vault.close(incident)
    until("the review", lambda: vault.phase(incident) == "in_review")
    return incident


def drilled(checks, vault, browser, page, looks):
    """A drill's share by passkey: the same touch, marked on every page of it."""
    asked = vault.does("otto", "drill", "the quarterly drill", "--no-wait")
    incident = asked["incident"]
    browser.take(browser.hand)
    browser.open(f"{page}#{incident}")
    browser.until_title("DRILL: Release your share?")
    looks.inspect(browser, "custodian-release-drill")
    browser.click(" ".join(asked["phrase"].replace("\u00b7", " ").split()))
    browser.click("Release my share")
    browser.until_title("DRILL: Your share is in")
    view = vault.view(incident)
    checks.equal("a drill share is released by passkey", (view["purpose"], view["shares_in"]),
                 ("drill", 1))
    # ada has nothing but passkeys here: no command line of hers is logged in.
    live = vault.api("vera", "GET", "/vault")["manifest_sha256"]
    checks.hold("it was the decoy's", view["terms"]["manifest_sha256"] != live, live)
    browser.click("Take it back")
    browser.until_title("DRILL: Your share was taken back.")
    vault.does("otto", "withdraw", incident)


def changed_people(checks, vault, browsers, page, looks):
    """Two new rosters, signed by touches; the page checks the whole chain and releases again."""
    for name, role, signers in [("gus", "responder", ["ada"]), ("hana", "auditor", CUSTODIANS)]:
        made = str(vault.dir / "people" / name)
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", made], check=True)
        key = f"{made}.pub"
        vault.does("otto", "person", "add", name, "--role", role, "--mail", f"{name}@example.com",
                   "--login-key", key, "--yes")
        for signer in signers:
            browser = browsers[signer]
            browser.open(f"{vault.apart.origin}/custodian/#versions" if signer == "cleo" else f"{page}#versions")
            browser.until_title("Sign a new version?")
            if signer == "ben":
                looks.inspect(browser, "custodian-versions")
            shown = browser.text()
            browser.click("Sign roster 2" if name == "gus" else "Sign roster 3")
            last = signer == signers[-1]
            browser.until_title("The roster is in force" if last else "You signed")
            checks.hold(f"{signer} saw who joins and signed", f"people: {name}" in shown and role in shown, shown)
    # Nobody opens more than three times an hour: rio has one left, for the page.
    incident, phrase = vault.asks(name="olga")
    words = " ".join(phrase.replace("\u00b7", " ").split())
    for name, browser in browsers.items():
        offered(browser, f"{vault.apart.origin}/custodian/" if name == "cleo" else page, incident)
        told = browser.text()
        if name == "ben":
            looks.inspect(browser, "custodian-release-news")
        (release_by_keyboard if name == "ben" else release)(browser, words)
        # ada's signature put roster 2 in force, cleo's roster 3: what they signed is no news to them.
        news = [each for each in ("gus", "hana") if f"+ {each} joined as" in told]
        unsigned = {"ada": ["hana"], "ben": ["gus", "hana"], "cleo": []}[name]
        checks.equal(f"{name} released under roster 3, told what she has not signed", news, unsigned)
        checks.equal(f"{name}: still no violation of the content policy", browser.complaints(), [])
    until("the open session", lambda: vault.phase(incident) == "open")
    vault.does("olga", "claim", incident)
    acts.signs_in(checks, vault, browsers["ada"])
    acts.is_led_to_the_stop(checks, vault, browsers["ada"], incident, ACCESS_DETAILS)
    acts.stops(checks, vault, browsers["ada"], incident, looks)
    until("the review", lambda: vault.phase(incident) == "in_review")


def by_passkey(checks, vault, browsers, page, looks):
    """A whole incident by touches: asked, released, closed, reviewed."""
    rio, tess = browsers["rio"], browsers["tess"]
    for browser in (rio, tess):
        acts.enrol(browser, vault, page, looks if browser is rio else None)
        acts.signs_in(checks, vault, browser, looks if browser is rio else None)
    incident, words = acts.asks(checks, vault, rio, looks)
    words = acts.people_change(checks, vault, rio, browsers["ada"], page, incident)
    for name in CUSTODIANS:
        offered(browsers[name], page if name != "cleo" else f"{vault.apart.origin}/custodian/", incident)
        release(browsers[name], words)
    until("the open session", lambda: vault.phase(incident) == "open")
    vault.does("rio", "claim", incident)
    looks.inspect(rio, "incident-open-passkey")
    pins = tess.driver.execute_script("return JSON.stringify(localStorage)")
    acts.strangers_device(checks, vault, tess, incident)
    tess.driver.execute_script("for (const [k, v] of Object.entries(JSON.parse(arguments[0]))) localStorage.setItem(k, v)", pins)
    acts.closes(checks, vault, rio, incident)
    acts.forgets_an_answer(checks, vault, tess, incident, looks)
    acts.reviews(checks, vault, tess, incident, looks)


def more(parser):
    """What this script takes besides the binary."""
    parser.add_argument("--axe", required=True, help="axe.min.js")
    parser.add_argument("--pictures", required=True, help="folder for the pictures")


def main():
    """Runs everything; prints the counts."""
    given = arguments(__doc__, more)
    checks, apart = Checks(), PageApart()
    looks = Looks(checks, given.axe, given.pictures)
    apart.policy = POLICY.format("'self'")
    browsers = {name: Browser(name) for name in CUSTODIANS}
    others = {name: Browser(name) for name in acts.PEOPLE}
    try:
        there, early = f"{apart.origin}/custodian/", f"{apart.console_name}/custodian/"
        keys = {name: make_keys(checks, browser, there if name == "cleo" else early)
                for name, browser in (browsers | others).items()}
        looks.inspect(browsers["ada"], "custodian-new-keys")
        keys_that_cannot(checks, there, looks)
        with PasskeyVault(given.binary, given.keep, keys, apart) as vault:
            apart.policy = POLICY.format(vault.console_url)
            page = f"{vault.console_url}/custodian/"
            enrol_there(vault)
            policy = call(vault.console, "GET", "/custodian/", {"host": f"localhost:{vault.console.rsplit(':')[-1]}"})
            checks.equal("the vault's page has the policy", policy.headers["content-security-policy"], POLICY.format("'self'"))
            listed = vault.does("vera", "status")["custodian_page_sha256"]
            sums = (ASSETS / "SHA256SUMS").read_bytes()
            checks.equal("status shows the page's hash", listed, hashlib.sha256(sums).hexdigest())
            for name, browser in browsers.items():
                if name == "cleo":
                    origins.bound_to_its_name(checks, vault, browser, page, keys["cleo"])
                    enrol(checks, vault, browser, there, f"&server={vault.console_url}")
                    prove(checks, browser, there, 1)
                else:
                    enrol(checks, vault, browser, page)
                    looks.inspect(browser, "custodian-enrol")
                    prove(checks, browser, page, 1, looks if name == "ben" else None)
            sheet.reads(checks, others["sam"], page, looks)
            origins.anothers_passkey(checks, browsers["ada"], browsers["ben"], page)
            refusing(checks, vault, browsers, page, looks)
            acts.enrol(others["sam"], vault, page)
            bad_shares(checks, vault, browsers["ada"], page,
                       lambda incident: acts.vetoes(checks, vault, others["sam"], incident, looks))
            emergency(checks, vault, browsers, page)
            prove(checks, browsers["ada"], page, 2)
            drilled(checks, vault, browsers["ada"], page, looks)
            changed_people(checks, vault, browsers, page, looks)
            by_passkey(checks, vault, browsers | others, page, looks)
            origins.prf_is_for_opening(checks, [*browsers.values(), *others.values()])
            _, entries = vault.exported()
            recovered = [entry for entry in entries if entry["t"] == "log.recover"]
            checks.hold("every act by passkey verifies offline, and the page's hash is in the log",
                        recovered[-1]["custodian_page_sha256"] == listed)
    finally:
        for browser in [*browsers.values(), *others.values()]:
            browser.close()
        apart.stop()
    checks.finish()


if __name__ == "__main__":
    main()
