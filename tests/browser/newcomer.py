"""Somebody new in a running vault, by keyboard alone: gus makes two passkeys, an operator adds and
invites her, custodians sign, she enrols, gets a share with the next epoch, proves it, releases it,
takes it back, refuses, signs a version and stops a session. Her SSH key opens the same share beside.

Prints one line per check and the counts.
"""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "e2e"), str(ROOT / "tests" / "clients")]

from children import until  # noqa: E402
import acts  # noqa: E402
import dead_ends  # noqa: E402
import keyboard  # noqa: E402
from looks import Looks  # noqa: E402
from passkey_browser import Browser  # noqa: E402
from vault import Checks, Vault, arguments  # noqa: E402

SIGNERS = ("ada", "ben", "cleo")


def presses(browser, label):
    """A button of the custodian's page, reached by Tab, pressed with Enter."""
    browser.wait(f"{label!r} to press", lambda: label in browser.text())
    keyboard.enter(browser, "button", label)


def makes_keys(checks, gus, page):
    """Two passkeys on two authenticators; the lines for the operator."""
    gus.keys = [gus.plug_in()]
    gus.open(f"{page}#new")
    gus.until_title("Make your first key")
    presses(gus, "Make the key")
    gus.until_title("Now your second key")
    gus.keys.append(gus.plug_in(transport="usb"))
    gus.take(1)
    presses(gus, "Make the second key")
    gus.until_title("Both keys work")
    presses(gus, "Copy")
    lines = {name: gus.driver.execute_script(f"return document.getElementById('{name}').textContent").split("\n")
             for name in ("login-keys", "unlockers")}
    gus.cdp("Browser.grantPermissions", permissions=["clipboardReadWrite"])
    gus.wait("the copied lines", lambda: gus.driver.execute_async_script(
        "const done = arguments[0]; navigator.clipboard.readText().then(done, (e) => done(e.name))")
        == "\n".join(lines["login-keys"]))
    checks.hold("gus made two passkeys by keyboard; the button copied their lines", len(lines["unlockers"]) == 2)
    return lines


def is_added(checks, vault, lines):
    """An operator writes her into the roster, passkeys and SSH key side by side; custodians sign."""
    ssh = acts.new_key(vault, "gus-ssh")
    words = ["person", "add", "gus", "--role", "custodian", "--mail", "gus@example.com", "--time-zone", "Asia/Tokyo"]
    for number, line in enumerate(lines["login-keys"]):
        file = vault.dir / "people" / f"gus-passkey-{number}"
        file.write_text(f"{line}\n")
        words += ["--login-key", file]
    for unlocker in lines["unlockers"]:
        words += ["--unlocker", unlocker]
    vault.does("otto", *words, "--login-key", ssh, "--unlocker", ssh, "--yes")
    code, _, said = vault.runs("otto", "person", "invite", "gus")
    checks.hold("nobody is invited before the roster is in force", code == 2 and "nobody in the roster" in said, said)
    for signer in SIGNERS:
        vault.does(signer, "roster", "sign", "--yes")
    invited = vault.does("otto", "person", "invite", "gus")
    printed = vault.runs_plain("otto", "person", "invite", "gus").strip()
    checks.equal("`person invite` prints her line for `enrol`", printed, f"breakglass enrol '{invited['link']}'")
    return ssh.with_suffix(""), invited["link"]


def enrols(checks, vault, gus, link, key, looks):
    """The invite opened in her browser, as it is; then the same line on her own machine."""
    gus.take(0)
    gus.open(link)
    gus.until_title("Enrol your keys here")
    checks.hold("the line of the invite, opened in a browser, leads to her page",
                acts.path(gus) == "/custodian/", acts.path(gus))
    looks.inspect(gus, "custodian-enrol-newcomer")
    presses(gus, "Test a key")
    gus.wait("one key", lambda: "Keys that opened a test here\n1" in gus.text())
    gus.take(1)
    presses(gus, "Test a key")
    gus.wait("two keys", lambda: "Every passkey of yours opened" in gus.text())
    gus.take(0)
    page = gus.driver.execute_script("return document.getElementById('words').textContent")
    (vault.dir / "people" / "gus").mkdir()
    machine = vault.does("gus", "enrol", link, "--key", key)
    listed = {each["name"]: each["fingerprint"] for each in vault.does("otto", "person", "list")["people"]}["gus"]
    checks.equal("page, her machine and the operator's list show the same four words",
                 (page, machine["fingerprint"], len(page.split())), (listed, listed, 4))
    checks.equal("her SSH key opened its test too", len(machine["opened"]), 1)


def gets_a_share(checks, vault, gus, page, looks):
    """The vault asks for the next epoch by itself; she proves by a touch, and by her key file."""
    gus.open(f"{page}#prove")
    said = gus.until_trouble("no_share")
    checks.hold("before the next epoch she has no share, and is told when", "with the next epoch" in said, said)
    asked = until("the vault's question", lambda: next(
        (view for view in vault.does("otto", "status")["incidents"]
         if view["purpose"] == "rotate" and "phrase" in view), None))
    for name in SIGNERS:
        vault.does(name, "approve", asked["id"], "--phrase", asked["phrase"].replace(" · ", " "))
    until("the new epoch", lambda: vault.phase(asked["id"]) == "reviewed")
    gus.open(f"{page}#prove")
    gus.wait("the proof", lambda: gus.title().startswith("Prove share"))
    presses(gus, "Prove my share")
    gus.until_title("Proved")
    looks.inspect(gus, "custodian-proved")
    mine = next(each for each in vault.does("otto", "epoch", "status")["shares"] if each["name"] == "gus")
    checks.hold("gus proved her share of epoch 2 by keyboard and touch", mine["proved"], mine)
    proved = vault.does("gus", "prove", "--yes")
    checks.hold("and the same share with her key file", (proved["index"], proved["epoch"]) == (mine["index"], 2)
                and proved["unlocker"].startswith("ssh-ed25519 "), proved)


