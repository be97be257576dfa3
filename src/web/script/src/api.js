// The vault's API. The login token lives in this variable and nowhere else.
import { Stop } from "./stop.js";
import * as text from "./text/shared.js";

export class Api {
  #token = null;

  // `server` is the origin to dial; this page's own when it is empty. The console's pages are let in
  // by their cookie, this one by its bearer alone.
  constructor(server, credentials = "omit") {
    this.origin = server || location.origin;
    this.credentials = credentials;
  }

  async #send(method, path, body) {
    const headers = this.#token ? { authorization: `Bearer ${this.#token}` } : {};
    if (body !== undefined) headers["content-type"] = "application/json";
    const options = { method, headers, body: body && JSON.stringify(body), cache: "no-store", credentials: this.credentials, redirect: "error" };
    let reply;
    try {
      reply = await fetch(`${this.origin}/api/v1${path}`, options);
    } catch {}
    if (reply?.ok) return reply;
    // What the vault refuses it tells itself, in the parts of its table; without them nobody knows
    // whether it was the vault that answered.
    const { error } = await reply?.json().catch(() => ({})) ?? {};
    const { happened, now, released, exactly } = error?.parts ?? {
      happened: text.unreachable, now: text.unreachableNow,
      released: /approve$/.test(path) ? text.shareMayHaveArrived
        : method === "POST" && !path.startsWith("/login") ? text.mayHaveArrived : undefined,
    };
    throw new Stop(error?.code ?? "unreachable", happened, now, released, exactly);
  }

  async get(path) {
    return (await this.#send("GET", path)).json();
  }

  async text(path) {
    return (await this.#send("GET", path)).text();
  }

  async post(path, body) {
    return (await this.#send("POST", path, body)).json();
  }

  loggedIn() {
    return this.#token !== null;
  }

  login(token) {
    this.#token = token;
  }
}
