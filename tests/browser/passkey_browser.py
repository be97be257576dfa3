"""A person's browser with authenticators in it: Debian's chromium under chromedriver, WebAuthn by
the DevTools protocol. Counts what a person does. Must not know: a vault."""

import json
import pathlib
import shutil
import tempfile
import time

from browser import started
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.common.by import By

PATIENCE_S = 180

ASKED = "breakglass-test asked "

# Keeps what the authenticator's PRF gives the page, as the texts in which it could be sent; says on
# the console, which outlives the page, which extensions each touch was asked for.
REMEMBER_PRF = """if (window.CredentialsContainer) {
  const get = CredentialsContainer.prototype.get;
  window.prfSeen = [];
  CredentialsContainer.prototype.get = async function (...given) {
    const {challenge, extensions} = given[0]?.publicKey ?? {};
    const bytes = [...new Uint8Array(challenge?.buffer ?? challenge ?? [])];
    console.debug("breakglass-test asked " + JSON.stringify({
      challenge: btoa(String.fromCharCode(...bytes)).replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_'),
      extensions: Object.keys(extensions ?? {})}));
    const credential = await get.apply(this, given);
    const {first, second} = credential?.getClientExtensionResults?.().prf?.results ?? {};
    for (const result of [first, second]) {
      if (!result) continue;
      const bytes = new Uint8Array(result.buffer ?? result);
      const base64 = btoa(String.fromCharCode(...bytes)).replace(/=+$/, '');
      window.prfSeen.push(base64, base64.replaceAll('+', '-').replaceAll('/', '_'),
        [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(''));
    }
    return credential;
  };
}"""


