// A prescription is signed with its warnings looked at: on a phone they may lie where nobody has been yet.
// The sign bar says how many were never on the screen, and its button leads to the first of them; the next
// press signs. Beside the form, as on a desk, they are on the screen from the start.
"use strict";
(() => {
  const shown = new Set(), pause = 700; // ms in which a second tap of the same finger signs nothing
  let since = 0, timer = 0;
  const all = (sel) => [...document.querySelectorAll(sel)];
  const unseen = () => all("#safety [data-look]").filter((card) => {
    const says = card.querySelector("[data-says]").getBoundingClientRect(), x = (says.left + says.right) / 2;
    [says.top + 2, says.bottom - 2].forEach((y, end) => { // its first line and its last, under no bar
      if (card.contains(document.elementFromPoint(x, y))) shown.add(end + card.dataset.look);
    });
    return !shown.has(0 + card.dataset.look) || !shown.has(1 + card.dataset.look);
  });
  const look = () => {
    const told = document.querySelector("#signbar [data-first]");
    if (!told) return [];
    const list = unseen(), words = told.querySelector("bdi"), act = document.querySelector("#signbar .primary span");
    const says = list.length === 0 ? told.dataset.standing ?? words.textContent : list.length === 1 ? told.dataset.one : told.dataset.many.replace("%d", list.length);
    if (words.textContent === says) return list;
    told.dataset.standing ??= words.textContent;
    act.dataset.act ??= act.textContent;
    if (list.length === 0) since = Date.now();
    words.textContent = says;
    act.textContent = list.length === 0 ? act.dataset.act : told.dataset.first;
    return list;
  };
  const show = (card) => { card.focus({ preventScroll: true }); card.scrollIntoView({ block: "start", behavior: "instant" }); since = Date.now(); look(); };
  const atRest = () => { clearTimeout(timer); timer = setTimeout(look, 300); };
  document.addEventListener("scroll", atRest, { passive: true });
  addEventListener("resize", atRest);
  addEventListener("load", atRest); // of fonts too, which move what is below
  document.addEventListener("submit", (e) => {
    if (!e.submitter?.matches("#signbar .primary")) return;
    const soon = Date.now() - since < pause, list = look();
    if (list.length > 0 && !soon) show(list[0]);
    if (list.length > 0 || soon) { e.preventDefault(); e.stopImmediatePropagation(); }
  }, true);
  // Where the panel stands above the fields, a medicine that was just chosen leads to its first new warning
  // and not past it to the dose; who is in a field stays there.
  document.addEventListener("htmx:afterSettle", () => {
    const fresh = all("#safety [data-look]").find((card) => !shown.has(0 + card.dataset.look));
    if (fresh && matchMedia("(max-width:75rem)").matches && document.activeElement?.matches("pick-list *, body")) show(fresh);
    look();
  }, true);
  look();
})();
