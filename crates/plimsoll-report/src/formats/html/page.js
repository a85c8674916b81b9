
"use strict";
// Sorting and filtering of what is already there; the page says everything without it.
(() => {
  document.documentElement.classList.add("js");
  const value = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent.trim();
  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        const rows = [...table.tBodies[0].rows];
        // Numbers start with the greatest, words with the first.
        const first = rows.some((row) => "sort" in row.cells[column].dataset) ? "descending" : "ascending";
        const now = head.getAttribute("aria-sort");
        const up = (now ? (now === "ascending" ? "descending" : "ascending") : first) === "ascending";
        heads.forEach((other) => other.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        rows.sort((a, b) => value(a, column).localeCompare(value(b, column), "en", { numeric: true }) * (up ? 1 : -1));
        table.tBodies[0].append(...rows);
      });
    });
  }
  for (const filter of document.querySelectorAll(".filter")) {
    const table = document.getElementById(filter.dataset.for);
    const boxes = [...filter.querySelectorAll("input[type=checkbox]")];
    filter.addEventListener("input", () => {
      const words = filter.querySelector("input[type=search]").value.toLowerCase().split(/\s+/).filter(Boolean);
      const wanted = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
      let shown = 0;
      for (const row of table.tBodies[0].rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !((!boxes.length || wanted.has(row.dataset.severity)) && words.every((word) => text.includes(word)));
        shown += row.hidden ? 0 : 1;
      }
      filter.querySelector("output").textContent = shown + " shown";
    });
  }
  addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => { part.open = true; }));
})();
