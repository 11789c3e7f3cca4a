// The desk by keyboard, and marks without loading the page anew. Without this file every button and link still works.
"use strict";

const EVERY = 20000;
const PATIENCE = 8000;
const OFF = "desk-keys-off";

const places = () => [...document.querySelectorAll(".place")];
const current = () => document.activeElement?.closest?.(".place") ?? document.querySelector(".place.here");

function say(words) {
  const said = document.getElementById("said");
  if (!said) return;
  said.textContent = words;
  said.hidden = !words;
}

// Where one is stays marked while the focus is on a button inside.
function stand(place) {
  if (!place) return;
  document.querySelectorAll(".place.here").forEach((other) => other.classList.remove("here"));
  place.classList.add("here");
  const link = place.querySelector("th a");
  (link ?? place).focus();
  place.scrollIntoView({ block: "nearest" });
}

function move(by) {
  const all = places();
  const at = all.indexOf(current());
  stand(all[at < 0 ? (by > 0 ? 0 : all.length - 1) : Math.min(Math.max(at + by, 0), all.length - 1)]);
}

// What this page did itself is no change by somebody else.
function seen(revision) {
  const top = document.querySelector("[data-revision]");
  if (top) top.dataset.revision = String(revision);
}

async function save(form, button) {
  const place = form.closest(".place");
  const body = new FormData(form);
  if (button?.name) body.set(button.name, button.value);
  form.setAttribute("aria-busy", "true");
  try {
    const answer = await fetch(form.action, {
      method: "POST",
      body,
      credentials: "same-origin",
      redirect: "error",
      headers: { "X-Requested-With": "fetch" },
      signal: AbortSignal.timeout(PATIENCE),
    });
    const told = await answer.json();
    if (!answer.ok) throw new Error(told.refused);
    place.querySelector(".judged").innerHTML = told.mark;
    document.getElementById("progress").innerHTML = told.progress;
    seen(told.revision);
    say("");
    const all = places();
    stand(all[Math.min(all.indexOf(place) + 1, all.length - 1)]);
  } catch (error) {
    form.removeAttribute("aria-busy");
    say(error instanceof Error && error.name === "Error" && error.message !== "undefined"
      ? `Not saved. ${error.message}` : "Not saved. Load the page again and repeat it.");
    stand(place);
  }
}

document.addEventListener("submit", (event) => {
  if (!event.target.matches("form.mark")) return;
  event.preventDefault();
  save(event.target, event.submitter);
});

function refuse(place) {
  const details = place?.querySelector(".refuse");
  if (!details) return;
  details.open = true;
  details.querySelector("button").focus();
}

// A link or button says itself which key opens it; a box to write in gets the focus.
function press(key) {
  const target = document.querySelector(`[aria-keyshortcuts="${CSS.escape(key)}"]`);
  if (!target || target.disabled) return false;
  if (target.matches("textarea, input, .document-frame")) target.focus();
  else target.click();
  return true;
}

function shortcuts(event) {
  const open = document.activeElement?.closest?.(".refuse[open]");
  if (event.key === "Escape" && open) {
    open.open = false;
    stand(open.closest(".place"));
    return true;
  }
  if (open && /^[1-9]$/.test(event.key)) {
    open.querySelectorAll("button")[Number(event.key) - 1]?.click();
    return true;
  }
  if (event.key === "j" || event.key === "k") {
    move(event.key === "j" ? 1 : -1);
    return true;
  }
  if (event.key === "a") {
    current()?.querySelector("button.accept:not(:disabled)")?.click();
    return true;
  }
  if (event.key === "v") {
    current()?.querySelector("a.look")?.click();
    return true;
  }
  if (event.key === "r") {
    refuse(current());
    return true;
  }
  if (event.key === "?") {
    const list = document.getElementById("keyboard");
    list.open = !list.open;
    list.querySelector("summary").focus();
    return true;
  }
  return /^[a-z]$/.test(event.key) && press(event.key);
}

document.addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.closest("input:not([type=checkbox]), textarea, select")) return;
  if (localStorage.getItem(OFF) && event.key !== "Escape") return;
  if (shortcuts(event)) event.preventDefault();
});

const off = document.getElementById("no-keys");
if (off) {
  off.checked = Boolean(localStorage.getItem(OFF));
  off.addEventListener("change", () => {
    if (off.checked) localStorage.setItem(OFF, "1");
    else localStorage.removeItem(OFF);
  });
}

// An open page asks by itself whether it still shows what is.
async function look(top) {
  try {
    const answer = await fetch(top.dataset.now, {
      credentials: "same-origin",
      redirect: "error",
      signal: AbortSignal.timeout(PATIENCE),
    });
    if (!answer.ok) throw new Error(String(answer.status));
    const told = await answer.json();
    document.getElementById("owner").textContent = told.owner;
    document.getElementById("changed").hidden = String(told.revision) === top.dataset.revision;
  } catch {
    say("Whether this case has changed can't be asked now. Load the page again before you decide.");
  }
}

// Where the page was left, there it goes on.
const left = location.hash ? document.getElementById(location.hash.slice(1)) : null;
if (left?.matches(".place")) stand(left);

const top_ = document.querySelector("[data-now]");
if (top_) setInterval(() => { if (!document.hidden) look(top_); }, EVERY);
