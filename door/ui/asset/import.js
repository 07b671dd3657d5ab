// Script of the review of a document: a, m, i, u and Space choose for the line in hand and lead on to the next one, arrows
// move, the text of the document follows. Without it the page works by its form and links.
"use strict";
(() => {
  const $ = (s, root = document) => root.querySelector(s);
  const $$ = (s, root = document) => [...root.querySelectorAll(s)];
  const rowOf = () => document.activeElement?.closest?.("tr[data-source]") || $("tr[data-source][data-on]");

  // The passage of the line in hand is marked, and brought into view within its pane.
  let marked = null;
  const follow = (row) => {
    let to = row && document.getElementById(row.dataset.source);
    if (to && !to.textContent.trim()) to = to.parentElement; // a mark before the words
    const pane = to?.closest(".src");
    if (!pane || to === marked) return;
    marked?.classList.remove("here");
    to.classList.add("here");
    marked = to;
    const by = to.getBoundingClientRect().top - pane.getBoundingClientRect().top;
    if (by < 0 || by > pane.clientHeight - 40) pane.scrollTop += by - pane.clientHeight / 3;
  };
  document.addEventListener("focusin", () => {
    const row = rowOf();
    if (!row) return;
    $$("tr[data-source][data-on]").forEach((r) => { if (r !== row) delete r.dataset.on; });
    row.dataset.on = "";
    follow(row);
  });
  document.addEventListener("click", (e) => {
    const link = e.target.closest?.("a.srcl");
    if (!link) return;
    const row = link.closest("tr");
    if (matchMedia("(min-width:60.01rem)").matches) { e.preventDefault(); follow(row); } // beside: no jump is needed
  });

  const open = (row) => $("[data-choice]", row);
  const enter = (row) => { // unfolds its section
    row.closest("details").open = true;
    $("[data-choice]:checked,[data-choice]", row).focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
  };
  const items = () => $$("tr[data-source]").filter((r) => open(r) && getComputedStyle(r).display !== "none");
  const step = (by) => {
    const rows = items(), to = rows[Math.min(rows.length - 1, Math.max(0, rows.indexOf(rowOf()) + by))];
    if (to) enter(to);
  };
  // After a choice comes the next item without one, from the top again behind the last; then what accepts.
  const next = (row) => {
    const rows = $$("tr[data-source]"), at = rows.indexOf(row);
    const to = [...rows.slice(at + 1), ...rows.slice(0, at)].find((r) => open(r) && !$("[data-choice]:checked", r));
    if (to) { enter(to); return; }
    delete row.dataset.on; // a letter chooses nothing more
    $("#accept")?.focus();
  };
  let spaced = false; // Space chooses, and leads on; arrows look for a choice, and stay
  document.addEventListener("keydown", (e) => {
    const radio = e.target.matches?.("[data-choice]");
    spaced = radio && e.key === " ";
    if (spaced && e.target.checked) { // a browser presses no choice twice
      e.preventDefault();
      if (!e.repeat) next(e.target.closest("tr"));
      return;
    }
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
    if (radio && (e.key === "ArrowDown" || e.key === "ArrowUp")) { e.preventDefault(); step(e.key === "ArrowDown" ? 1 : -1); return; }
    if (!("keys" in document.documentElement.dataset) || $("dialog[open]")) return;
    if (!radio && /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName)) return;
    const row = rowOf(), choice = row && $(`[data-choice="${CSS.escape(e.key)}"]`, row);
    if (!choice) return;
    e.preventDefault();
    if (e.repeat) return; // a key that is held chooses once
    choice.checked = true;
    choice.dispatchEvent(new Event("change", { bubbles: true }));
    next(row);
  });
  document.addEventListener("click", (e) => {
    if (spaced && e.target.matches?.("[data-choice]")) { spaced = false; next(e.target.closest("tr")); }
  });
  // j and k go through the lines that are seen (app.js): the next one's section unfolds first.
  document.addEventListener("keydown", (e) => {
    if (e.key !== "j" && e.key !== "k") return;
    const rows = $$("tr[data-source]"), at = rows.indexOf(rowOf()), to = rows[at < 0 ? 0 : at + (e.key === "j" ? 1 : -1)];
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName) && e.target.type !== "radio";
    if (to && !typing) to.closest("details").open = true;
  }, true);
  // On a phone a long document begins folded, but for the section of the item to go on with. A page that comes back
  // has the focus on that item as a whole: there Enter, still held, accepts nothing.
  const target = location.hash.startsWith("#f-") ? document.getElementById(location.hash.slice(1)) : null;
  const first = target || $$("[data-choice]").find((c) => !$("[data-choice]:checked", c.closest("tr")));
  if (matchMedia("(max-width:37.5rem)").matches && $$("tr[data-source]").length > 10) $$("details.sec").forEach((d) => { d.open = d.contains(first); });
  if (target?.closest("tr")) {
    target.closest("details").open = true;
    target.focus();
  }

  // What is chosen is counted as it is chosen.
  const said = (el, n) => { el.textContent = el.dataset.says.replace("9999", n); };
  const count = () => {
    const bar = $("[data-chosen]");
    if (!bar) return;
    const all = $$("tr[data-source]").filter(open), by = {};
    all.forEach((r) => { const c = $("[data-choice]:checked", r); if (c) by[c.value] = (by[c.value] || 0) + 1; });
    const parts = ["add", "merge", "ignore", "unsure"].filter((c) => by[c]).map((c) => bar.dataset[c].replace("9999", by[c]));
    bar.textContent = parts.length ? parts.join(bar.dataset.comma) : bar.dataset.none;
    const n = (by.add || 0) + (by.merge || 0) + (by.ignore || 0), button = $("[data-accepts]");
    button.textContent = n === 0 ? button.dataset.none : n === all.length ? button.dataset.all.replace("9999", n) : button.dataset.some.replace("9999", n).replace("8888", all.length - n);
    $("[data-leftover]").textContent = bar.dataset.left.replace("9999", all.length - n);
    $$("details.sec").forEach((d) => said($("[data-todo]", d), $$("tr[data-source]", d).filter((r) => open(r) && !$("[data-choice]:checked:not([value=unsure])", r)).length));
    $$("[data-plain-of]").forEach((b) => {
      const plain = $$("tr[data-plain]", b.closest("details.sec") || document).filter((r) => !$("[data-choice]:checked", r)).length;
      said(b, plain);
      b.hidden = plain === 0;
    });
  };
  document.addEventListener("change", (e) => { if (e.target.matches("[data-choice]")) { count(); unsaved = true; } });
  // What is chosen and not saved is not lost by a link.
  let unsaved = false;
  document.addEventListener("submit", () => { unsaved = false; });
  addEventListener("beforeunload", (e) => { if (unsaved) e.preventDefault(); });
})();
