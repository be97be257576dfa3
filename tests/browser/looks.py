"""How pages look: axe in both themes at the widths of phones, nothing sideways, a picture of each.
Must not know: what a page is for."""

import base64
import pathlib

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
SIZES = [(320, 640), (390, 844)]
# What a thumb must hit: 48 px high. Links within sentences are theirs.
TARGETS = ("button, .button, summary, label:has(input), header a, nav a, select, textarea, "
           "input:not([type=hidden], [type=radio], [type=checkbox])")


class Looks:
    """Inspects whatever page a browser shows; notes it with the checks."""

    def __init__(self, checks, axe, pictures):
        self.checks, self.axe = checks, pathlib.Path(axe).read_text()
        self.pictures = pathlib.Path(pictures)
        self.pictures.mkdir(parents=True, exist_ok=True)
        self.controlled = False

    def faults(self, browser):
        """What axe finds wrong, as short lines."""
        if not browser.driver.execute_script("return typeof axe !== 'undefined'"):
            browser.cdp("Runtime.evaluate", expression=self.axe)
        return browser.driver.execute_async_script(
            "const [tags, done] = arguments;"
            "axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})"
            ".then((r) => done(r.violations.map((v) => v.id + ': ' + v.nodes.map((n) => n.target.join(' ')).join(', '))));",
            RULES)

    def inspect(self, browser, name):
        """The page in both themes and sizes."""
        wrong = []
        for theme in ("light", "dark"):
            browser.cdp("Emulation.setEmulatedMedia",
                        features=[{"name": "prefers-color-scheme", "value": theme},
                                  {"name": "prefers-reduced-motion", "value": "reduce"}])
            for width, height in SIZES:
                browser.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height,
                            deviceScaleFactor=1, mobile=True)
                sideways = browser.driver.execute_script(
                    "return document.documentElement.scrollWidth - document.documentElement.clientWidth")
                if sideways > 0:
                    wrong.append(f"{width} {theme}: {sideways} px sideways")
                wrong += [f"{width} {theme}: {fault}" for fault in self.faults(browser)]
                shot = browser.cdp("Page.captureScreenshot", format="png", captureBeyondViewport=True)
                picture = self.pictures / f"{name}-{theme}-{width}.png"
                picture.write_bytes(base64.b64decode(shot["data"]))
        small = browser.driver.execute_script(
            "return [...document.querySelectorAll(arguments[0])]"
            ".filter((e) => e.checkVisibility() && e.getBoundingClientRect().height < 47.5)"
            ".map((e) => e.textContent || e.name)", TARGETS)
        wrong += [f"target below 48 px: {text}" for text in small]
        self.checks.equal(f"{name}: nothing wrong in both themes at 320 and 390 px", wrong, [])
        if not self.controlled:
            self.control(browser)

    def control(self, browser):
        """A page with faults planted in it must be found faulty, or all of this says nothing."""
        self.controlled = True
        browser.driver.execute_script("""
            const pale = document.createElement('p');
            pale.id = 'planted';
            pale.textContent = 'pale on pale';
            pale.style.cssText = 'color: #aaa; background: #999';
            pale.append(document.createElement('img'), document.createElement('button'));
            document.querySelector('main').append(pale)""")
        found = {fault.split(":")[0] for fault in self.faults(browser)}
        browser.driver.execute_script("document.getElementById('planted').remove()")
        self.checks.hold("planted faults are found: a pale text, a picture and a button without words",
                         {"color-contrast", "image-alt", "button-name"} <= found, sorted(found))