def release_form(gus, page, incident):
    """Opens the release page."""
    gus.open(f"{page}#{incident}")
    gus.until_title("Release your share?")


def releases(checks, vault, gus, page, looks):
    """By touch, taken back, by file: one share, two unlockers."""
    incident, phrase = vault.asks()
    words = " ".join(phrase.replace("\u00b7", " ").split())
    release_form(gus, page, incident)
    words = dead_ends.restarted_meanwhile(checks, vault, gus, incident, words)
    keyboard.choose(gus, "input[name=phrase]", words)
    keyboard.enter(gus, "button.main", "Release my share")
    gus.until_title("Your share is in")
    looks.inspect(gus, "custodian-share-in")
    checks.equal("her share is in by touch", vault.view(incident)["shares_in"], 1)
    presses(gus, "Take it back")
    gus.until_title("Your share was taken back.")
    checks.equal("and taken back by keyboard", vault.view(incident)["shares_in"], 0)
    vault.does("gus", "approve", incident, "--phrase", words)
    checks.equal("the same share is in by her key file", vault.view(incident)["shares_in"], 1)
    # Without hers, so that her page has something to say once it is open.
    vault.does("gus", "withdraw", incident)
    vault.approves(incident, words)
    until("the open session", lambda: vault.phase(incident) == "open")
    vault.does("rio", "claim", incident)
    return incident


def stops(checks, vault, gus, incident):
    """Signed in, led to the stop, stopped: by keyboard."""
    gus.open(f"{vault.console_url}/sign-in")
    acts.at_console(gus, "[data-passkey=sign-in]")
    keyboard.enter(gus, "[data-passkey=sign-in]")
    acts.arrives(gus, "/")
    keyboard.enter(gus, f"a[href='/i/{incident}/stop']")
    acts.arrives(gus, f"/i/{incident}/stop")
    # Tab marks what stands in a field: typing replaces it.
    keyboard.fill(gus, "#reason", "this was a rehearsal")
    dead_ends.typed_reason_stays(checks, gus)
    keyboard.enter(gus, "[data-act=stop] [data-sign]")
    until("the end of the session", lambda: vault.phase(incident) in ("closing", "in_review"))
    until("the review", lambda: vault.phase(incident) == "in_review")
    _, entries = vault.exported()
    told = [entry["reason"] for entry in entries if "rehearsal" in str(entry.get("reason"))]
    checks.equal("gus stopped it by keyboard, with her own reason", set(told), {"this was a rehearsal"})


def refuses(checks, vault, gus, page, looks):
    """A no with words of her own, by keyboard."""
    incident, _ = vault.asks()
    gus.open(page)
    gus.wait("who asks", lambda: f"{incident}: rio asks" in gus.text())
    looks.inspect(gus, "custodian-home")
    # A page in a browser stays the same page when only what stands after the # changes.
    keyboard.enter(gus, f"a[href='#{incident}']")
    gus.until_title("Release your share?")
    presses(gus, "Refuse")
    gus.wait("the reasons", lambda: gus.title().startswith("Refuse INC"))
    keyboard.choose(gus, "input[name=reason]", "Something looks wrong")
    keyboard.fill(gus, "#more", "the line was noisy")
    dead_ends.typed_words_stay(checks, vault, gus)
    keyboard.enter(gus, "button.main", "Refuse")
    gus.until_title("You refused. Everyone was told why.")
    looks.inspect(gus, "custodian-refused")
    state = next(each for each in vault.view(incident)["custodians"] if each["name"] == "gus")["state"]
    checks.equal("gus refused by keyboard", state, "refused")
    return incident


def signs_a_version(checks, vault, gus, page):
    """A new responder: one custodian's signature, hers, by keyboard."""
    vault.does("otto", "person", "add", "ida", "--role", "responder", "--mail", "ida@example.com",
               "--login-key", acts.new_key(vault, "ida"), "--yes")
    gus.open(f"{page}#versions")
    gus.until_title("Sign a new version?")
    presses(gus, "Sign roster 3")
    gus.until_title("The roster is in force")
    checks.hold("gus signed a new roster by keyboard", True)


def more(parser):
    """What this script takes besides the binary."""
    parser.add_argument("--axe", required=True, help="axe.min.js")
    parser.add_argument("--pictures", required=True, help="folder for the pictures")


def main():
    """Runs everything; prints the counts."""
    given = arguments(__doc__, more)
    checks = Checks()
    looks = Looks(checks, given.axe, given.pictures)
    with Vault(given.binary, given.keep) as vault, Browser("gus") as gus:
        vault.console_url = f"http://{vault.console}"
        page = f"{vault.console_url}/custodian/"
        lines = makes_keys(checks, gus, page)
        key, link = is_added(checks, vault, lines)
        enrols(checks, vault, gus, link, key, looks)
        dead_ends.not_yours(checks, vault, gus, page)
        gets_a_share(checks, vault, gus, page, looks)
        incident = releases(checks, vault, gus, page, looks)
        dead_ends.not_needed(checks, gus, page, incident, looks)
        stops(checks, vault, gus, incident)
        signs_a_version(checks, vault, gus, page)
        refuses(checks, vault, gus, page, looks)
        checks.equal("no violation of the content policy", gus.complaints(), [])
    checks.finish()


if __name__ == "__main__":
    main()