class Browser:
    """One browser with its own profile. Acts are counted: pages opened, clicks, touches."""

    def __init__(self, name):
        self.name, self.acts, self.keys, self.hand = name, [], [], 0
        self.profile = pathlib.Path(tempfile.mkdtemp(prefix=f"breakglass-browser-{name}-"))
        options = Options()
        options.binary_location = shutil.which("chromium")
        for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu",
                     "--disable-background-networking", "--disable-component-update",
                     "--disable-sync", "--no-first-run", f"--user-data-dir={self.profile}"):
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        self.driver = started(options)
        self.driver.set_page_load_timeout(PATIENCE_S)
        self.driver.set_script_timeout(PATIENCE_S)
        self.cdp("WebAuthn.enable", enableUI=False)
        self.cdp("Page.enable")
        self.cdp("Page.addScriptToEvaluateOnNewDocument", source=REMEMBER_PRF)
        self.requests, self.severe, self.asked = [], [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """Ends the browser and forgets its profile."""
        self.driver.quit()
        shutil.rmtree(self.profile, ignore_errors=True)

    def cdp(self, command, **parameters):
        """One DevTools command."""
        return self.driver.execute_cdp_cmd(command, parameters)

    # Authenticators

    def plug_in(self, prf=True, verified=True, transport="internal"):
        """An authenticator; its id."""
        made = self.cdp("WebAuthn.addVirtualAuthenticator", options={
            "protocol": "ctap2", "ctap2Version": "ctap2_1", "transport": transport,
            "hasResidentKey": True, "hasUserVerification": True, "isUserVerified": verified,
            "hasPrf": prf, "automaticPresenceSimulation": True})
        return made["authenticatorId"]

    def unplug(self, key):
        """Takes an authenticator away."""
        self.cdp("WebAuthn.removeVirtualAuthenticator", authenticatorId=key)

    def take(self, place):
        """Takes one of her keys in the hand; the others stay in the drawer."""
        for at, key in enumerate(self.keys):
            self.cdp("WebAuthn.setAutomaticPresenceSimulation", authenticatorId=key, enabled=at == place)

    def credentials(self, key):
        """What an authenticator holds."""
        return self.cdp("WebAuthn.getCredentials", authenticatorId=key)["credentials"]

    def touches(self):
        """Signatures made by all authenticators so far: each was a touch of a person."""
        return sum(c["signCount"] for key in self.keys for c in self.credentials(key))

    def prf_seen(self):
        """What the PRF gave this page since it was opened, in every text it could be sent as."""
        return self.driver.execute_script("return window.prfSeen")

    # Pages

    def open(self, url, act="open the page"):
        """Goes to an address, afresh even where only the part after # differs."""
        self.driver.get("about:blank")
        self.acts.append(act)
        self.driver.get(url)

    def click(self, label):
        """Presses the button or choice of this text."""
        found = self.wait(f"{label!r} to press", lambda: next(
            (e for e in self.driver.find_elements(By.CSS_SELECTOR, "button, label, a")
             if e.text.strip() == label and e.is_displayed()
             and (e.tag_name != "button" or e.is_enabled())), None))
        self.acts.append(f"press {label}")
        found.click()

    def text(self):
        """What the page shows."""
        return self.driver.find_element(By.TAG_NAME, "main").text

    def title(self):
        """The heading."""
        found = self.driver.find_elements(By.CSS_SELECTOR, "h1")
        return found[0].text if found else ""

    def trouble(self):
        """Code of the error box, if one is shown."""
        found = self.driver.find_elements(By.CSS_SELECTOR, ".bad")
        return found[0].get_attribute("data-code") if found else None

    def until_title(self, title):
        """Waits for a heading; an error box ends the wait."""
        def look():
            if self.trouble():
                raise AssertionError(f"{self.name}: {self.trouble()} instead of {title!r}: {self.text()[:600]} {self.complaints()}")
            return self.title() == title
        self.wait(f"the page {title!r}", look)

    def until_trouble(self, code):
        """Waits for an error box with this code; what it says."""
        self.wait(f"the error {code}", lambda: self.trouble() is not None)
        if self.trouble() != code:
            raise AssertionError(f"{self.name}: {self.trouble()} instead of {code}: {self.text()[:600]}")
        return self.text()

    def wait(self, what, ask):
        """Asks until the answer counts as true."""
        end = time.monotonic() + PATIENCE_S
        while True:
            try:
                answer = ask()
            except AssertionError:
                raise
            except Exception:
                answer = None
            if answer:
                return answer
            if time.monotonic() > end:
                raise AssertionError(f"{self.name}: waited in vain for {what}: {self.title()!r} {self.text()[:600]!r}")
            time.sleep(0.03)

    def storage(self):
        """Everything this origin keeps in the browser."""
        script = """return JSON.stringify([{...localStorage}, {...sessionStorage}, document.cookie])"""
        databases = self.driver.execute_async_script(
            "const done = arguments[0]; indexedDB.databases().then((d) => done(d.length))")
        return self.driver.execute_script(script), databases

    def traffic(self):
        """Requests since the last look: method, address, body, and bytes of the replies."""
        sent, sizes = {}, {}
        for line in self.driver.get_log("performance"):
            message = json.loads(line["message"])["message"]
            given = message["params"]
            if message["method"] == "Network.requestWillBeSent":
                request = given["request"]
                sent[given["requestId"]] = [request["method"], request["url"], request.get("postData", "")]
            elif message["method"] == "Network.loadingFinished":
                sizes[given["requestId"]] = given["encodedDataLength"]
        found = [(*parts, sizes.get(number, 0)) for number, parts in sent.items()]
        self.requests += found
        return found

    def complaints(self):
        """What the console says: violations of the content policy are there."""
        self.listen()
        lines, self.severe = self.severe, []
        # The page has no icon; who serves it apart need not have one either.
        return [line for line in lines if "/favicon.ico" not in line]

    def touches_asked(self):
        """Challenge and extensions of every touch that any page asked for since the beginning."""
        self.listen()
        return self.asked

    def listen(self):
        """Reads what the console said since the last time."""
        for line in self.driver.get_log("browser"):
            message = line["message"]
            if line["level"] == "SEVERE":
                self.severe.append(message)
            elif ASKED in message:
                # The driver writes where it was said, then the text as a JSON string.
                said = json.loads(message[message.index('"'):])
                self.asked.append(json.loads(said.removeprefix(ASKED)))
