// Script of the review of a document: a, m, i and u choose for the line in hand, arrows move, the text
// of the document follows. Without it the page works by its form and links.
"use strict";
(() => {
  const $ = (s, root = document) => root.querySelector(s);
  const $$ = (s, root = document) => [...root.querySelectorAll(s)];
  const rowOf = () => document.activeElement?.closest?.("tr[data-source]") || $("tr[data-source][data-on]");

  // The passage of the line in hand is marked, and brought into view within its pane.
  let marked = null;
  const follow = (row) => {
    const to = row && document.getElementById(row.dataset.source), pane = to?.closest(".src");
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

  const step = (by) => {
    const rows = $$("tr[data-source]").filter((r) => $("[data-choice]", r)), row = rowOf();
    const to = rows[Math.min(rows.length - 1, Math.max(0, rows.indexOf(row) + by))];
    if (!to) return;
    $("[data-choice]:checked,[data-choice]", to).focus({ preventScroll: true });
    to.scrollIntoView({ block: "nearest" });
  };
  document.addEventListener("keydown", (e) => {
    const radio = e.target.matches?.("[data-choice]");
    if (e.ctrlKey || e.metaKey || e.altKey || e.isComposing) return;
    if (radio && (e.key === "ArrowDown" || e.key === "ArrowUp")) { e.preventDefault(); step(e.key === "ArrowDown" ? 1 : -1); return; }
    if (!("keys" in document.documentElement.dataset) || $("dialog[open]")) return;
    if (!radio && /^(INPUT|TEXTAREA|SELECT)$/.test(e.target.tagName)) return;
    const row = rowOf(), choice = row && $(`[data-choice="${CSS.escape(e.key)}"]`, row);
    if (!choice) return;
    e.preventDefault();
    choice.checked = true;
    choice.dispatchEvent(new Event("change", { bubbles: true }));
    step(1);
  });

  // What is chosen is counted as it is chosen.
  const count = () => {
    const bar = $("[data-chosen]");
    if (!bar) return;
    const all = $$("tr[data-source]").filter((r) => $("[data-choice]", r)), by = {};
    all.forEach((r) => { const c = $("[data-choice]:checked", r); if (c) by[c.value] = (by[c.value] || 0) + 1; });
    const parts = ["add", "merge", "ignore", "unsure"].filter((c) => by[c]).map((c) => bar.dataset[c].replace("9999", by[c]));
    bar.textContent = parts.length ? parts.join(", ") : bar.dataset.none;
    const n = (by.add || 0) + (by.merge || 0) + (by.ignore || 0), button = $("[data-accepts]");
    button.textContent = n === 0 ? button.dataset.none : n === all.length ? button.dataset.all.replace("9999", n) : button.dataset.some.replace("9999", n).replace("8888", all.length - n);
    $("[data-leftover]").textContent = bar.dataset.left.replace("9999", all.length - n);
  };
  document.addEventListener("change", (e) => { if (e.target.matches("[data-choice]")) { count(); unsaved = true; } });
  // What is chosen and not saved is not lost by a link.
  let unsaved = false;
  document.addEventListener("submit", () => { unsaved = false; });
  addEventListener("beforeunload", (e) => { if (unsaved) e.preventDefault(); });
})();
