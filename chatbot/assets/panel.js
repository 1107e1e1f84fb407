// What every page has: the menu on a phone, toasts that go away, confirmations, and forms that warn before work is lost.
const side = document.getElementById("menu");
document.addEventListener("click", (event) => {
  const opener = event.target.closest("[data-menu]");
  if (opener && side) {
    event.preventDefault();
    side.classList.toggle("is-open", opener.dataset.menu === "open");
    if (opener.dataset.menu === "open") side.querySelector("a").focus();
  }
  const dismiss = event.target.closest("[data-dismiss]");
  if (dismiss) dismiss.closest(dismiss.dataset.dismiss).remove();
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && side?.classList.contains("is-open")) {
    side.classList.remove("is-open");
    document.querySelector("[data-menu=open]").focus();
  }
});
// toasts without a button go after a while; those that can undo stay longer
const watchToasts = () => document.querySelectorAll(".toast-line:not([data-seen])").forEach((line) => {
  line.dataset.seen = "1";
  setTimeout(() => line.remove(), line.querySelector("form") ? 20000 : 7000);
});
watchToasts();
document.addEventListener("htmx:after:swap", watchToasts);
// selects of a list's filters send themselves; without JavaScript the button beside them does
document.addEventListener("change", (event) => {
  if (event.target.matches("[data-submits]")) event.target.form.requestSubmit();
});
// a form that was changed and not sent
let unsaved = null;
document.addEventListener("input", (event) => {
  const form = event.target.closest("form[data-guarded]");
  if (form) unsaved = form;
});
document.addEventListener("submit", (event) => { if (event.target === unsaved) unsaved = null; });
addEventListener("beforeunload", (event) => { if (unsaved?.isConnected) event.preventDefault(); });
