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
