// The sentences of the page of a night: where the address leads, release your share, and its noes.
// They stand in one place for who translates them: constants, and functions where a number or name
// stands inside, so that another language can put it elsewhere.

// Where the address leads.
export const broke = "Something on this page broke.";
export const brokeNow = "Use the command line: breakglass approve, refuse or prove.";
export const badLink = "This enrol link is damaged.";
export const badLinkNow = "Copy the whole line again.";
export const otherPins = "This device knows that vault with another log key or for another person.";
export const notEnrolled = "This device is not enrolled";
export const notEnrolledNow = "Open the enrol link that an operator gave you, on this device.";
export const toNewKeys = "Make your keys, before the vault knows you";
export const signIn = "Sign in";
export const signInNow = "Touch your key to sign in.";
export const yourShare = "Your share";
export const asks = (incident, name) => `${incident}: ${name} asks for shares`;
export const nobodyAsks = "Nobody asks for shares now.";
export const toProve = "Prove your share";
export const toEnrol = "Test your keys here";
export const toVersions = "New people or rules to sign";

// Release your share?
export const checking = "Checking the terms against what this device knows\u2026";
export const notYours = "There is no share of yours for this incident.";
export const nothingToDo = "Nothing for you to do.";
export const phases = {
  waiting: "is waiting", collecting: "is collecting", cooling: "is in its veto window", opening: "is opening",
  open: "is open", closing: "is closing", in_review: "is closed", reviewed: "is closed",
  refused: "was refused", withdrawn: "was taken back", lapsed: "has lapsed",
};
export const notNeeded = (incident, phase) => `${incident} ${phases[phase] ?? phase}: no share is needed now.`;
export const noneOfThese = "none of these / I heard nothing";
export const noPhrase = "Choose the words you heard.";
export const noPhraseNow = "Join the bridge and listen first.";
export const release = "Release your share?";
export const drill = (title) => `DRILL: ${title}`;
export const factWho = "Who";
export const factWhy = "Why";
export const factWhat = "What";
export const factHowLong = "How long";
export const purposes = { incident: "incident", drill: "drill", rotate: "rotation" };
export const account = "account";
export const workspace = (id) => `workspace ${id}`;
export const and = " and ";
export const noTarget = "nothing";
export const onlyRotation = "nothing but rotation";
export const what = (target, scope) => `${target}: ${scope}`;
export const howLong = (minutes, moment) => `${minutes} minutes, if released by ${moment}`;
export const code = "Can run code as the admin identity: what that code does is not logged here and may outlive the session.";
export const whichWords = "Which words did you hear?";
export const releaseButton = "Release my share";
export const refuseButton = "Refuse";
export const otherKeyButton = "Use my other key";
export const otherKeyNext = "The other key is used for the next touch.";
export const more = "More";
export const factIncident = "Incident";
export const incident = (id, epoch, moment) => `${id}, epoch ${epoch}, asked ${moment}`;
export const factTicket = "Ticket";
export const factShares = "Shares in";
export const shares = (inNow, needed) => `${inNow} of ${needed}`;
export const factAnswers = "Answers";
export const answer = (id, yes) => `${id}=${yes ? "yes" : "no"}`;
export const factGates = "Gates";
export const gates = {
  review_overdue: "a review is overdue", rotation_owed: "a rotation is owed",
  witness_missing: "a witness is missing", no_alert_confirmed: "no alert is confirmed",
};
export const none = "none";
export const factTerms = "Terms";
export const factAdmin = "Admin for";
export const keeps = (name) => `${name}, who KEEPS it after the close`;
export const untilClose = (name) => `${name} until the close`;
export const factSecret = "Secret";
export const longSecret = (hours) =>
  `Databricks gives no secret as short as the session: its own would live ${hours} h if the vault could not delete it`;
export const dormantSecret =
  "Databricks refuses every short-lived secret: the session uses the dormant credential itself until the close replaces it";
export const factNotBefore = "Not before";
export const factDisplaces = "Displaces";
export const displaces = (id) => `${id}: it is closed, and you are asked again`;
export const factContinues = "Continues";
export const continues = (id) => `${id}, which broke`;
export const otherAnswer = "This key gave another answer than when you enrolled.";
export const otherAnswerNow = "Use your other key, and tell an operator.";
export const isIn = "Your share is in";
export const isInNow = (id, shares) => `${id}: ${shares} shares. Nothing more for you to do.`;
export const takeBack = "Take it back";
export const takenBack = "Your share was taken back.";

// Its noes.
export const touchToSay = "Touch your key to say so\u2026";
export const touchToSign = "Touch your key to sign\u2026";
export const wrongPhrase = "Those are not the words of this incident. The requester was told.";
export const wrongPhraseNow =
  "Call the requester back on a number you know, then choose again. A second wrong choice alarms security.";
export const askedAgain = "The vault asks anew.";
export const askedAgainNow = "Join the bridge, hear the new words, then choose.";
export const pressAgain = "Press again.";
export const nothingHeard = "The requester was told that you heard no words.";
export const nothingHeardNow = "Join the bridge, hear the words, then choose.";
export const refuse = (id) => `Refuse ${id}?`;
export const refuseNow = "Your no is final for this incident. Others may still say yes. If something looks wrong, call security too.";
export const security = (people) => `Security: ${people}`;
export const why = "Why?";
export const reasons = [
  "I heard no reason I can believe", "This is not an emergency", "Another way is open",
  "I cannot reach the requester", "Something looks wrong",
];
export const inYourWords = "In your words, if you like";
export const back = "Back";
export const refused = "You refused. Everyone was told why.";
export const nothingOfYours = "Nothing of your share was released.";
export const mayClose = "You may close this page.";
