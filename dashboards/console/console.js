// Replaces the page's content every few seconds. When the console stops
// answering, it says so: an old green page must not be taken for a new one.
"use strict";
(function () {
  const lost = document.getElementById("lost");
  async function refresh() {
    try {
      const reply = await fetch("/", { cache: "no-store", signal: AbortSignal.timeout(4000) });
      if (!reply.ok) throw new Error("status " + reply.status);
      const next = new DOMParser().parseFromString(await reply.text(), "text/html");
      document.title = next.title;
      document.getElementById("asof").textContent = next.getElementById("asof").textContent;
      document.getElementById("main").innerHTML = next.getElementById("main").innerHTML;
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
