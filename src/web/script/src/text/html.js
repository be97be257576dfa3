// What index.html says; filled in when the page is built.
import { brand } from "./shared.js";

export const html = {
  lang: "en",
  dir: "ltr",
  title: "Breakglass: your share",
  brand,
  noScript: "This page needs script",
  noScriptNow: "Passkeys work with script only. Without it use the command line, for example:",
};
