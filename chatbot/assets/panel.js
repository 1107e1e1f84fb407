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
// the command palette (Ctrl or ⌘ K) and the list of keys (?). Without JavaScript a link leads to the same as a page
const palette = document.getElementById("palette");
const keys = document.getElementById("keys");
const isTyping = (event) => event.target.closest("input:not([type=checkbox], [type=radio]), textarea, select, [contenteditable]");
const hasSingleKeys = () => localStorage.getItem("single-keys") !== "off";
if (palette) {
  const field = palette.querySelector("input");
  const list = palette.querySelector("[role=listbox]");
  const options = () => [...list.querySelectorAll("[role=option]")];
  const choose = (option) => {
    list.querySelector("[aria-selected=true]")?.setAttribute("aria-selected", "false");
    option?.setAttribute("aria-selected", "true");
    option?.scrollIntoView({ block: "nearest" });
    if (option) field.setAttribute("aria-activedescendant", option.id); else field.removeAttribute("aria-activedescendant");
  };
  const ask = () => {
    field.dispatchEvent(new Event("opened"));
    // once more where it stays empty: htmx wasn't there yet, or the answer got lost
    setTimeout(() => { if (palette.open && !field.value && !options().length) ask(); }, 1500);
  };
  const open = () => {
    palette.showModal();
    field.select();
    ask();
  };
  document.addEventListener("htmx:after:swap", () => { if (palette.open) choose(options()[0]); });
  field.addEventListener("keydown", (event) => {
    const all = options();
    const at = all.findIndex((option) => option.getAttribute("aria-selected") === "true");
    const to = { ArrowDown: (at + 1) % all.length, ArrowUp: (at - 1 + all.length) % all.length }[event.key];
    if (event.isComposing || !all.length) return;
    if (to !== undefined) choose(all[to]);
    else if (event.key === "Enter" && at >= 0) all[at].click();
    else return;
    event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    const isPalettes = event.key.toLowerCase() === "k" && (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey;
    if (isPalettes && palette.open) palette.close();
    else if (isTyping(event) || document.querySelector("dialog[open]")) return;
    else if (isPalettes) open();
    else if (event.ctrlKey || event.metaKey || event.altKey || !hasSingleKeys()) return;
    else if (event.key === "?") keys.showModal();
    else if (event.key === "/") document.querySelector("main input[type=search]")?.focus();
    else return;
    event.preventDefault();
  });
  document.addEventListener("click", (event) => {
    if (event.target.closest("[data-palette]") && !event.ctrlKey && !event.metaKey) { event.preventDefault(); open(); }
    if (event.target.closest("[data-close-dialog]") || event.target.matches("dialog")) event.target.closest("dialog").close();
  });
  const single = keys.querySelector("[data-single-keys]");
  single.checked = hasSingleKeys();
  single.addEventListener("change", () => localStorage.setItem("single-keys", single.checked ? "on" : "off"));
  if (/Mac|iP/.test(navigator.platform)) document.querySelectorAll("[data-mod]").forEach((key) => { key.textContent = "⌘"; });
}
// the tab inside Chatwoot: the key stands behind the address's #, the conversation comes from Chatwoot's own window only
const tab = document.getElementById("chatwoot-tab");
if (tab?.dataset.origin) {
  let fields = null;
  const show = async (url, body) => {
    const answer = await fetch(url, { method: "POST", credentials: "omit", body: new URLSearchParams(body) }).catch(() => null);
    if (answer) tab.innerHTML = await answer.text();
  };
  addEventListener("message", (event) => {
    if (event.origin !== tab.dataset.origin || event.source !== parent || typeof event.data !== "string") return;
    const { conversation, currentAgent } = (event.data.startsWith("{") && JSON.parse(event.data).data) || {};
    if (!conversation?.id) return;
    fields = { key: location.hash.slice(1), conversation: conversation.id, account: conversation.account_id ?? "", agent: currentAgent?.name ?? "" };
    show(tab.dataset.open, fields);
  });
  tab.addEventListener("submit", (event) => {
    event.preventDefault();
    show(tab.dataset.act, new FormData(event.target, event.submitter));
  });
  setInterval(() => { if (fields && !document.hidden && !tab.querySelector("details[open], :focus")) show(tab.dataset.open, fields); }, 60000);
  parent.postMessage("chatwoot-dashboard-app:fetch-info", tab.dataset.origin);
}
// a wide picture of a flow begins at the chosen step, else at the first; a long list of steps at the chosen one
document.querySelectorAll(".flow-picture, .flow-outline").forEach((frame) => {
  const shown = frame.querySelector("[aria-current]") || frame.querySelector("svg a");
  if (!shown) return;
  const at = shown.getBoundingClientRect(), around = frame.getBoundingClientRect();
  frame.scrollBy(at.x + at.width / 2 - around.x - around.width / 2, at.y + at.height / 2 - around.y - around.height / 2);
});
