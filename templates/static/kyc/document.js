// Turns and enlarges a document's picture in place. Without this file the same links load the page anew.
"use strict";

document.querySelectorAll("[data-document]").forEach((section) => {
  const picture = section.querySelector(".document-picture");
  if (!picture) return;

  const show = (zoom, turn) => {
    picture.className = `document-picture zoom-${zoom} turn-${turn}`;
    picture.dataset.zoom = zoom;
    picture.dataset.turn = turn;
    section.querySelectorAll("[data-zoom]:not(img)").forEach((link) => {
      if (link.dataset.zoom === String(zoom)) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  };

  section.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-zoom], a[data-turn]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    const turned = Number(picture.dataset.turn) + Number(link.dataset.turn || 0);
    show(link.dataset.zoom || picture.dataset.zoom, (turned + 360) % 360);
  });

  // The frame has the focus: + and - enlarge, r turns.
  section.querySelector(".document-frame").addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const zooms = [...section.querySelectorAll("a[data-zoom]")].map((link) => Number(link.dataset.zoom));
    const at = zooms.indexOf(Number(picture.dataset.zoom));
    const turn = Number(picture.dataset.turn);
    if (event.key === "+" || event.key === "=") show(zooms[Math.min(at + 1, zooms.length - 1)], turn);
    else if (event.key === "-") show(zooms[Math.max(at - 1, 0)], turn);
    else if (event.key === "r") show(zooms[at], (turn + 90) % 360);
    else return;
    event.preventDefault();
  });
});
