// The sentences of signing in to the console by passkey.

export const notConfirmed = "your device did not confirm that it was you";
export const failed = (why) => `Not signed in: ${why}. Nothing was released. Try again, or use the command line.`;
