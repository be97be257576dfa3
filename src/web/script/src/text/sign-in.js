// The sentences of signing in to the console by passkey.

export const notConfirmed = "Your device did not confirm that it was you.";
export const notConfirmedNow = "Try again, or sign in with a code below.";
export const broke = "Something on this page broke.";
export const brokeNow = "Sign in with a code below.";
