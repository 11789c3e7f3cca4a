// Parts of a page that say where they are asked for anew (data-refresh) are, every 10 seconds. What can't be refreshed
// says so: old figures must not look like new ones.
"use strict";

const EVERY = 10000;
const PATIENCE = 8000;

async function refresh(part) {
  const state = document.getElementById(part.dataset.state);
  try {
    const answer = await fetch(part.dataset.refresh, {
      credentials: "same-origin",
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (!answer.ok) throw new Error(String(answer.status));
    replace(part, await answer.text());
    state.textContent = "";
  } catch {
    state.textContent = "Not refreshed: these figures are old. Load the page again.";
  }
}

// The keyboard stays where it was, and what was unfolded stays unfolded.
function replace(part, markup) {
  const focused = part.contains(document.activeElement) ? document.activeElement.getAttribute("href") : null;
  const unfolded = [...part.querySelectorAll("details")].map((details) => details.open);
  part.innerHTML = markup;
  part.querySelectorAll("details").forEach((details, place) => { details.open = Boolean(unfolded[place]); });
  if (focused) part.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
}

for (const part of document.querySelectorAll("[data-refresh]")) {
  setInterval(() => { if (!document.hidden) refresh(part); }, EVERY);
}
