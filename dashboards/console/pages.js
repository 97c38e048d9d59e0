// What the pages of pictures share: keys, the table of keys, and a look for
// what is newer. Without it the pages can be read, and decided on.

const watchEvery = 10000;

// kept remembers in the browser; one that does not allow it forgets.
export const kept = {
  get(name) {
    try { return localStorage.getItem("tocsin." + name); } catch { return null; }
  },
  set(name, value) {
    try { localStorage.setItem("tocsin." + name, value); } catch { /* forgotten */ }
  },
};

// typing is where keys are letters.
function typing(element) {
  return element.matches("textarea, select, [contenteditable], input:not([type=radio], [type=checkbox], [type=range])");
}

// holds is what Space does something to by itself.
export function holds(element) {
  return element.closest("button, a, summary, select, textarea, input:not([name=view])") !== null;
}

// listen runs the action of a key. An action that returns false did nothing.
export function listen(keys) {
  const dialog = document.getElementById("keys");
  const single = document.getElementById("keys-on");
  single.checked = kept.get("keys") !== "off";
  single.addEventListener("change", () => kept.set("keys", single.checked ? "on" : "off"));
  const show = () => dialog.showModal();
  document.querySelectorAll(".scripted").forEach((part) => { part.hidden = false; });
  document.querySelectorAll(".unscripted").forEach((part) => { part.hidden = true; });
  document.querySelectorAll("[data-act=keys]").forEach((button) => button.addEventListener("click", show));
  const all = { "?": show, ...keys };
  let before = "";
  let taken = false;
  // The letter of a key that was taken must not land in the field it led to.
  document.addEventListener("keypress", (event) => { if (taken) event.preventDefault(); });
  document.addEventListener("keyup", () => { taken = false; });
  document.addEventListener("keydown", (event) => {
    taken = false;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || dialog.open) return;
    if (event.key === "Escape") { all.Escape?.(event); return; }
    if (!single.checked || typing(event.target)) return;
    const twice = before + " " + event.key;
    before = event.key;
    const action = all[twice] || all[event.key];
    if (!action || action(event) === false) return;
    event.preventDefault();
    taken = true;
    before = "";
  });
}

// watch says when there is something newer, and when nothing answers: an old
// page must not be taken for a new one.
export function watch() {
  const { watch: address, version, here } = document.body.dataset;
  const lost = document.getElementById("lost");
  const newer = document.getElementById("newer");
  async function look() {
    try {
      const reply = await fetch(address, { cache: "no-store", signal: AbortSignal.timeout(8000) });
      if (!reply.ok && reply.status !== 404) throw new Error("status " + reply.status);
      newer.hidden = reply.ok && (await reply.json()).version === version;
      lost.hidden = true;
    } catch {
      lost.hidden = false;
    }
    setTimeout(look, watchEvery);
  }
  newer.querySelector("a").href = here ?? location.pathname + location.search;
  setTimeout(look, watchEvery);
}
