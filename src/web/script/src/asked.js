// The words of an incident, for who asked: made here, from terms checked here. The page is put in
// place part by part while it is open, and then a part has lost its words; what was asked anew has
// other terms, and perhaps another roster than the one that was checked when the page was loaded.
import { terms, termsHash } from "./vault.js";
import { phrase } from "./words.js";

// Gives `words(place)`, for an element that names incident, vault and person. `prepare` checks the
// vault's documents as they are now; `check` an incident's terms against them.
export const wordsBy = (prepare, check = terms) => {
  let checked = null;
  return async ({ dataset }) => {
    const id = dataset.incident;
    // The same terms need no second check, and the words are back at once.
    if (checked?.id === id) {
      const view = await checked.api.get(`/incidents/${id}`);
      if ((await termsHash(view.terms)) === checked.hash) return phrase(checked.hash);
    }
    const { api, kept, found } = await prepare({ dataset });
    const { termsSha256: hash } = await check(api, kept, found, id);
    checked = { api, id, hash };
    return phrase(hash);
  };
};

// Fills the place of the words, once for each one that the server sent: what this page writes itself,
// an error among it, is no reason to ask again. A place that was tried is marked, so that it differs
// from what the server sends: each refresh puts a new one there, also where no words came, or old ones
// are still on their way. `tell` hears why terms are not as they must be.
export const keepWords = (words, tell) => {
  const fill = async () => {
    const place = document.querySelector("[data-phrase]:not([data-tried])");
    if (!place) return;
    place.dataset.tried = "";
    try {
      place.textContent = await words(place);
    } catch (error) {
      // The command stands beside it as long as there are no words. Terms that are not as they must
      // be are no reason to be silent; a vault that did not answer is asked again with the next part.
      if (["log_broken", "terms_refused"].includes(error.code)) tell(place.parentElement, error);
    }
  };
  new MutationObserver(fill).observe(document.body, { childList: true, subtree: true });
  return fill();
};
