// Both pictures in turn, in the same place. It turns by itself less than once
// a second (WCAG 2.3.1 allows three flashes), and not at all where a person
// wants less motion or has turned it by hand.

const every = 1200;

export function flicker(viewer, stack) {
  const label = document.getElementById("shown-now");
  const play = viewer.querySelector("[data-act=play]");
  let timer = 0;

  function display(which) {
    stack.dataset.shows = which;
    label.textContent = which === "before" ? "Approved" : "Now";
  }
  function other() {
    display(stack.dataset.shows === "before" ? "now" : "before");
  }
  function run(on) {
    clearInterval(timer);
    timer = on ? setInterval(other, every) : 0;
    play.setAttribute("aria-pressed", String(on));
  }
  function turn() {
    run(false);
    other();
    return true;
  }
  function enter(on) {
    run(on && !matchMedia("(prefers-reduced-motion: reduce)").matches);
    if (on) display("now");
    else delete stack.dataset.shows;
  }
  viewer.querySelector("[data-act=turn]").addEventListener("click", turn);
  play.addEventListener("click", () => run(!timer));
  return { enter, turn };
}
