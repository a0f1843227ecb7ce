"use strict";
// A header's button sorts the rows within each block: high to low first, then low to high.
const keyOf = (row, column) => {
  const cell = row.cells[column], shown = cell.dataset.value ?? cell.textContent;
  return column === 0 ? shown : Number(shown.match(/[+-]?\d[\d.e-]*/)?.[0] ?? -Infinity);
};
const compare = (a, b) => typeof a === "string" ? a.localeCompare(b) : a === b ? 0 : a < b ? -1 : 1;
for (const button of document.querySelectorAll(".sortable th button")) {
  button.addEventListener("click", () => {
    const head = button.parentElement, column = head.cellIndex, table = head.closest("table");
    const first = column === 0 ? "ascending" : "descending";
    const other = column === 0 ? "descending" : "ascending";
    const order = head.getAttribute("aria-sort") === first ? other : first;
    for (const each of table.tHead.rows[0].cells) each.setAttribute("aria-sort", each === head ? order : "none");
    const sign = order === "ascending" ? 1 : -1;
    for (const body of table.tBodies)
      body.append(...[...body.rows].sort((a, b) => sign * compare(keyOf(a, column), keyOf(b, column))));
  });
}
// A value leads to the summary of its runs, as its link says; here these are opened, and its column is marked.
for (const link of document.querySelectorAll("td a[data-column]")) {
  link.addEventListener("click", () => {
    const runs = document.querySelector(link.hash).closest("details");
    runs.open = true;
    for (const cell of document.querySelectorAll(".chosen")) cell.classList.remove("chosen");
    for (const cell of runs.querySelectorAll(`td[data-column="${link.dataset.column}"]`)) cell.classList.add("chosen");
  });
}
// A name in a legend brings out its line, in all pictures that the legend is of; once more, and all are as before.
for (const button of document.querySelectorAll(".legend button")) {
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true", chosen = on ? button.dataset.series : null;
    for (const each of button.closest(".legend").querySelectorAll("button"))
      each.setAttribute("aria-pressed", String(on && each === button));
    for (const line of button.closest(".charts").querySelectorAll(".series"))
      line.classList.toggle("faint", on && line.dataset.series !== chosen);
  });
}
