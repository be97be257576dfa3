// The sentences of the signing on the console's pages. Their own are in the vault's `words`.

export const nothingSigned = "Nothing was signed.";
export const endAnyway = "Call security by phone. Press again to end it all the same: that is signed over what this device saw last.";
export const useCommand = "Use the command below.";
export const notEnrolled = "This device does not know the vault yet.";
export const notEnrolledNow = "Open your enrol link once on this device, or use the command below.";
export const otherPerson = "This device is enrolled for another person.";
export const otherPersonNow = "Use your own device.";
export const noPasskey = "The roster has no passkey of yours for this address.";
export const termsApart = "The vault shows terms and a hash that do not belong together.";
export const notConfirmed = "Your device did not confirm that it was you.";
export const otherKeyNow = "Press again: your other key is asked for then.";
export const tryAgainNow = "Try again, or use the command below.";
export const fillInNow = "Fill it in and press again.";
export const noClaimKey = "This page has no claim key: without one nobody could use the session.";
export const noClaimKeyNow = "Run breakglass open --page, and open the address it prints.";
export const claimWords = "The key that will claim the session, in four words:";
export const claimNow = "Only go on if your terminal shows these four words. With others, somebody else could use your session.";
export const reasonMissing = "The reason is missing.";
export const minutesOdd = (most) => `Minutes are a number from 1 to ${most}.`;
export const targetMissing = "The target is missing.";
export const answerMissing = "An answer is missing.";
export const recordChanged = "The record has changed since this page was loaded.";
export const findingsChanged = "The findings have changed since this page was loaded.";
export const changedNow = "Save your answers, load the page again and look.";
export const broke = "Something on this page broke.";
