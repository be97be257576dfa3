"""A real browser for scripts: Debian's Chromium through its driver, watched while it works.

Every request it makes, every complaint it logs and what it keeps can be asked for afterwards. Must
not know: the vault, the pages, what a script checks.
"""

import base64
import json
import pathlib
import shutil
import urllib.parse

from selenium import webdriver
from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import WebDriverWait

PATIENCE_S = 180
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]


def started(options):
    """A browser; on a busy machine one now and then does not answer its driver in time, which says
    nothing of what is to be checked."""
    driver = shutil.which("chromedriver") or "/usr/bin/chromedriver"
    for _ in range(2):
        try:
            return webdriver.Chrome(options, Service(driver))
        except WebDriverException as why:
            print(f"     the browser did not start, once more: {str(why)[:300]}", flush=True)
    return webdriver.Chrome(options, Service(driver))


class Browser:
    """One browser with its own profile; a context manager."""

    def __init__(self, origin, axe=None):
        self.origin = origin
        self.axe = pathlib.Path(axe).read_text() if axe else None
        self.requests, self.complaints = [], []
        options = webdriver.ChromeOptions()
        for word in ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--lang=en",
                     "--disable-background-networking", "--disable-component-update",
                     "--no-first-run", "--disable-sync"]:
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        self.driver = started(options)
        self.driver.set_page_load_timeout(PATIENCE_S)
        self.driver.set_script_timeout(PATIENCE_S)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.driver.quit()

    # Going about

    def go(self, path):
        """Loads a page."""
        self.driver.get(self.origin + path)
        return self

    def one(self, css):
        """The first element that fits."""
        return self.driver.find_element(By.CSS_SELECTOR, css)

    def every(self, css):
        """Every element that fits."""
        return self.driver.find_elements(By.CSS_SELECTOR, css)

    def text(self, css="main"):
        """What stands there."""
        while True:
            try:
                return self.one(css).text
            except StaleElementReferenceException:
                # A page that follows what happens has put another one in its place.
                continue

    def title(self):
        """The document's title."""
        return self.driver.title

    def path(self):
        """Where the browser is."""
        return urllib.parse.urlsplit(self.driver.current_url).path

    def press(self, css):
        """Presses a button by keyboard."""
        self.one(css).send_keys(Keys.ENTER)

    def type(self, css, text):
        """Types into an emptied field."""
        field = self.one(css)
        field.clear()
        field.send_keys(text)

    def wait(self, what, found, seconds=PATIENCE_S):
        """Waits until a condition holds."""
        # An element of the page before may be gone while it is asked; the driver says so in several
        # ways, one of them its plain error.
        between = [WebDriverException]
        waiting = WebDriverWait(self.driver, seconds, 0.1, ignored_exceptions=between)
        waiting.until(lambda _: found(), what)

    def run(self, script, *given):
        """Runs a script in the page and returns its value."""
        return self.driver.execute_script(script, *given)

    def cdp(self, command, **given):
        """A command of the browser's debugging protocol."""
        return self.driver.execute_cdp_cmd(command, given)

    def keep_cookie(self, name, value):
        """Sets a cookie as a response of the vault would."""
        done = self.cdp("Network.setCookie", name=name, value=value, url=self.origin, path="/",
                        secure=True, httpOnly=True, sameSite="Lax")
        return done["success"]

    # How it is looked at

    def look(self, width, height, theme, mobile=None):
        """Size of the window and colour scheme."""
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
                 deviceScaleFactor=1, mobile=width < 700 if mobile is None else mobile)
        self.cdp("Emulation.setEmulatedMedia",
                 features=[{"name": "prefers-color-scheme", "value": theme},
                           {"name": "prefers-reduced-motion", "value": "reduce"}])

    def scripts(self, on):
        """Whether pages may run scripts."""
        self.cdp("Emulation.setScriptExecutionDisabled", value=not on)

    def picture(self, path):
        """Keeps a picture of the whole page."""
        shot = self.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def faults(self):
        """What axe finds wrong, as short lines."""
        if not self.run("return typeof axe !== 'undefined'"):
            self.cdp("Runtime.evaluate", expression=self.axe)
        found = self.driver.execute_async_script(
            "const done = arguments[arguments.length - 1];"
            "axe.run(document, {runOnly: {type: 'tag', values: arguments[0]}, resultTypes: ['violations']})"
            ".then((r) => done(r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.target.join(' ')).join(', '))));",
            RULES)
        return found

    # What it did

    def collect(self):
        """Reads what was logged since the last time."""
        for line in self.driver.get_log("performance"):
            message = json.loads(line["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
        self.complaints += [line["message"] for line in self.driver.get_log("browser")]

    def strangers(self):
        """Requests that left the vault's origin."""
        self.collect()
        known = (self.origin + "/", "data:", "about:", "chrome:", "blob:" + self.origin)
        return [url for url in self.requests if not url.startswith(known)]

    def violations(self):
        """Complaints about the content security policy."""
        self.collect()
        return [text for text in self.complaints if "Content Security" in text or "Trusted" in text]

    def kept(self):
        """What the page may read of what is kept in the browser."""
        return self.run("return [localStorage.length, sessionStorage.length, document.cookie.length]")
