// What index.html and paper.html say; filled in when the pages are built.
import { brand } from "./shared.js";

export const html = {
  lang: "en",
  dir: "ltr",
  title: "Breakglass: your share",
  brand,
  noScript: "This page needs script",
  paperTitle: "Breakglass: read a paper share",
  paperNoScript: "The command reads a sheet as well:",
  noScriptNow: "Passkeys work with script only. Without it use the command line, for example:",
};
