// The queue of approvals: what the chosen rows would release together, while they are being chosen. Base units are whole
// numbers beyond what a float keeps, so they are added as such.
"use strict";

const UNIT = 1000000n;

function usdt(units) {
  const whole = (units / UNIT).toLocaleString("en-US");
  const rest = (units % UNIT).toString().padStart(6, "0").replace(/0{1,4}$/, "");
  return `${whole}.${rest}`;
}

for (const form of document.querySelectorAll("form.choosing")) {
  const told = form.querySelector(".chosen");
  const show = () => {
    const boxes = [...form.querySelectorAll("input[name=chosen]:checked")];
    const sum = boxes.reduce((total, box) => total + BigInt(box.dataset.units), 0n);
    form.querySelector("#chosen-count").textContent = String(boxes.length);
    form.querySelector("#chosen-sum").textContent = usdt(sum);
    told.hidden = boxes.length === 0;
  };
  if (told) {
    form.addEventListener("change", show);
    show();
  }
}
