// The form of a decision. The name of the person is remembered here, in this
// browser; the reason never is.
import { kept } from "/assets/pages.js";

export function decide() {
  const form = document.getElementById("decision");
  if (!form) return { open: toCommand, leave: () => {} };
  const { by, reason } = form.elements;
  const button = form.querySelector(".decide");
  by.value ||= kept.get("person") ?? "";

  // A first picture may be approved without a reason; no other, and no defect.
  function chosen() {
    const what = form.elements.decision.value;
    reason.required = !(form.dataset.first === "true" && what === "approve");
    button.textContent = { approve: "Approve this picture", reject: "Reject this picture" }[what] ?? "Record the decision";
  }
  form.addEventListener("change", chosen);
  form.addEventListener("submit", () => {
    kept.set("person", by.value.trim());
    // A second press of Enter must not send it twice.
    queueMicrotask(() => { button.disabled = true; });
  });
  addEventListener("pageshow", () => { button.disabled = false; });
  chosen();

  return {
    open(what) {
      const folded = form.closest("details");
      if (folded) folded.open = true;
      form.elements.decision.value = what;
      chosen();
      form.scrollIntoView({ block: "nearest" });
      (by.value ? reason : by).focus();
      return true;
    },
    leave() {
      if (!form.contains(document.activeElement)) return;
      document.activeElement.blur();
      form.elements.decision.forEach((choice) => { choice.checked = false; });
      chosen();
    },
  };
}

// toCommand shows what to type where nothing can be decided here.
function toCommand() {
  const section = document.querySelector("section.decide");
  section.scrollIntoView({ block: "nearest" });
  section.classList.add("pointed");
  return true;
}
