// The sentences about a paper's text as it is typed.
import { groupOf } from "../paper/read.js";

const listed = (numbers) => (numbers.length < 2 ? `${numbers[0]}`
  : `${numbers.slice(0, -1).join(", ")} and ${numbers.at(-1)}`);
const groups = (places) => {
  const numbers = [...new Set(places.map(groupOf))];
  return `${numbers.length > 1 ? "groups" : "group"} ${listed(numbers)}`;
};
const nothingSent = "Nothing was sent.";

// What happened, whether anything was released, what to do now; null where the text is whole and good.
export const says = ({ kind, places, found, version }) => ({
  good: null,
  prefix: ["A paper's text begins with bgs1.", nothingSent, "Look at the sheet: is it the right one?"],
  wrong: [
    places?.length > 1 ? `Characters ${listed(places)} look wrong (${groups(places)}).`
      : `Character ${places?.[0]} looks wrong (${groups(places ?? [1])}).`,
    nothingSent, "Read those groups again.",
  ],
  missing: [`A character is missing near character ${places?.[0]} (${groups(places ?? [1])}).`, nothingSent, "Read that group again."],
  extra: [`Character ${places?.[0]} is one too many (${groups(places ?? [1])}).`, nothingSent, "Read that group again."],
  length: [`${found} characters were read; the text has 78.`, nothingSent, "Go on, or read it again group by group."],
  many: ["More than three characters are wrong.", nothingSent, "Read it again group by group."],
  version: [`This is a text of version ${version}, not a paper that opens shares.`, nothingSent, "Look for the sheet that breakglass paper new printed."],
  not_empty: ["This text was not made by breakglass paper new.", nothingSent, "Look for the sheet that it printed."],
})[kind];
