// What pages that add content have: buttons for Markdown, and files that are dropped.
// <markdown-tools for="id">: buttons that put Markdown around what is marked in the textarea. Without JavaScript there are none.
class MarkdownTools extends HTMLElement {
  connectedCallback() {
    this.hidden = false;
    this.addEventListener("click", (event) => {
      const button = event.target.closest("button[data-before]");
      if (button) this.wrap(button.dataset.before, button.dataset.after ?? "");
    });
  }

  wrap(before, after) {
    const area = document.getElementById(this.getAttribute("for"));
    const { selectionStart: start, selectionEnd: end, value } = area;
    area.setRangeText(before + value.slice(start, end) + after, start, end, "end");
    if (start === end) area.selectionStart = area.selectionEnd = start + before.length;
    area.focus();
    area.dispatchEvent(new Event("input", { bubbles: true }));
  }
}
customElements.define("markdown-tools", MarkdownTools);

// form[data-upload="#list"]: each file is sent by itself, with a bar that shows what has really left, and the server's line for it
// takes the bar's place. Without JavaScript the form sends them all at once
document.querySelectorAll("form[data-upload]").forEach((form) => {
  const { upload, most, tooBig, lost, sending, storing } = form.dataset;
  const list = document.querySelector(upload);
  const input = form.querySelector("input[type=file]");

  const addLine = (name) => {
    const line = document.createElement("li");
    line.className = "upload";
    const icon = Object.assign(document.createElement("i"), { className: "bi bi-file-earmark-arrow-up" });
    icon.setAttribute("aria-hidden", "true");
    const body = document.createElement("div");
    const said = Object.assign(document.createElement("span"), { className: "small-text" });
    const bar = Object.assign(document.createElement("progress"), { max: 1, value: 0 });
    bar.setAttribute("aria-label", name);
    body.append(Object.assign(document.createElement("strong"), { textContent: name }), " ", said, bar);
    line.append(icon, body);
    list.prepend(line);
    return { line, said, bar };
  };
  const refuse = ({ said, bar }, text) => {
    bar.remove();
    said.textContent = text;
    said.className = "text-danger";
    said.setAttribute("role", "alert");
  };
  const send = (file, shown) => new Promise((done) => {
    const body = new FormData();
    body.append("csrf_token", form.elements.csrf_token.value);
    body.append("file", file);
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("HX-Request", "true");
    request.upload.addEventListener("progress", (event) => { if (event.lengthComputable) shown.bar.value = event.loaded / event.total; });
    request.upload.addEventListener("load", () => { shown.bar.removeAttribute("value"); shown.said.textContent = storing; });
    request.addEventListener("load", () => {
      const answer = document.createElement("template");
      answer.innerHTML = request.responseText;
      const line = answer.content.querySelector("li.upload");
      if (request.status === 200 && line) shown.line.replaceWith(line);
      else refuse(shown, request.status === 413 ? tooBig : lost);
      done();
    });
    request.addEventListener("error", () => { refuse(shown, lost); done(); });
    shown.said.textContent = sending;
    request.send(body);
  });
  let last = Promise.resolve();
  const take = (files) => [...files].forEach((file) => {
    const shown = addLine(file.name);
    if (file.size > Number(most)) return refuse(shown, tooBig);
    last = last.then(() => send(file, shown));
  });

  form.addEventListener("submit", (event) => event.preventDefault());
  input.addEventListener("change", () => { take(input.files); input.value = ""; });
  form.addEventListener("dragover", (event) => { event.preventDefault(); form.classList.add("is-over"); });
  form.addEventListener("dragleave", () => form.classList.remove("is-over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("is-over");
    take(event.dataTransfer.files);
  });
});
