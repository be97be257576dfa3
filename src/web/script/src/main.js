// The custodian's page: where the address leads, signing in, and what is told when a step stops.
//
//   #new                                   make two keys before the vault knows you
//   #vault=…&log=…&person=…&ca=…[&server=] pin a vault on this device and test your keys
//   #INC-7                                 release your share, or refuse
//   #prove                                 show that your share opens
//   #versions                              sign a new roster or policy
import { button, h, say, show, trouble } from "./dom.js";
import { Person } from "./person.js";
import * as pins from "./pins.js";
import { parseVkey } from "./log.js";
import { releasePage, takesShares } from "./release.js";
import { Stop, broken } from "./stop.js";
import * as text from "./text/page.js";
import { touch } from "./text/shared.js";

// What is done between incidents is fetched when it is done.
const custody = () => import("./custody.js");

let person = null;
let busy = false;

// Runs a step; what stops it is told in three parts, and nothing shown is lost.
const run = async (step) => {
  if (busy) return;
  busy = true;
  document.querySelector(".bad")?.remove();
  for (const each of document.querySelectorAll("button")) each.disabled = true;
  try {
    await step();
  } catch (error) {
    trouble(error instanceof Stop ? error
      : new Stop("failed", text.broke, text.brokeNow));
  } finally {
    busy = false;
    for (const each of document.querySelectorAll("button")) each.disabled = false;
  }
};

// What an enrol link pins. The server never sees it: it stands after the #.
const pinLink = async (fragment) => {
  const link = Object.fromEntries(fragment.split("&").map((pair) => {
    const at = pair.indexOf("=");
    return [pair.slice(0, at), decodeURIComponent(pair.slice(at + 1))];
  }));
  const { vault, log, person: who, server } = link;
  const good = /^[a-z][a-z0-9-]{2,39}$/.test(vault ?? "") && who && log
    && (server === undefined || /^https?:\/\/[a-z0-9.:-]+$/.test(server));
  if (!good) throw new Stop("bad_link", text.badLink, text.badLinkNow);
  await parseVkey(log);
  const earlier = pins.load(vault);
  // The link of then still leads here after the log went on under a new name.
  if (earlier && (!(earlier.log_vkeys ?? [earlier.log_vkey]).includes(log) || earlier.person !== who)) {
    throw broken(text.otherPins);
  }
  const fresh = { vault, log_vkey: log, person: who, ...earlier, ...(server && { server }) };
  if (!earlier) pins.save(fresh);
  return fresh;
};

const views = async (fragment) => {
  if (fragment === "new") return (await custody()).newKeys(run);
  const kept = fragment.startsWith("vault=") ? await pinLink(fragment) : pins.only();
  if (!kept) {
    return show(text.notEnrolled,
      h("p", null, text.notEnrolledNow),
      h("p", null, h("a", { href: "#new" }, text.toNewKeys)));
  }
  if (person?.pins.vault !== kept.vault) person = new Person(kept);
  if (!person.api.loggedIn()) {
    show(text.signIn, h("p", null, text.signInNow),
      button(text.signIn, () => run(() => signedIn(fragment)), true));
    say(touch);
  }
  await signedIn(fragment);
};

const signedIn = async (fragment) => {
  await person.signIn();
  // What follows may end in a box: below it stands where to go from there, and no more "sign in".
  show(text.yourShare, ways());
  if (fragment.startsWith("vault=")) {
    history.replaceState(null, "", "#enrol");
    return (await custody()).enrolPage(person, run);
  }
  if (fragment === "enrol") return (await custody()).enrolPage(person, run);
  if (fragment === "versions") return (await custody()).versionsPage(person, run);
  if (fragment === "prove") return (await custody()).provePage(person, run);
  if (/^INC-[0-9]+$/.test(fragment)) return releasePage(person, fragment, run);
  return home();
};

const way = (fragment, words) => h("a", { href: `#${fragment}` }, words);
const ways = () => [way("prove", text.toProve), way("enrol", text.toEnrol), way("versions", text.toVersions)];

const home = async () => {
  const { incidents } = await person.api.get("/incidents");
  const collecting = incidents.filter(takesShares);
  show(text.yourShare,
    collecting.length
      ? collecting.map((view) => h("p", null, h("a", { class: "main", href: `#${view.id}` }, text.asks(view.id, view.requester_name))))
      : h("p", null, text.nobodyAsks),
    ways());
};

const go = () => run(() => views(decodeURI(location.hash.slice(1))));
addEventListener("hashchange", () => {
  if (location.hash !== "#enrol" || !busy) go();
});
go();
