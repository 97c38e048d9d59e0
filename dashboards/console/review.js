// One picture against the approved one: views, zoom and changed regions.
// Positions are attributes of SVG, for which no style has to be allowed.
import { kept, listen, watch, holds } from "/assets/pages.js";
import { decide } from "/assets/decide.js";
import { flicker } from "/assets/flicker.js";

const viewer = document.querySelector(".viewer");
const width = Number(viewer.dataset.width);
const sheets = Array.from(viewer.querySelectorAll(".sheet"));
const shots = Array.from(viewer.querySelectorAll(".shot"));
const stack = viewer.querySelector(".stack .shot");
const cut = document.getElementById("cut");
const turns = stack ? flicker(viewer, stack) : null;

function show(view) {
  const choice = viewer.querySelector(`input[name=view][value=${view}]`);
  if (!choice) return false;
  choice.checked = true;
  viewer.dataset.view = view;
  kept.set("view", view);
  if (stack) {
    const sliding = view === "slider";
    stack.querySelector(".layer.now").setAttribute("clip-path", sliding ? "url(#right)" : "none");
    stack.querySelector(".layer.before").setAttribute("clip-path", sliding ? "url(#left)" : "none");
    turns.enter(view === "flicker");
  }
  reveal();
  return true;
}

// slide puts the cut at a share of the width.
function slide(share) {
  const x = Math.min(Math.max(share, 0), 1) * width;
  document.querySelector("#left rect").setAttribute("width", x);
  document.querySelector("#right rect").setAttribute("x", x);
  const line = stack.querySelector(".cut");
  line.setAttribute("x1", x);
  line.setAttribute("x2", x);
  cut.value = 100 * x / width;
}

function dragging() {
  const at = (event) => {
    const box = stack.getBoundingClientRect();
    slide((event.clientX - box.left) / box.width);
  };
  stack.addEventListener("pointerdown", (event) => {
    if (viewer.dataset.view !== "slider" || event.button !== 0) return;
    stack.setPointerCapture(event.pointerId);
    at(event);
  });
  stack.addEventListener("pointermove", (event) => {
    if (stack.hasPointerCapture(event.pointerId)) at(event);
  });
  cut.addEventListener("input", () => slide(cut.value / 100));
}

// Zoom is fit, whole, or how many pixels of the screen show one of the picture.
const zoom = document.getElementById("zoom");
function enlarge(value) {
  if (!zoom || !Array.from(zoom.options).some((option) => option.value === value)) return false;
  zoom.value = value;
  kept.set("zoom", value);
  const factor = Number(value) || 1;
  viewer.dataset.zoom = Number(value) ? "pixels" : value;
  viewer.classList.toggle("sharp", factor > 1);
  for (const shot of shots) {
    shot.setAttribute("width", width * factor);
    shot.setAttribute("height", Number(viewer.dataset.height) * factor);
  }
  reveal();
  return true;
}
const steps = ["fit", "0.5", "1", "2", "4"];
const further = (by) => enlarge(steps[Math.min(Math.max(Math.max(steps.indexOf(zoom?.value), 0) + by, 0), steps.length - 1)]);

// Regions are gone through in the order of the page.
const regions = Array.from(shots[0]?.querySelectorAll(".box") ?? [], ({ dataset }) => ({
  x: Number(dataset.x), y: Number(dataset.y), width: Number(dataset.width), height: Number(dataset.height),
}));
let current = -1;
function region(by) {
  if (!regions.length) return false;
  current = current < 0 && by < 0 ? regions.length - 1 : (current + by + regions.length) % regions.length;
  for (const box of viewer.querySelectorAll(".box")) box.classList.toggle("current", Number(box.dataset.region) === current);
  const at = regions[current];
  document.getElementById("region").textContent = `${current + 1} of ${regions.length}: ${at.width} × ${at.height} px at ${at.x}, ${at.y}`;
  reveal();
  return true;
}

// reveal moves the current region, or the first, into the middle of each sheet
// that is seen.
function reveal() {
  const at = regions[Math.max(current, 0)];
  if (!at) return;
  for (const sheet of sheets) {
    if (!sheet.clientWidth) continue;
    const shot = sheet.querySelector(".shot");
    const scale = Math.min(shot.clientWidth / width, shot.clientHeight / Number(viewer.dataset.height));
    sheet.scrollTo((at.x + at.width / 2) * scale - sheet.clientWidth / 2, (at.y + at.height / 2) * scale - sheet.clientHeight / 2);
  }
}

// Sheets are scrolled together: the same place is at the same place.
function together() {
  let led = null;
  for (const sheet of sheets) {
    sheet.addEventListener("scroll", () => {
      if (led && led !== sheet) return;
      led = sheet;
      for (const other of sheets) if (other !== sheet) other.scrollTo(sheet.scrollLeft, sheet.scrollTop);
      requestAnimationFrame(() => requestAnimationFrame(() => { led = null; }));
    }, { passive: true });
  }
}

function boxes(shown) {
  viewer.classList.toggle("bare", !shown);
}

function go(where) {
  const link = document.querySelector(`[data-go=${where}]`);
  if (!link) return false;
  link.click();
  return true;
}

const toggle = document.getElementById("boxes");
toggle?.addEventListener("change", () => boxes(toggle.checked));
zoom?.addEventListener("change", () => enlarge(zoom.value));
for (const choice of viewer.querySelectorAll("input[name=view]")) choice.addEventListener("change", () => show(choice.value));
viewer.querySelector("[data-act=region-next]")?.addEventListener("click", () => region(1));
viewer.querySelector("[data-act=region-previous]")?.addEventListener("click", () => region(-1));
if (stack) dragging();
together();
enlarge(kept.get("zoom") ?? "fit");
show(kept.get("view") ?? "side");

const slider = () => show("slider") && (cut.focus(), true);
const form = decide();
listen({
  j: () => go("next"), k: () => go("previous"), "g g": () => go("list"), "/": () => { location.href = "/visual#q"; },
  n: () => region(1), p: () => region(-1),
  1: () => show("side"), 2: slider, s: slider, 3: () => show("flicker"), f: () => show("flicker"), 4: () => show("difference"), d: () => show("difference"),
  " ": (event) => viewer.dataset.view === "flicker" && !holds(event.target) && turns.turn(),
  z: () => enlarge(zoom?.value === "fit" ? "1" : "fit"), "+": () => further(1), "=": () => further(1), "-": () => further(-1),
  b: () => toggle && (toggle.checked = !toggle.checked, boxes(toggle.checked), true),
  a: () => form.open("approve"), r: () => form.open("reject"), Escape: () => form.leave(),
});
watch();
