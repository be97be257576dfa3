// A step that ends here. Three things are told: what happened, whether anything was released,
// what to do now; and, where it has one, the vault's own sentence with its numbers and names.
import { brokenNow, nothingReleased } from "./text/checks.js";
import { rejectedNow } from "./text/shared.js";

export class Stop extends Error {
  constructor(code, what, now, released = nothingReleased, exactly = "") {
    super(what);
    Object.assign(this, { code, what, now, released, exactly });
  }
}

// The log, or a document in it, is not what this device has seen: everything stops.
export const broken = (what) => new Stop("log_broken", what, brokenNow);

// Terms that are not as they must be.
export const refused = (what) => new Stop("terms_refused", what, brokenNow);

// A share that is not the right one.
export const rejected = (what) => new Stop("share_rejected", what, rejectedNow);
