// Osler's own script: keys, palette, drafts, toasts, dialogs, growing text areas. No inline
// handlers, no eval, no storage. Without it the pages still work, by links and forms.
"use strict";
// Text becomes markup (what this site answers) and never code: there is no createScript here, so
// that the browser refuses whatever makes scripts of text, whoever asks.
window.trustedTypes?.createPolicy("default", { createHTML: (html) => html });
(() => {
  const $ = (s, root = document) => root.querySelector(s);
  const $$ = (s, root = document) => [...root.querySelectorAll(s)];
  const shown = (el) => el.getClientRects().length > 0 && !el.disabled;
  const typing = (el) => el instanceof HTMLElement && (el.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(el.tagName));
  const plainInput = (el) => el instanceof HTMLInputElement && /^(checkbox|radio|button|submit)$/.test(el.type);

  // ---- keys -------------------------------------------------------------------------
  // data-key="x" presses the element, data-go="x" is reached by g then x, j and k move
  // through [data-row]. Single keys are off unless html has data-keys. Enter presses [data-enter], what the
  // page is there for, as long as nothing has the focus.
  let wentG = 0;
  const press = (el) => { el.focus(); el.click(); };
  const byKey = (attr, key) => $$(`[${attr}]`).find((el) => el.getAttribute(attr) === key && shown(el));

  document.addEventListener("keydown", (e) => {
    if (e.defaultPrevented || e.isComposing) return;
    const chord = (e.ctrlKey || e.metaKey ? "Ctrl+" : "") + e.key;
    if (e.ctrlKey || e.metaKey) {
      if (e.key.toLowerCase() === "k") { e.preventDefault(); openPalette(""); return; }
      const el = byKey("data-key", chord);
      if (el) { e.preventDefault(); press(el); }
      return;
    }
    if (e.altKey || !("keys" in document.documentElement.dataset)) return;
    if (e.key === "Escape" && typing(e.target) && !e.target.closest("dialog")) { e.target.blur(); return; } // then single keys work
    if (typing(e.target) && !plainInput(e.target)) return;
    if ($("dialog[open]")) return;
    if (e.key === "Enter") {
      const el = !e.repeat && !e.shiftKey && (e.target === document.body || e.target.id === "main") && $$("[data-enter]").find(shown);
      if (el) { e.preventDefault(); press(el); }
      return;
    }
    if (e.key === "?") { e.preventDefault(); openKeys(); return; }
    if (Date.now() - wentG < 1500) {
      wentG = 0;
      const el = byKey("data-go", e.key);
      if (el) { e.preventDefault(); press(el); }
      return;
    }
    if (e.key === "g") { wentG = Date.now(); return; }
    if (e.key === "j" || e.key === "k") { if (move(e.key === "j" ? 1 : -1)) e.preventDefault(); return; }
    const el = byKey("data-key", e.key);
    if (el) { e.preventDefault(); press(el); return; }
    if (e.key === "/") { e.preventDefault(); openPalette(""); }
  });

  let previewTimer = 0;
  function move(by) {
    const rows = $$("[data-row]").filter(shown);
    if (!rows.length) return false;
    const at = rows.findIndex((r) => r.contains(document.activeElement) || r.dataset.on !== undefined);
    const row = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + by))];
    rows.forEach((r) => delete r.dataset.on);
    row.dataset.on = "";
    const target = $("[data-default]", row) || $("a,button", row);
    if (target) target.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
    clearTimeout(previewTimer);
    const url = row.dataset.preview;
    if (url && window.htmx) previewTimer = setTimeout(() => htmx.ajax("GET", url, { target: "#item", swap: "outerHTML" }), 180);
    return true;
  }

  function openKeys() {
    const dialog = $("#keys");
    if (!dialog) return;
    const list = $("[data-key-list]", dialog);
    const dl = document.createElement("dl");
    const add = (key, text) => {
      const dt = document.createElement("dt"), dd = document.createElement("dd"), kbd = document.createElement("kbd");
      kbd.textContent = key; dt.append(kbd); dd.textContent = text; dl.append(dt, dd);
    };
    const name = (el) => (el.dataset.says || el.getAttribute("aria-label") || el.labels?.[0]?.textContent || [...el.childNodes].filter((n) => n.nodeName !== "KBD" && !n.classList?.contains("tag")).map((n) => n.textContent).join(" ")).replace(/\s+/g, " ").trim().slice(0, 60);
    if ($("osler-palette")) add("Ctrl K", list.dataset.palette || "Search or command");
    add("Esc", list.dataset.esc || "Leave a field, so that keys work again");
    if ($("[data-row]")) add("j k", list.dataset.move || "Next, previous line");
    $$("[data-go]").filter((el) => el.dataset.go && shown(el)).forEach((el) => add("g " + el.dataset.go, name(el)));
    $$("[data-key]").filter(shown).forEach((el) => add(el.dataset.key, name(el)));
    list.replaceChildren(dl);
    open(dialog);
  }

  // ---- dialogs ----------------------------------------------------------------------
  function open(dialog) { if (!dialog.open) dialog.showModal(); }
  document.addEventListener("click", (e) => {
    const el = e.target instanceof Element ? e.target : null;
    if (!el) return;
    const opener = el.closest("[data-open]");
    if (opener) { const d = document.getElementById(opener.dataset.open); if (d) { e.preventDefault(); open(d); } }
    if (el.closest("[data-dismiss]")) el.closest("dialog")?.close();
    if (el.closest("[data-palette]")) openPalette("");
    if (el.closest("[data-close]")) el.closest("osler-toast")?.remove();
    if (el.closest("[data-print]")) window.print();
    $$("details.um[open]").forEach((d) => { if (!d.contains(el)) d.open = false; });
    if (el instanceof HTMLDialogElement && el.id !== "over") el.close(); // on the backdrop
  });
  document.addEventListener("keydown", (e) => {
    if (e.key === "Escape") $$("details.um[open]").forEach((d) => { d.open = false; $("summary", d).focus(); });
  });
  document.addEventListener("change", (e) => {
    const all = e.target.closest?.("[data-check-all]");
    if (all) $$(`input[type=checkbox][name="${all.dataset.checkAll}"]`).forEach((c) => { c.checked = all.checked; });
    if (e.target.closest?.("[data-submit]")) e.target.form?.requestSubmit();
  });

  // ---- palette ----------------------------------------------------------------------
  let openPalette = () => {};
  customElements.define("osler-palette", class extends HTMLElement {
    connectedCallback() {
      const dialog = $("dialog", this), input = $("input", this), list = $("[role=listbox]", this);
      let timer = 0, asked = null;
      const options = () => $$("[role=option]", list);
      const select = (o) => {
        options().forEach((x) => x.setAttribute("aria-selected", String(x === o)));
        if (o) { input.setAttribute("aria-activedescendant", o.id); o.scrollIntoView({ block: "nearest" }); }
        else input.removeAttribute("aria-activedescendant");
      };
      const ask = async () => {
        asked?.abort();
        asked = new AbortController();
        const body = new URLSearchParams({ q: input.value }); // never in the address: it is kept and logged
        const patient = $("[data-patient]");
        if (patient) body.set("patient", patient.dataset.patient);
        try {
          const answer = await fetch("/find", { method: "POST", body, headers: { "HX-Request": "true", "Accept": "text/html" }, signal: asked.signal });
          const html = await answer.text();
          if (!answer.ok) throw new Error(String(answer.status));
          list.innerHTML = html;
          options().forEach((o, i) => { o.id ||= "po" + i; o.tabIndex = -1; });
          select(options()[0]);
        } catch (fault) {
          if (fault.name !== "AbortError") list.textContent = dialog.dataset.failed || "The search did not answer. Try again.";
        }
      };
      openPalette = (text) => { input.value = text; open(dialog); input.focus(); ask(); };
      input.addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(ask, 90); });
      input.addEventListener("keydown", (e) => {
        const all = options(), at = all.findIndex((o) => o.getAttribute("aria-selected") === "true");
        if (e.key === "ArrowDown" || e.key === "ArrowUp") {
          e.preventDefault();
          if (all.length) select(all[(at + (e.key === "ArrowDown" ? 1 : all.length - 1) + all.length) % all.length]);
        } else if (e.key === "Enter" && all[at]) { e.preventDefault(); (all[at].querySelector("a,button") || all[at]).click(); }
      });
    }
  });

  // ---- the sign bar ---------------------------------------------------------------
  // What has the focus scrolls above it, however tall it is; one that takes more than a third of what
  // is seen stops to stick. htmx puts a new bar into its place.
  const html = document.documentElement;
  const fitBar = () => {
    const bar = $(".signbar");
    if (!bar) return;
    const seen = window.visualViewport ? visualViewport.height : innerHeight;
    html.style.setProperty("--bar", bar.offsetHeight + "px");
    html.toggleAttribute("data-tallbar", bar.offsetHeight > seen / 3);
  };
  const barSize = new ResizeObserver(fitBar);
  const watchBar = () => { barSize.disconnect(); const bar = $(".signbar"); if (bar) { barSize.observe(bar); fitBar(); } };
  document.addEventListener("DOMContentLoaded", watchBar);
  document.addEventListener("htmx:afterSettle", watchBar);
  if (window.visualViewport) visualViewport.addEventListener("resize", () => {
    fitBar();
    const at = document.activeElement;
    if ($(".signbar") && at && at.matches("input,select,textarea")) at.scrollIntoView({block: "nearest"});
  });
  if (document.readyState !== "loading") watchBar();

  // ---- toasts -----------------------------------------------------------------------
  customElements.define("osler-toast", class extends HTMLElement {
    disconnectedCallback() { // what is below does not jump when the strip empties
      const area = $("#toast");
      if (area && !area.children.length) { area.textContent = ""; area.style.minHeight = this.tall + "px"; }
    }
    connectedCallback() {
      this.tall = this.parentElement.offsetHeight;
      if (this.classList.contains("bad")) return; // a fault stays until it is closed
      let left = 10000, since = 0, timer = 0;
      const go = () => { since = Date.now(); timer = setTimeout(() => this.remove(), left); };
      const wait = () => { clearTimeout(timer); left = Math.max(2000, left - (Date.now() - since)); };
      this.addEventListener("mouseenter", wait); this.addEventListener("mouseleave", go);
      this.addEventListener("focusin", wait); this.addEventListener("focusout", go);
      go();
    }
  });
  const say = (text) => {
    const area = $("#toast"), toast = document.createElement("osler-toast"), span = document.createElement("span");
    if (!area) return;
    toast.className = "toast bad"; span.textContent = text; toast.append(span);
    const close = document.createElement("button");
    close.type = "button"; close.dataset.close = ""; close.textContent = "×"; close.setAttribute("aria-label", "Close");
    toast.append(close); area.replaceChildren(toast);
  };
  document.addEventListener("htmx:sendError", () => { reached = false; say("Not sent: there is no connection to Osler. What you typed is still here. Try again."); });
  document.addEventListener("htmx:timeout", () => say("Osler did not answer in time. Check whether it was saved before you try again."));

  // ---- drafts -----------------------------------------------------------------------
  // <draft-form data-key data-version> saves the fields of its form after a pause of 0.7 s, every 2 s while somebody types, and
  // when a field is left, and before its form is sent. Two versions are shown side by side; nothing is overwritten.
  const fields = (form) => {
    const out = {};
    for (const el of form.elements) {
      if (!el.name || el.type === "hidden" || el.type === "submit" || el.type === "button" || el.type === "password") continue;
      if ((el.type === "checkbox" || el.type === "radio") && !el.checked) { if (el.type === "checkbox" && !(el.name in out)) out[el.name] = ""; continue; }
      out[el.name] = el.type === "checkbox" && out[el.name] ? out[el.name] + "\n" + el.value : el.value;
    }
    return out;
  };
  // Nothing typed is lost when a tab is closed: what is not saved goes along (keepalive), and the browser
  // asks first when that may fail: without a connection, in a conflict, after a save that did not arrive.
  const drafts = new Set();
  let reached = true; // whether the server answered the last time that it was asked
  window.addEventListener("beforeunload", (e) => {
    for (const d of drafts) if (d.unsaved()) { if (d.risky()) { e.preventDefault(); e.returnValue = true; } d.save(); }
  });
  window.addEventListener("pagehide", () => drafts.forEach((d) => d.leave()));
  window.addEventListener("pageshow", () => drafts.forEach((d) => { d.leaving = false; }));
  document.addEventListener("visibilitychange", () => { if (document.hidden) drafts.forEach((d) => { if (d.unsaved()) d.save(); }); });
  document.addEventListener("htmx:afterRequest", (e) => { reached ||= e.detail.xhr?.status > 0; drafts.forEach((d) => { d.leaving = false; }); });

  customElements.define("draft-form", class extends HTMLElement {
    connectedCallback() {
      this.form = this.closest("form") || $("form", this);
      if (!this.form) return;
      this.version = Number(this.dataset.version || 0);
      this.status = $("[data-saved]", this) || $("[data-saved]", this.form);
      this.dirty = false; this.busy = false; this.timer = 0; this.base = fields(this.form);
      this.more = {}; // fields of the draft that this page does not show
      this.onInput = () => { this.dirty = true; this.show("busy", this.dataset.textBusy || "not saved yet"); this.since ||= Date.now(); this.later(Math.max(0, Math.min(700, this.since + 2000 - Date.now()))); };
      this.form.addEventListener("input", this.onInput);
      this.form.addEventListener("focusout", () => { if (this.dirty) this.save(); });
      // What is sent was saved before, so that nobody sends or signs past newer words of another window. Without a
      // connection the browser would leave for a page of its own: nothing is sent, now or later.
      this.form.addEventListener("submit", (e) => {
        const saved = this.passes;
        this.passes = false;
        if (!this.box && navigator.onLine && (saved || !this.dirty && !this.busy && !this.version)) { this.leaving = true; clearTimeout(this.timer); setTimeout(() => { if (e.defaultPrevented) this.leaving = false; }); return; }
        e.preventDefault(); e.stopImmediatePropagation();
        if (this.box) { this.first(); return; }
        this.sends = { by: e.submitter };
        this.save();
      }, true);
      drafts.add(this);
      if (this.dataset.theirs) { this.dirty = true; this.base = {}; for (const n in fields(this.form)) this.base[n] = ""; this.merge(JSON.parse(this.dataset.theirs)); }
      else if (this.dataset.apart) this.offer(JSON.parse(this.dataset.apart));
    }
    // first leads to the first choice that is open.
    first() {
      this.show("bad", this.dataset.textChoose || "Nothing was sent or signed. First choose what stays.");
      $("button", this.box)?.focus();
    }
    // send sends the form that waited for its text to be saved.
    send() {
      const { by } = this.sends || {};
      this.sends = null;
      if (by && by.form !== this.form) return; // it was drawn again meanwhile
      this.passes = true;
      this.form.requestSubmit(by);
      this.passes = false;
    }
    // leave says of a page that goes away what it has and what it knew: nobody is there to answer a question.
    leave() {
      if (!this.form || this.leaving || !(this.dirty || this.busy)) return;
      const all = { key: this.dataset.key, version: this.version, value: this.value(), leaving: true, was: this.base };
      let body = JSON.stringify(all);
      if (body.length >= 60000) { delete all.was; body = JSON.stringify(all); }
      fetch(this.dataset.url || "/draft", { method: "POST", keepalive: body.length < 60000, headers: { "Content-Type": "application/json" }, body }).catch(() => {});
    }
    value() { return { ...this.more, ...fields(this.form) }; }
    unsaved() { return this.dirty && !this.leaving; }
    risky() {
      const now = JSON.stringify(fields(this.form));
      return !navigator.onLine || !reached || this.failed || this.conflict || now.length >= 60000 ||
        this.busy && (now !== this.sending || Date.now() - this.sent > 1000);
    }
    disconnectedCallback() {
      drafts.delete(this);
      this.leave();
      clearTimeout(this.timer);
    }
    later(ms) { clearTimeout(this.timer); this.timer = setTimeout(() => this.save(), ms); }
    show(state, text) {
      if (!this.status) return;
      this.status.dataset.state = state;
      if (this.status.textContent !== text) this.status.textContent = text;
    }
    async save() {
      if (this.busy) { this.again = true; return; }
      if (this.conflict) return;
      clearTimeout(this.timer);
      this.busy = true; this.again = false; this.since = 0;
      const value = this.value(), shown = fields(this.form), before = JSON.stringify(shown), merged = this.merged;
      this.sending = before; this.sent = Date.now();
      try {
        const answer = await fetch(this.dataset.url || "/draft", {
          method: "POST", keepalive: before.length < 60000, headers: { "Content-Type": "application/json" },
          body: JSON.stringify({ key: this.dataset.key, version: this.version, value, merged }), signal: AbortSignal.timeout(30000),
        });
        reached = true;
        if (answer.status === 409) { this.sends = null; this.merge(await answer.json()); return; }
        if (answer.status === 401) { this.sends = null; this.failed = true; this.show("bad", this.dataset.textSignin || "Not saved: sign in again in another tab. Your text stays here."); this.later(15000); return; }
        if (!answer.ok) throw new Error(String(answer.status));
        const saved = await answer.json();
        this.failed = false;
        this.version = saved.version; this.base = value;
        if (merged === this.merged) this.merged = undefined;
        const keep = this.form.elements["draft-version"];
        if (keep) keep.value = saved.version;
        this.dirty = JSON.stringify(fields(this.form)) !== before;
        if (!this.dirty) this.show("ok", (this.dataset.textSaved || "saved") + " " + saved.saved);
        else this.later(2000);
      } catch (fault) {
        this.failed = true;
        reached = !(fault instanceof TypeError);
        this.show("bad", this.dataset.textFailed || "Not saved: no connection. Your text is kept here; trying again.");
        if (this.sends && (!reached || fault.name === "TimeoutError")) {
          this.sends = null;
          this.show("bad", this.dataset.textOffline || "No connection: nothing was sent or signed. Your text stays here; press again when you are online.");
          this.status?.scrollIntoView({ block: "nearest" });
        }
        this.later(5000);
      } finally {
        this.busy = false;
        if (this.sends && !this.box) this.send(); // also when the server could not keep a draft: the text goes along
        else if (this.again && this.dirty) this.later(300);
      }
    }
    merge(theirs) {
      this.conflict = true;
      const why = this.dataset.textConflict || "This was also changed in another window. Nothing is overwritten: choose what stays.";
      this.show("bad", why);
      // A field that only the other window changed is taken over, one that only this one changed stays:
      // asked is about those that both have. What the other does not show it has not changed.
      const was = this.base, now = fields(this.form), other = theirs.value || {};
      const names = Object.keys(now).filter((n) => {
        const el = this.form.elements[n];
        if (!(n in other) || (now[n] || "") === (other[n] || "") || (other[n] || "") === (was[n] || "")) return false;
        if (now[n] !== was[n] || !el.matches?.("textarea, select, input:not([type=checkbox], [type=radio])")) return true;
        el.value = other[n];
        return false;
      });
      const merged = () => {
        this.conflict = false; this.version = theirs.version; this.base = other; this.dirty = true;
        this.more = Object.fromEntries(Object.entries(other).filter(([n]) => !this.form.elements[n]));
        const knows = this.form.elements["draft-version"];
        if (knows) knows.value = theirs.version;
      };
      if (!names.length) { merged(); this.show("busy", this.dataset.textBusy || "not saved yet"); this.later(0); return; }
      this.ask(why, (this.dataset.textTheirs || "Saved elsewhere") + " " + (theirs.saved || ""), names, other, () => { merged(); this.save(); });
    }
    // offer asks about texts that were left in other windows, one after the other. A field that is not there any
    // more is asked about at the first one that is.
    offer(list) {
      const [one, ...rest] = list;
      if (!one) { this.merged = Number(this.dataset.merged); this.dirty = true; this.save(); return; }
      const now = fields(this.form);
      const names = Object.keys(one.value).filter((n) => one.value[n].trim() && !(now[n] || "").includes(one.value[n].trim()));
      if (!names.length) { this.offer(rest); return; }
      this.ask(this.dataset.textApart || "You left this text in another window, and it is not part of what is saved. Choose what stays.",
        (this.dataset.textLeft || "Left in another window") + " " + (one.saved || ""), names, one.value, () => this.offer(rest), true);
    }
    // ask shows two versions of some fields side by side, and goes on when each was chosen. A page that was just
    // opened keeps its focus: the Enter that opened it chooses nothing.
    ask(why, whose, names, others, done, opened) {
      const open = new Set(), box = document.createElement("div"), head = document.createElement("h3");
      box.className = "merge"; box.setAttribute("role", "alert");
      head.textContent = why;
      box.append(head);
      this.box = box;
      const finish = (name, parts) => {
        const at = parts.some((p) => p.contains(document.activeElement));
        open.delete(name); parts.forEach((p) => p.remove());
        if (open.size) { if (at) $("button", box).focus(); return; }
        box.remove(); this.box = null; done();
        if (at) (this.box ? $("button", this.box) : this.form.elements[name] || this.any())?.focus();
      };
      for (const name of names) {
        open.add(name);
        const el = this.form.elements[name] || this.any(), other = others[name] || "", own = el?.value || "";
        const title = document.createElement("p"), strong = document.createElement("b");
        strong.textContent = el?.labels?.[0]?.textContent || el?.ariaLabel || name; title.append(strong);
        const col = (label, text) => {
          const d = document.createElement("div"), b = document.createElement("b"), pre = document.createElement("pre");
          b.textContent = label; pre.textContent = text; d.append(b, pre); return d;
        };
        const left = col(this.dataset.textMine || "Here", own), right = col(whose, other);
        const choose = (label, text) => { // own may have grown since
          const b = document.createElement("button");
          b.type = "button"; b.className = "small"; b.textContent = label;
          b.addEventListener("click", () => { if (el && el.value !== undefined) { el.value = text(el.value); this.dirty = true; if (!grows) grow(el); } finish(name, [title, left, right]); });
          return b;
        };
        left.append(choose(this.dataset.textKeep || "Keep this", (own) => own));
        right.append(choose(this.dataset.textTake || "Take this", () => other), " ", choose(this.dataset.textBoth || "Keep both", (own) => own + "\n\n" + other));
        box.append(title, left, right);
      }
      this.prepend(box);
      if (!opened && !document.activeElement?.matches("input, textarea, select")) $("button", box).focus(); // nobody's typing presses it
    }
    any() { return [...this.form.elements].find((el) => el instanceof HTMLTextAreaElement); }
  });

  // ---- being here ---------------------------------------------------------------------
  // Typing and reading count as being there: the server hears of it once a minute. Without
  // any sign the page warns a minute before the lock, then is covered. Every half minute, and
  // when the tab comes to the front, the page also asks whether its person may still see it,
  // which is no sign of being there. When not, it is covered at once and left; what was typed
  // and is not saved keeps it in place, covered, until the same person is back. A server that
  // cannot be reached takes nothing away.
  const root = document.documentElement, idle = Number(root.dataset.idle || 0) * 1000;
  if (idle) {
    let active = Date.now(), told = active, asked = active, touched = false;
    const warning = $("#idle"), over = $("#over"), title = document.title;
    const here = () => {
      active = Date.now();
      if (warning?.open) warning.close();
      if ("over" in root.dataset && active - asked > 1000) beat();
    };
    ["keydown", "pointerdown", "wheel", "touchstart"].forEach((n) => document.addEventListener(n, here, { passive: true }));
    document.addEventListener("input", (e) => {
      const form = e.target.form;
      if (form && !$$("draft-form").some((d) => d.form === form)) touched = true;
    });
    const cover = (why) => {
      root.dataset.over = why;
      document.title = "Osler";
      if (over && !over.open) over.showModal();
    };
    const uncover = () => {
      if (!("over" in root.dataset)) return;
      delete root.dataset.over;
      document.title = title;
      over?.close();
    };
    const end = (why) => {
      cover(why);
      if (touched || $$("draft-form").some((d) => d.dirty)) return;
      location.replace(why === "ended" ? "/" : "/locked?next=" + encodeURIComponent(location.pathname + location.search));
    };
    const beat = async () => {
      asked = Date.now();
      const headers = { "Osler-Who": root.dataset.who, "Osler-Held": root.dataset.held };
      const status = await fetch("/beat", { headers, cache: "no-store" }).then((a) => a.status, () => 0);
      reached = status > 0;
      if (status === 401) end("out");
      else if (status === 410) end("ended");
      else if (status === 204 && Date.now() - active < idle) uncover();
    };
    over?.addEventListener("cancel", (e) => e.preventDefault());
    document.addEventListener("visibilitychange", () => { if (!document.hidden) beat(); });
    document.addEventListener("htmx:afterRequest", (e) => { told = Date.now(); if (e.detail.xhr?.status === 401) beat(); });
    setInterval(() => {
      const now = Date.now();
      if (active > told && now - told > 60000) { told = now; fetch("/stay", { headers: { "HX-Request": "true" } }).catch(() => {}); }
      if (now - active > idle) cover(root.dataset.over || "idle");
      else if (now - active > idle - 60000 && warning && !warning.open) open(warning);
      if (now - asked >= 30000) beat();
    }, 5000);
  }

  // ---- proofs -------------------------------------------------------------------------
  // A request that asks for a proof of identity first waits here. The answer puts a dialog on
  // the page; when it is confirmed the same request goes out again, with what was in it.
  let unproved = null;
  const away = (dialogs) => dialogs.forEach((d) => { if (d.open) d.close(); d.remove(); }); // closing gives the focus back
  document.addEventListener("htmx:beforeSwap", (e) => {
    const { xhr, requestConfig } = e.detail;
    if (!xhr.getResponseHeader("Osler-Prove")) return;
    away($$("dialog#prove"));
    unproved = { elt: e.detail.elt, verb: requestConfig.verb, path: requestConfig.path, values: requestConfig.parameters, target: requestConfig.target };
  });
  document.addEventListener("htmx:afterSettle", () => {
    const dialog = $("dialog#prove:not([open])");
    offerPasskeys();
    if (dialog && !dialog.dataset.seen) { dialog.dataset.seen = "1"; open(dialog); }
  });
  document.addEventListener("osler-proved", () => {
    const again = unproved;
    unproved = null;
    away($$("dialog#prove"));
    if (again && document.contains(again.elt)) htmx.ajax(again.verb, again.path, { source: again.elt, target: again.target, values: again.values instanceof FormData ? Object.fromEntries([...new Set(again.values.keys())].map((k) => { const all = again.values.getAll(k); return [k, all.length > 1 ? all : all[0]]; })) : again.values });
  });

  // ---- passkeys -----------------------------------------------------------------------
  // A button [data-passkey] holds what the server asks of the device (JSON); the answer goes
  // into the field "passkey" of its form, or the one that data-into names, and the form goes
  // out. Buttons stay hidden where the browser knows no passkeys.
  const bytes = (s) => Uint8Array.from(atob(s.replaceAll("-", "+").replaceAll("_", "/")), (c) => c.charCodeAt(0));
  const text64 = (b) => btoa(String.fromCharCode(...new Uint8Array(b))).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
  const listed = (list) => (list || []).map((c) => ({ ...c, id: bytes(c.id) }));
  const answerOf = (c) => {
    const out = { id: c.id, rawId: text64(c.rawId), type: c.type, authenticatorAttachment: c.authenticatorAttachment || undefined, clientExtensionResults: c.getClientExtensionResults(), response: { clientDataJSON: text64(c.response.clientDataJSON) } };
    for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) if (c.response[part]) out.response[part] = text64(c.response[part]);
    if (c.response.getTransports) out.response.transports = c.response.getTransports();
    return JSON.stringify(out);
  };
  const offerPasskeys = () => { if (window.PublicKeyCredential && navigator.credentials) $$("[data-passkey][hidden]").forEach((b) => { b.hidden = false; }); };
  document.addEventListener("click", async (e) => {
    const button = e.target instanceof Element ? e.target.closest("[data-passkey]") : null;
    if (!button) return;
    e.preventDefault();
    const asked = JSON.parse(button.dataset.passkey), form = button.form || button.closest("form");
    asked.challenge = bytes(asked.challenge);
    button.disabled = true;
    try {
      let made;
      if (asked.user) {
        asked.user.id = bytes(asked.user.id);
        asked.excludeCredentials = listed(asked.excludeCredentials);
        made = await navigator.credentials.create({ publicKey: asked });
      } else {
        asked.allowCredentials = listed(asked.allowCredentials);
        made = await navigator.credentials.get({ publicKey: asked });
      }
      form.elements[button.dataset.into || "passkey"].value = answerOf(made);
      form.noValidate = true;
      form.requestSubmit();
    } catch (fault) {
      const place = $("[data-passkey-fault]", form);
      if (place) place.textContent = fault.name === "InvalidStateError" ? place.dataset.already || "" : place.dataset.passkeyFault;
      button.disabled = false;
    }
  });

  // ---- the focus after a part was drawn again -------------------------------------------
  // htmx keeps the focus on what has an id. Where its element is gone, it goes to the same name
  // or label in the new part; else to what stands in its place now; else to the part itself.
  let was = null;
  const stops = (part) => $$("a[href],button,input:not([type=hidden]),select,textarea,summary", part).filter((el) => shown(el) && el.tabIndex >= 0);
  const known = (el) => ["name", "aria-label", "href", "hx-post", "hx-get"].map((a) => el.getAttribute(a)).join("\n") + el.value;
  const lost = () => !document.activeElement || document.activeElement === document.body;
  document.addEventListener("htmx:beforeSwap", () => {
    if (lost()) return;
    const el = document.activeElement, parts = [];
    for (let up = el.parentElement?.closest("[id]"); up; up = up.parentElement?.closest("[id]")) parts.push({ id: up.id, at: stops(up).indexOf(el) });
    was = { el, parts, known: known(el) };
  });
  document.addEventListener("htmx:afterSettle", () => setTimeout(() => {
    if (!was || !lost() || document.contains(was.el) && shown(was.el)) return;
    for (const { id, at } of was.parts) {
      const part = document.getElementById(id);
      if (!part) continue;
      const all = stops(part), next = all.find((el) => known(el) === was.known) || all[Math.min(Math.max(at, 0), all.length - 1)] || part;
      if (next === part && !part.hasAttribute("tabindex")) part.tabIndex = -1;
      next.focus({ preventScroll: next === part });
      break;
    }
    was = null;
  }));

  // ---- dates written out --------------------------------------------------------------
  // Below a date input stands what is chosen, in words of the page's language, as the server writes it.
  const days = new Intl.DateTimeFormat(html.lang === "en" ? "en-GB" : html.lang, { dateStyle: "long", timeZone: "UTC", calendar: "gregory", numberingSystem: "latn" });
  const write = (el) => {
    const out = el.id && document.getElementById(el.id + "-written");
    if (!out) return;
    const day = new Date(el.value.slice(0, 10) + "T00:00Z"); // a year that is half typed is none
    const text = day.getUTCFullYear() >= 1000 ? days.format(day) : "";
    if (out.textContent !== text) out.textContent = text;
  };
  document.addEventListener("input", (e) => write(e.target));
  window.addEventListener("pageshow", () => $$("input[type^=date]").forEach(write));

  // ---- growing text areas, error summaries --------------------------------------------
  const grows = window.CSS && CSS.supports("field-sizing", "content");
  const grow = (t) => { t.style.height = "auto"; t.style.height = t.scrollHeight + 2 + "px"; };
  const settle = (root) => {
    if (!grows) $$("textarea", root).forEach(grow);
    const summary = $(".errsum", root);
    if (summary) summary.focus();
  };
  document.addEventListener("input", (e) => { if (!grows && e.target instanceof HTMLTextAreaElement) grow(e.target); });
  document.addEventListener("htmx:afterSwap", (e) => settle(e.target));
  document.addEventListener("htmx:afterSettle", () => {
    const item = $("#item.open"); // opened beside a list, or on top of it on a narrow screen
    if (!item) return;
    $$("[data-preview]").forEach((row) => row.toggleAttribute("aria-current", location.pathname.endsWith(row.dataset.preview)));
    if (item.getBoundingClientRect().top < 0) item.scrollIntoView({ block: "start" });
  });
  const ready = () => { settle(document); offerPasskeys(); };
  if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", ready); else ready();
})();
