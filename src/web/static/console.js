// What the console's pages do beyond reading, where script runs: focus on an error, copy a command,
// count down, and stay fresh by server-sent events. Pages work without any of it. Writes text only,
// never markup: the content security policy allows no other way.
(() => {
  "use strict";
  // An enrol line that is opened in a browser: its part after the #, which no server sees, is for the
  // custodian's page.
  if (location.hash.startsWith("#vault=")) location.replace(`/custodian/${location.hash}`);

  const say = (text) => {
    const voice = document.getElementById("say");
    if (voice && text && voice.textContent !== text) voice.textContent = text;
  };

  const focusOnError = () => document.querySelector("[data-focus]")?.focus();

  const prepare = (root) => {
    for (const button of root.querySelectorAll("[data-copy]")) {
      button.hidden = !navigator.clipboard;
    }
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const text = document.getElementById(button.dataset.copy)?.textContent ?? "";
    const word = button.dataset.word ?? button.textContent;
    button.dataset.word = word;
    try {
      await navigator.clipboard.writeText(text);
      button.textContent = "✓ " + word;
      say("✓ " + word);
      setTimeout(() => (button.textContent = word), 2000);
    } catch {
      // Not allowed here: the text is selected, so that the person can copy it.
      getSelection()?.selectAllChildren(document.getElementById(button.dataset.copy));
    }
  });

  // Whoever types a number of her own has chosen it; whoever chooses another one means that.
  document.addEventListener("input", ({ target }) => {
    const choice = document.getElementById(target.dataset?.chooses ?? "");
    if (choice) choice.checked = true;
    const field = target.type === "radio" && target.closest("fieldset")?.querySelector("[data-chooses]");
    if (field && field.dataset.chooses !== target.id) field.value = "";
  });

  // Counting down. The server's clock decides; the difference to ours is measured once.
  const MINUTES_SAID = [10, 5, 1], COUNTED_MS = 120 * 60_000;
  const serverNow = Number(document.body.dataset.now) || Date.now();
  const apart = serverNow - Date.now();
  const count = () => {
    for (const span of document.querySelectorAll("[data-until]")) {
      const left = Number(span.dataset.until) - (Date.now() + apart);
      // Hours and days stay as the server wrote them.
      if (left > COUNTED_MS) continue;
      const seconds = Math.max(0, Math.floor(left / 1000));
      const text = left <= 0 ? span.dataset.over
        : `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")} ${span.dataset.left}`;
      if (text && span.textContent !== text) span.textContent = text;
      if (left > 0 && seconds % 60 === 0 && MINUTES_SAID.includes(seconds / 60)) {
        say(`${seconds / 60} min ${span.dataset.left}`);
      }
    }
  };

  // Freshness: the page is fetched again and the parts that changed are put in place.
  let fetching = false, again = false;
  const refresh = () => {
    if (fetching) { again = true; return; }
    fetching = true;
    const request = new XMLHttpRequest();
    request.open("GET", location.href);
    request.responseType = "document";
    request.onloadend = () => {
      fetching = false;
      const fresh = request.status === 200 && request.responseXML;
      // Signed out or gone: the server's own page says so.
      if (!fresh || new URL(request.responseURL).pathname !== location.pathname) {
        // Where the vault itself is in trouble the page stays, and what is typed in it.
        if (request.status !== 0 && request.status < 500) location.reload();
        return;
      }
      putInPlace(fresh);
      if (again) { again = false; refresh(); }
    };
    request.send();
  };
  const reachable = (part) => [...part.querySelectorAll("a, button, summary, [tabindex]")];
  const foldName = (fold) => fold.dataset.fold ?? fold.querySelector("summary")?.textContent;
  // What somebody has unfolded stays so.
  const keepFolds = (part, node) => {
    const was = new Map([...part.querySelectorAll("details")].map((fold) => [foldName(fold), fold.open]));
    for (const fold of node.querySelectorAll("details")) fold.open = was.get(foldName(fold)) ?? fold.open;
    const boxes = part.querySelectorAll(".scroll");
    node.querySelectorAll(".scroll").forEach((box, place) => {
      const left = boxes[place]?.scrollLeft;
      if (left) requestAnimationFrame(() => (box.scrollLeft = left));
    });
  };
  const putInPlace = (fresh) => {
    for (const part of document.querySelectorAll("[data-part]")) {
      const other = fresh.querySelector(`[data-part="${CSS.escape(part.dataset.part)}"]`);
      const focused = part.contains(document.activeElement) ? document.activeElement : null;
      // Nobody's typing is taken away, and no act that waits for a touch.
      if (!other || focused?.matches("input, textarea, select, [data-sign]")) continue;
      const node = document.importNode(other, true);
      prepare(node);
      keepFolds(part, node);
      part.classList.remove("fresh");
      if (!part.classList.length) part.removeAttribute("class");
      if (part.isEqualNode(node)) continue;
      const place = focused ? reachable(part).indexOf(focused) : -1;
      part.replaceWith(node);
      node.classList.add("fresh");
      reachable(node)[place]?.focus({ preventScroll: true });
    }
    say(fresh.querySelector("[data-say]")?.dataset.say);
    document.title = fresh.title;
    count();
  };

  prepare(document);
  focusOnError();
  if (document.querySelector("[data-until]")) setInterval(count, 1000);
  const path = document.body.dataset.live;
  if (path) {
    const events = new EventSource(path);
    events.addEventListener("changed", refresh);
    // After an outage whatever happened meanwhile is fetched once.
    let lost = false;
    events.onerror = () => (lost = true);
    events.onopen = () => { if (lost) { lost = false; refresh(); } };
  }
})();
