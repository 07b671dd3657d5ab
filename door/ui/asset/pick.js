// <pick-list data-url> is a search field with a list that stays open below it: the list
// shortens while a person types, the arrows move through it, Enter takes the marked line.
// The lines are links or buttons of their own, so that the page works without this script.
"use strict";
(() => {
  customElements.define("pick-list", class extends HTMLElement {
    connectedCallback() {
      const input = this.querySelector("input[type=search]"), list = this.querySelector("[data-list]"), told = this.querySelector("[data-told]");
      if (!input || !list) return;
      let timer = 0, asked = null, asking = Promise.resolve(), waiting = false;
      const lines = () => [...list.querySelectorAll("[data-pick]")];
      const mark = (line, speak) => {
        lines().forEach((l) => l.toggleAttribute("data-marked", l === line));
        if (!line) return;
        line.scrollIntoView({ block: "nearest" });
        if (speak && told) told.textContent = line.textContent.replace(/\s+/g, " ").trim();
      };
      const marked = () => lines().find((l) => l.hasAttribute("data-marked"));
      const ask = () => {
        waiting = false; clearTimeout(timer);
        asked?.abort();
        const mine = asked = new AbortController();
        const body = new URLSearchParams({ q: input.value }); // never in the address: it is kept and logged
        asking = fetch(this.dataset.url, { method: "POST", body, headers: { "HX-Request": "true", "Accept": "text/html" }, signal: mine.signal })
          .then(async (answer) => {
            const html = await answer.text();
            if (mine.signal.aborted) return;
            if (!answer.ok) throw new Error(String(answer.status));
            list.innerHTML = html;
            window.htmx?.process(list);
            mark(lines()[0]);
            const count = list.querySelector("[data-count]");
            if (told && count) told.textContent = count.textContent;
          })
          .catch((fault) => { if (fault.name !== "AbortError") list.textContent = this.dataset.failed || "The search did not answer. Try again."; });
        return asking;
      };
      input.addEventListener("input", () => { waiting = true; clearTimeout(timer); timer = setTimeout(ask, 120); });
      input.addEventListener("keydown", (e) => {
        if (e.isComposing) return;
        if (e.key === "ArrowDown" || e.key === "ArrowUp") {
          const all = lines();
          if (!all.length) return;
          e.preventDefault();
          mark(all[(all.indexOf(marked()) + (e.key === "ArrowDown" ? 1 : all.length - 1) + all.length) % all.length], true);
        } else if (e.key === "Escape" && input.value) {
          e.preventDefault(); e.stopPropagation(); input.value = ""; ask();
        }
      });
      // Enter, and the search key of a phone's keyboard, take the marked line.
      input.form.addEventListener("submit", async (e) => {
        e.preventDefault();
        await (waiting ? ask() : asking);
        const line = marked() || lines()[0];
        (line?.matches("a,button") ? line : line?.querySelector("a,button"))?.click();
      });
      mark(lines()[0]);
    }
  });
  // A part of the page that was asked for may say which of its fields or buttons comes next.
  document.addEventListener("htmx:afterSettle", (e) => {
    const next = e.target.matches?.("[data-next]") ? e.target : e.target.querySelector?.("[data-next]");
    if (next && document.activeElement?.matches("pick-list input, body")) document.getElementById(next.dataset.next)?.focus();
  });
})();
