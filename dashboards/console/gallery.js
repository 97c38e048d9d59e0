// The list of pictures: filter as you type, and go through it by keys.
import { listen, watch } from "/assets/pages.js";

const field = document.getElementById("q");
const shown = document.getElementById("shown");
const pictures = Array.from(document.querySelectorAll(".picture"), (item) => ({
  item, link: item.querySelector("h3 a"), said: item.dataset.said.toLowerCase(),
}));

// filter shows the pictures of which every word is said. The server has
// filtered by what was asked for; typing narrows that, and Enter asks anew.
function filter() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  let left = 0;
  for (const { item, said } of pictures) {
    item.hidden = !words.every((word) => said.includes(word));
    if (!item.hidden) left++;
  }
  for (const group of document.querySelectorAll(".group")) {
    group.hidden = !group.querySelector(".picture:not([hidden])");
  }
  shown.textContent = words.length ? left + (left === 1 ? " picture" : " pictures") + " of " + pictures.length + " shown. Enter looks through all, Esc shows all." : "";
}

function step(by) {
  const visible = pictures.filter(({ item }) => !item.hidden);
  if (!visible.length) return false;
  const at = visible.findIndex(({ link }) => link === document.activeElement);
  const next = at < 0 ? (by > 0 ? 0 : visible.length - 1) : Math.min(Math.max(at + by, 0), visible.length - 1);
  visible[next].link.focus();
  visible[next].item.scrollIntoView({ block: "nearest" });
  return true;
}

field.addEventListener("input", filter);
field.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  event.preventDefault();
  if (field.value) {
    field.value = "";
    filter();
  } else {
    field.blur();
  }
});
if (location.hash === "#q") field.focus();
listen({
  j: () => step(1),
  k: () => step(-1),
  "/": () => { field.focus(); field.select(); },
  "g g": () => { location.href = "/visual"; },
});
watch();
