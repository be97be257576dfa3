// What the page about a paper's text says.
import { groupOf } from "../paper/read.js";

export const title = "Read a paper share";
export const how = "Type the text of the sheet, 20 groups of four, or put in what a scanner read. Write ? for a character that nobody can read. This page asks nobody and sends nothing.";
export const label = "The sheet's text";
export const groupsLabel = "The groups";
export const clear = "Clear";
export const mark = {
  empty: "nothing yet", part: "not whole", odd: "✗ no such letter", wrong: "✗ looks wrong", typed: "typed", good: "✓ reads well",
};
export const soFar = (count) => `${count} of 78 characters. Nothing was sent.`;
export const whole = "The text is whole";
export const filled = (places) => (places.length ? `What nobody could read follows from the rest: ${places.length > 1
  ? `characters ${listed(places)}` : `character ${places[0]}`}. Nothing was sent.` : "Every character fits. Nothing was sent.");
export const openIt = "The share is opened by command, on the opener's own machine, once her witness has signed:";
export const command = "breakglass approve INC-… --paper";

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
