"""What holds of every passkey in this folder: it belongs to the name under which it was made, and PRF
is asked for only where a share is opened. Must not know: how a page is left or reached.
"""

import base64
import json


def bound_to_its_name(checks, vault, cleo, page, keys):
    """Keys made under the name of the page apart are worth nothing on the console's own page."""
    hosts = {key.split(" ")[1].split("/")[0] for key in keys["login"]}
    checks.equal("cleo's keys belong to the name of the page apart", hosts, {"custodian.localhost"})
    cleo.traffic()
    cleo.take(0)
    cleo.open(f"{page}#{vault.lines()['cleo'].split('#', 1)[1]}")
    said = cleo.until_trouble("not_confirmed")
    sent = [url for method, url, _, _ in cleo.traffic() if method == "POST"]
    checks.equal("on the console's page they sign nobody in",
                 [url.rsplit("/api/v1", 1)[1] for url in sent], ["/login/challenge"])
    checks.hold("which says that nothing was released", "Nothing was released" in said, said)
    names = {"its own name": "localhost", "the name of the page apart": "custodian.localhost"}
    for what, name in names.items():
        tried = cleo.driver.execute_async_script("""
            const [rpId, id, done] = arguments;
            const raw = Uint8Array.from(atob(id.replaceAll('-', '+').replaceAll('_', '/')), (c) => c.charCodeAt(0));
            navigator.credentials.get({publicKey: {challenge: new Uint8Array(32), rpId,
              allowCredentials: [{type: 'public-key', id: raw}]}}).then(() => done('signed'), (e) => done(e.name))""",
            name, keys["login"][0].split("/")[1])
        checks.hold(f"and a page there gets no answer from them under {what}",
                    tried in ("SecurityError", "NotAllowedError"), tried)
    cleo.driver.execute_script("localStorage.clear()")
    cleo.complaints()


def move(giver, out_of, taker, into):
    """What an authenticator holds, as it is, into another."""
    for credential in giver.credentials(out_of):
        giver.cdp("WebAuthn.removeCredential", authenticatorId=out_of, credentialId=credential["credentialId"])
        taker.cdp("WebAuthn.addCredential", authenticatorId=into, credential=credential)


def anothers_passkey(checks, ada, ben, page):
    """A colleague's passkey on ada's device: nobody is signed in as somebody else."""
    lent, home = ada.plug_in(transport="usb"), ben.keys[0]
    move(ben, home, ada, lent)
    for key in ada.keys:
        ada.cdp("WebAuthn.setAutomaticPresenceSimulation", authenticatorId=key, enabled=False)
    ada.traffic()
    ada.open(f"{page}#prove")
    said = ada.until_trouble("other_person")
    checks.hold("another person's passkey: what happened, whether anything was released, what to do now",
                all(part in said for part in ("That passkey is ben's", "Nothing was released", "Use your own passkey")), said)
    asked = [url.rsplit("/api/v1", 1)[1] for _, url, _, _ in ada.traffic() if "/api/v1" in url]
    checks.equal("and nothing was read with it", asked, ["/login/challenge", "/login"])
    # Back with its count of signatures: one that goes back is taken for a copy.
    move(ada, lent, ben, home)
    ada.unplug(lent)
    ada.take(ada.hand)
    ada.complaints()


def prf_is_for_opening(checks, browsers):
    """What every touch of the whole run was asked for, against what was then sent."""
    logins = opened = 0
    for browser in browsers:
        browser.traffic()
        asked = {each["challenge"]: each["extensions"] for each in browser.touches_asked()}
        for method, url, body, _ in browser.requests:
            if method != "POST" or "/api/v1/" not in url or not body.startswith("{"):
                continue
            sent = json.loads(body)
            act = sent.get("act", sent)
            if not isinstance(act, dict) or "clientDataJSON" not in str(act.get("signature")):
                continue
            data = json.loads(act["signature"])["clientDataJSON"]
            challenge = json.loads(base64.urlsafe_b64decode(data + "=" * (-len(data) % 4)))["challenge"]
            word = url.rsplit("/", 1)[1]
            wanted = ["prf"] if word in ("approve", "prove") else []
            if asked.get(challenge) != wanted:
                checks.equal(f"{browser.name}: extensions asked for with {word}", asked.get(challenge), wanted)
            logins, opened = logins + (word == "login"), opened + (wanted != [])
    checks.hold(f"of {logins} sign-ins none asked for PRF, nor did any act but the {opened} that opened a share",
                logins >= 20 and opened >= 10, [logins, opened])
