// A step that ends here. Three things are told: what happened, whether anything was released,
// what to do now.

export class Stop extends Error {
  constructor(code, what, now, released = "Nothing was released.") {
    super(what);
    Object.assign(this, { code, what, now, released });
  }
}

const callSecurity = "Sign nothing. Call the requester on a number you know, and security.";

// The log, or a document in it, is not what this device has seen: everything stops.
export const broken = (what) => new Stop("log_broken", what, callSecurity);

// Terms that are not as they must be.
export const refused = (what) => new Stop("terms_refused", what, callSecurity);

// A share that is not the right one.
export const rejected = (what) =>
  new Stop("share_rejected", what, "Use your other key, or tell an operator which share it is.");
