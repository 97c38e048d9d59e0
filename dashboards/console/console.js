// Replaces the page's content every few seconds. When the console stops
// answering, it says so: an old green page must not be taken for a new one.
"use strict";
(function () {
  const lost = document.getElementById("lost");
  // Who reads with a keyboard stays where they are: the link with the focus is
  // the one with the same address, a table the one with the same name.
  function replace(main, next) {
    const focused = main.contains(document.activeElement) ? document.activeElement : null;
    const key = focused && (focused.getAttribute("href") || focused.getAttribute("aria-label"));
    const scrolled = Array.from(main.querySelectorAll(".scroll"), (box) => box.scrollLeft);
    main.innerHTML = next.innerHTML;
    main.querySelectorAll(".scroll").forEach((box, index) => { box.scrollLeft = scrolled[index] || 0; });
    if (!key) return;
    const again = Array.from(main.querySelectorAll("[href], [tabindex]")).find((one) => one.getAttribute("href") === key || one.getAttribute("aria-label") === key);
    if (again) again.focus({ preventScroll: true });
  }
  async function refresh() {
    try {
      const reply = await fetch("/", { cache: "no-store", signal: AbortSignal.timeout(4000) });
      if (!reply.ok) throw new Error("status " + reply.status);
      const next = new DOMParser().parseFromString(await reply.text(), "text/html");
      document.title = next.title;
      document.getElementById("asof").textContent = next.getElementById("asof").textContent;
      replace(document.getElementById("main"), next.getElementById("main"));
      lost.hidden = true;
    } catch (problem) {
      document.getElementById("lost-since").textContent = document.getElementById("asof").textContent;
      document.title = "? Tocsin does not answer";
      lost.hidden = false;
    }
    setTimeout(refresh, 3000);
  }
  setTimeout(refresh, 3000);
})();
