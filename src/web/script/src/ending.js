// Words that only end something, where the log does not follow from what this device has seen:
// whoever tampers with the log must not keep a session alive that way. A first press warns; a
// second one signs over what was seen last, and the vault logs and tells what that was.
import { Stop } from "./stop.js";
import * as text from "./text/acts.js";

// SHA-256 of nothing: the root of a log of which nothing was seen.
const emptyRoot = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";

export const seenLast = ({ checkpoint, log_vkey: vkey }) =>
  checkpoint ?? { origin: vkey.split("+")[0], size: 0, root: emptyRoot };

// `prepared` checks everything; `despite` gives what can be signed with all the same.
export const ending = (prepared, despite) => {
  let warned = false;
  return async (box) => {
    try {
      return await prepared(box);
    } catch (error) {
      if (error.code !== "log_broken") throw error;
      if (!warned) {
        warned = true;
        throw new Stop(error.code, error.what, text.endAnyway, text.nothingSigned);
      }
      return despite(box);
    }
  };
};
