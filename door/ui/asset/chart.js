// Script of the chart: lists that shorten while a person types, phrases and chart data behind
// a point in a note, parts that are taken into a text. No inline handlers, no storage.
"use strict";
(() => {
  const $ = (s, root = document) => root.querySelector(s);
  const $$ = (s, root = document) => [...root.querySelectorAll(s)];

  // A list of options under an input: asked from the server, moved through with the arrows.
  class Menu {
    constructor(list, input) { this.list = list; this.input = input; this.asking = Promise.resolve(); this.asked = null; }
    options() { return $$("[role=option]", this.list); }
    selected() { return this.options().find((o) => o.getAttribute("aria-selected") === "true"); }
    select(o) {
      this.options().forEach((x) => x.setAttribute("aria-selected", String(x === o)));
      if (o) { this.input.setAttribute("aria-activedescendant", o.id); o.scrollIntoView({ block: "nearest" }); }
      else this.input.removeAttribute("aria-activedescendant");
    }
    move(by) {
      const all = this.options();
      if (all.length) this.select(all[(all.indexOf(this.selected()) + by + all.length) % all.length]);
    }
    get open() { return !this.list.hidden; }
    show(on) { this.list.hidden = !on; if (this.input.getAttribute("role") === "combobox") this.input.setAttribute("aria-expanded", String(on)); if (!on) this.input.removeAttribute("aria-activedescendant"); }
    ask(url, typed) {
      this.asked?.abort();
      const asked = this.asked = new AbortController();
      const body = new URLSearchParams({ q: typed }); // never in the address: it is kept and logged
      this.asking = fetch(url, { method: "POST", body, headers: { "HX-Request": "true", "Accept": "text/html" }, signal: asked.signal })
        .then(async (answer) => {
          const html = await answer.text();
          if (!answer.ok || asked.signal.aborted) return;
          this.list.innerHTML = html;
          this.options().forEach((o, i) => { o.id ||= this.list.id + i; });
          this.select(this.options()[0]);
          this.show(this.options().length > 0);
        })
        .catch((fault) => { if (fault.name !== "AbortError") this.show(false); });
      return this.asking;
    }
    stop() { this.asked?.abort(); this.show(false); }
  }

  customElements.define("type-ahead", class extends HTMLElement {
    connectedCallback() {
      const input = $("[role=combobox]", this), list = $("[role=listbox]", this), pick = $("[data-pick]", this);
      const menu = new Menu(list, input), form = input.form;
      let timer = 0, waiting = false;
      const choose = (o) => {
        if (o) { pick.value = o.dataset.value; input.value = o.dataset.text; }
        menu.stop();
        this.dispatchEvent(new CustomEvent("chosen", { bubbles: true }));
      };
      const ask = () => {
        waiting = false; clearTimeout(timer);
        if (!input.value.trim()) { menu.stop(); return Promise.resolve(); }
        return menu.ask(this.dataset.url, input.value);
      };
      input.addEventListener("input", () => { pick.value = ""; waiting = true; clearTimeout(timer); timer = setTimeout(ask, 80); });
      input.addEventListener("keydown", async (e) => {
        if (e.isComposing) return;
        if ((e.key === "ArrowDown" || e.key === "ArrowUp") && menu.open) { e.preventDefault(); menu.move(e.key === "ArrowDown" ? 1 : -1); }
        else if (e.key === "Escape" && menu.open) { e.preventDefault(); e.stopPropagation(); menu.stop(); }
        else if (e.key === "Enter") {
          e.preventDefault(); // the first Enter chooses; what happens next is a button's affair
          if (!input.value.trim()) return;
          await (waiting ? ask() : menu.asking);
          if (menu.open) choose(menu.selected());
          if (this.dataset.enter === "submit") form.requestSubmit();
        }
      });
      input.addEventListener("keypress", (e) => { if (e.key === "Enter") e.preventDefault(); });
      // A button of the form takes the highlighted option, which is what the person sees.
      const take = () => { if (menu.open && menu.selected()) choose(menu.selected()); };
      form.addEventListener("click", (e) => { if (e.target.closest("button[type=submit]") && !this.closest("[hx-trigger]")) take(); }, true);
      list.addEventListener("mousedown", (e) => {
        const o = e.target.closest("[role=option]");
        if (!o) return;
        e.preventDefault(); choose(o);
        if (this.dataset.enter === "submit") form.requestSubmit();
      });
      // Leaving the field chooses nothing, unless a button of the form is pressed.
      input.addEventListener("blur", (e) => {
        if (e.relatedTarget?.matches?.("button[type=submit]") && e.relatedTarget.form === form && this.dataset.enter !== "submit" && !this.closest("[hx-trigger]")) take();
        else setTimeout(() => { if (document.activeElement !== input) menu.stop(); }, 200);
      });
    }
  });

  // <note-fields data-url data-pull>: a point and letters in a text area open the list of
  // phrases (inserted as text) and chart data (linked by the server).
  customElements.define("note-fields", class extends HTMLElement {
    connectedCallback() {
      const list = $("[data-phrases]", this);
      let area = null, menu = null;
      const word = () => {
        if (!area || area.selectionStart !== area.selectionEnd) return null;
        return /(?:^|[\s(])\.([\p{L}\d]{0,14})$/u.exec(area.value.slice(0, area.selectionStart));
      };
      const cut = (text) => {
        const found = word(), end = area.selectionStart, start = found ? end - found[1].length - 1 : end;
        area.setRangeText(text, start, end, "end");
        area.dispatchEvent(new Event("input", { bubbles: true }));
      };
      const choose = (o) => {
        menu.stop();
        if (!o) return;
        if (!o.dataset.pull) { cut(o.dataset.text); area.focus(); return; }
        cut("");
        htmx.ajax("POST", this.dataset.pull, { source: area.form, target: "#work", swap: "outerHTML", values: { pull: o.dataset.pull, field: area.name } });
      };
      this.addEventListener("input", (e) => {
        if (!(e.target instanceof HTMLTextAreaElement)) return;
        if (area !== e.target) { area = e.target; menu?.stop(); menu = new Menu(list, area); area.after(list); }
        const found = word();
        if (found) menu.ask(this.dataset.url, found[1]); else menu.stop();
      });
      this.addEventListener("keydown", (e) => {
        if (!menu?.open || e.target !== area || e.isComposing) return;
        if (e.key === "ArrowDown" || e.key === "ArrowUp") { e.preventDefault(); menu.move(e.key === "ArrowDown" ? 1 : -1); }
        else if ((e.key === "Enter" || e.key === "Tab") && !e.ctrlKey && !e.metaKey) { e.preventDefault(); choose(menu.selected()); }
        else if (e.key === "Escape") { e.preventDefault(); e.stopPropagation(); menu.stop(); }
      });
      list.addEventListener("mousedown", (e) => { const o = e.target.closest("[role=option]"); if (o) { e.preventDefault(); choose(o); } });
      this.addEventListener("focusout", () => setTimeout(() => { if (menu && !this.contains(document.activeElement)) menu.stop(); }, 150));
    }
  });

  // [data-insert=id] puts its data-text at the end of a text area and lets the click go on.
  document.addEventListener("click", (e) => {
    const button = e.target instanceof Element && e.target.closest("[data-insert]");
    const area = button && document.getElementById(button.dataset.insert);
    if (!area) return;
    area.value = (area.value.trim() ? area.value.trimEnd() + "\n" : "") + button.dataset.text;
    area.dispatchEvent(new Event("input", { bubbles: true }));
    area.focus();
  }, true);

  // The note's fields were drawn again with what was typed: save that as the draft.
  document.addEventListener("htmx:afterSwap", (e) => {
    const form = document.getElementById("note");
    if (form && (e.target.id === "work" || $("#work", e.target))) form.dispatchEvent(new Event("input", { bubbles: true }));
  });
})();
