// The view of how far reviewers agree, and where they do not.

import * as api from "./api.js";

const percent = (value) => (value === null ? "–" : value.toFixed(3));

export async function showAgreement(root, adjudicate) {
  const found = await api.agreement();
  const parts = [];
  if (found.pairs.length === 0) parts.push(paragraph("Two reviewers must have saved something first."));
  else {
    parts.push(paragraph("On the notes that both have done. Kappa is Cohen's, over tokens; F1 is of spans with equal offsets."));
    parts.push(table("Every two reviewers",
      ["Reviewers", "Notes", "Tokens", "Kappa, labels", "Kappa, PHI or not", "F1, place and label", "F1, place"],
      found.pairs.map((pair) => [`${pair.one} and ${pair.other}`, pair.notes, pair.tokens, percent(pair.kappa),
        percent(pair.kappa_phi), percent(pair.spans.f1), percent(pair.places.f1)])));
  }
  if (found.notes.length)
    parts.push(table("Notes to adjudicate", ["Note", "Same", "Different", "Adjudication", ""],
      found.notes.map((note) => [note.id, note.shared, note.different, note.gold, button(note, adjudicate)])));
  root.replaceChildren(...parts);
}

function button(note, adjudicate) {
  const made = document.createElement("button");
  made.textContent = note.gold === "ready" ? "Begin" : "Open";
  made.setAttribute("aria-label", `${made.textContent} the adjudication of ${note.id}`);
  made.addEventListener("click", () => adjudicate(note));
  return made;
}

function paragraph(text) {
  const made = document.createElement("p");
  made.textContent = text;
  return made;
}

function table(title, heads, rows) {
  const made = document.createElement("table");
  made.createCaption().textContent = title;
  const head = made.createTHead().insertRow();
  for (const name of heads) {
    const cell = document.createElement(name ? "th" : "td");
    if (name) cell.scope = "col";
    cell.textContent = name;
    head.append(cell);
  }
  const body = made.createTBody();
  for (const row of rows) {
    const line = body.insertRow();
    for (const value of row) {
      const cell = line.insertCell();
      if (typeof value === "number") cell.className = "number";
      cell.append(value);
    }
  }
  return made;
}
