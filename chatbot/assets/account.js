// Passkeys, and copying and printing what is shown once. A form with data-passkey asks the server for options, the browser for a
// passkey, and sends what comes of it as an ordinary form. What needs JavaScript is hidden without it.
const canUse = Boolean(window.isSecureContext && window.PublicKeyCredential);
const toBytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
const toText = (bytes) => btoa(String.fromCharCode(...new Uint8Array(bytes))).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");

const open = (options) => {
  const list = (items) => items?.map((item) => ({ ...item, id: toBytes(item.id) }));
  const found = { ...options, challenge: toBytes(options.challenge) };
  if (options.user) found.user = { ...options.user, id: toBytes(options.user.id) };
  if (options.excludeCredentials) found.excludeCredentials = list(options.excludeCredentials);
  if (options.allowCredentials) found.allowCredentials = list(options.allowCredentials);
  return found;
};
const pack = ({ id, rawId, type, authenticatorAttachment, response }) => {
  const names = ["clientDataJSON", "attestationObject", "authenticatorData", "signature", "userHandle"];
  const given = names.filter((name) => response[name]).map((name) => [name, toText(response[name])]);
  return JSON.stringify({ id, rawId: toText(rawId), type, authenticatorAttachment, clientExtensionResults: {}, response: Object.fromEntries(given) });
};

const run = async (form) => {
  const answer = await fetch(form.dataset.options, { method: "POST", headers: { "X-CSRFToken": form.elements.csrf_token.value } });
  if (!answer.ok || answer.redirected) return location.reload(); // the login has ended meanwhile
  const publicKey = open(await answer.json());
  form.elements.credential.value = pack(await navigator.credentials[form.dataset.passkey]({ publicKey }));
  return form.submit();
};
document.querySelectorAll("form[data-passkey]").forEach((form) => {
  form.hidden = !canUse;
  const told = form.querySelector("[data-failed]");
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    told.textContent = "";
    run(form).catch(() => { told.textContent = told.dataset.failed; });
  });
});
document.querySelectorAll("[data-no-passkey]").forEach((line) => { line.hidden = canUse; });

document.querySelectorAll("[data-copies]").forEach((button) => {
  const from = document.querySelector(button.dataset.copies);
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(from.value ?? [...from.children].map((line) => line.textContent).join("\n"));
    button.querySelector("span").textContent = button.dataset.done;
  });
});
document.querySelectorAll("[data-prints]").forEach((button) => {
  button.hidden = false;
  button.addEventListener("click", () => print());
});
