// The open note: its marks, the acts on them, and why each was proposed.

import * as api from "./api.js";
import { Offsets, Pane, nextWord, previousWord } from "./text.js";

const $ = (id) => document.getElementById(id);
const SIGNS = { proposed: "?", doubted: "??", accepted: "✓", rejected: "✗" };
const LARGE = 200000; // characters from which the right side waits for a pause
const PAUSE = 1200;

export class NoteView {
  /**
   * @param labels  of the session: {name, category}
   * @param chooser asks for a label
   * @param told    called with a text for the status line
   * @param alerted called with a text and {button: action} for what needs an answer
   * @param changed called after each saved act
   */
  constructor(labels, chooser, told, alerted, changed) {
    Object.assign(this, { chooser, told, alerted, changed });
    this.categories = new Map(labels.map((label) => [label.name, label.category]));
    this.before = new Pane($("before"));
    this.after = new Pane($("after"));
    this.note = null;
    this.queue = Promise.resolve();
    this.before.root.addEventListener("click", (event) => this.#clicked(event));
    this.before.root.addEventListener("mouseup", () => this.#selected());
  }

  async open(key, book) {
    this.wanted = `${book}/${key}`;
    const stillWanted = () => this.wanted === `${book}/${key}`;
    this.told("Opening; the detectors may still be at work on this note…");
    const found = await api.open(key, book, stillWanted);
    if (!stillWanted()) return;
    const fresh = this.note?.key !== key || this.note?.book !== book || this.note?.text !== found.text;
    this.note = { key, book, id: found.id, text: found.text, failed: found.failed, locked: false };
    this.offsets = new Offsets(found.text);
    this.claims = found.claims.map(([start, end, label, score, source, outcome, by]) =>
      ({ start: this.offsets.unit(start), end: this.offsets.unit(end), label, score, source, outcome, by }));
    if (fresh) {
      this.before.setText(found.text);
      this.after.setText("");
      this.current = null;
    }
    this.#take(found);
    $("note-title").textContent = book === "gold" ? `Adjudication: ${found.id}` : found.id;
    this.before.root.focus();
    this.told(found.failed ? `The detectors could not read this note: ${found.failed}. Mark it by hand.` : `${found.id} is open.`);
  }

  #take(found) {
    Object.assign(this.note, { version: found.version, done: found.done, undo: found.undo, redo: found.redo });
    this.marks = found.marks.map(([start, end, label, state, doubt]) => {
      const place = { start: this.offsets.unit(start), end: this.offsets.unit(end) };
      return { ...place, label, state, doubt, key: `${place.start}-${place.end}` };
    });
    const of = (...states) => this.marks.filter((mark) => states.includes(mark.state));
    this.drawn = fit(fit(of("proposed", "accepted"), of("doubted")), of("rejected"));
    this.before.draw(this.drawn.map((mark) => ({
      ...mark, kind: `${this.categories.get(mark.label) ?? "OTHER"} ${mark.state}`, tag: `${mark.label} ${SIGNS[mark.state]}`,
    })));
    this.choose(this.drawn.some((mark) => mark.key === this.current) ? this.current : null, true);
    const undecided = of("proposed").length;
    $("note-state").textContent = this.note.done ? "done" : `${undecided} undecided, saved as version ${this.note.version}`;
    this.#refreshAfter();
  }

  #refreshAfter() {
    clearTimeout(this.timer);
    const { key, book, version } = this.note;
    this.timer = setTimeout(async () => {
      const found = await api.after(key, book).catch(() => null);
      if (!found || this.note.key !== key || this.note.book !== book || this.note.version !== version) return;
      const offsets = new Offsets(found.text);
      if (this.after.text !== found.text) this.after.setText(found.text);
      this.after.draw(found.changes.filter((change) => change[2] < change[3]).map(([start, end, from, to, label]) => ({
        start: offsets.unit(from), end: offsets.unit(to), tag: "",
        key: `${this.offsets.unit(start)}-${this.offsets.unit(end)}`, kind: this.categories.get(label) ?? "OTHER",
      })));
      this.after.select(this.current);
    }, this.note.text.length > LARGE ? PAUSE : 0);
  }

  // What is chosen

  mark() {
    return this.marks?.find((mark) => mark.key === this.current) ?? null;
  }

  choose(key, quietly = false) {
    this.current = key;
    this.before.select(key);
    this.after.select(key);
    const mark = this.mark();
    if (mark && !quietly) {
      const number = this.drawn.findIndex((other) => other.key === key) + 1;
      this.told(`${mark.label}, ${mark.state}, mark ${number} of ${this.drawn.length}: ${shorten(this.#words(mark))}`);
    }
    this.#explain(mark);
  }

  step(way) {
    if (!this.drawn?.length) return;
    const at = this.drawn.findIndex((mark) => mark.key === this.current);
    const next = at < 0 ? (way > 0 ? 0 : this.drawn.length - 1) : (at + way + this.drawn.length) % this.drawn.length;
    this.choose(this.drawn[next].key);
  }

  mostDoubtful() {
    const open = this.drawn?.filter((mark) => mark.state === "proposed" || mark.state === "doubted") ?? [];
    if (!open.length) return this.told("Nothing is undecided.");
    this.choose(open.reduce((best, mark) => (mark.doubt > best.doubt ? mark : best)).key);
  }

  #clicked(event) {
    const mark = event.target.closest("mark");
    if (mark && !this.before.selection()) this.choose(mark.dataset.key);
  }

  #selected() {
    const place = this.before.selection();
    if (place) {
      this.#explain(place);
      this.told(`Selected: ${shorten(this.#words(place))}. Enter chooses a label.`);
    }
  }

  #words(place) {
    return this.note.text.slice(place.start, place.end);
  }

  #explain(place) {
    const about = place ? this.claims.filter((claim) => claim.start < place.end && place.start < claim.end) : [];
    this.about = about;
    const [what, table] = [$("why-what"), $("why").querySelector("table")];
    table.hidden = !about.length;
    if (!place) what.textContent = "Choose a mark to see who proposed it.";
    else if (!about.length) what.textContent = "Nobody proposed anything here.";
    else what.textContent = `${about.length} claims about this place${place.doubt ? `, doubt ${place.doubt}` : ""}.`;
    table.tBodies[0].replaceChildren(...about.map((claim, index) => this.#line(claim, index)));
  }

  #line(claim, index) {
    const line = document.createElement("tr");
    const use = document.createElement("button");
    use.textContent = index + 1;
    use.setAttribute("aria-label", `Use claim ${index + 1}: ${claim.label} by ${claim.source}`);
    use.addEventListener("click", () => this.use(index));
    const outcome = claim.by ? `${claim.outcome} by ${claim.by}` : claim.outcome;
    for (const value of [use, claim.source, claim.label, shorten(this.#words(claim)), String(claim.score), outcome])
      line.insertCell().append(value);
    return line;
  }

  // Acts

  accept() {
    const mark = this.mark();
    if (mark) this.#act({ act: "put", label: mark.label }, mark, true);
    else this.told("Choose a mark first.");
  }

  reject() {
    const mark = this.mark();
    if (mark) this.#act({ act: "reject" }, mark, true);
    else this.told("Choose a mark first.");
  }

  use(index) {
    const claim = this.about?.[index];
    if (claim) this.#act({ act: "put", label: claim.label }, claim, true);
  }

  async label() {
    const place = this.before.selection() ?? this.mark();
    if (!place) return this.told("Choose a mark, or select some words, first.");
    const label = await this.chooser.ask(this.#words(place), place.label);
    this.before.root.focus();
    if (!label) return;
    getSelection().removeAllRanges();
    this.#act({ act: "put", label }, place, false);
  }

  plain(name) {
    return this.#act({ act: name }, null, false);
  }

  /** Acts go one after another, each with the version that the one before it made of its note. */
  #act(body, place, moveOn) {
    const note = this.note;
    if (!note) return this.told("Open a note first.");
    if (note.locked) return this.told("This note can no longer be changed here: its file was changed.");
    const where = place && { start: this.offsets.point(place.start), end: this.offsets.point(place.end) };
    this.queue = this.queue.then(() => this.#send(note, { ...body, ...where }, body, place, moveOn));
    return this.queue;
  }

  async #send(note, whole, body, place, moveOn) {
    try {
      const found = await api.act(note.key, note.book, { ...whole, version: note.version });
      if (!found) return false;
      note.version = found.version;
      this.changed();
      if (this.note !== note) return true; // saved, and another note is open by now
      if (place) this.current = `${place.start}-${place.end}`;
      this.#take(found);
      this.told(`Saved as version ${found.version}. ${$("note-state").textContent}.`);
      if (moveOn) this.#moveOn(place);
      return true;
    } catch (error) {
      this.#refused(error, note, body, place, moveOn);
      return false;
    }
  }

  #moveOn(place) {
    const open = this.drawn.filter((mark) => mark.state === "proposed");
    const next = open.find((mark) => mark.start >= place.end) ?? open[0];
    if (next) this.choose(next.key);
    else this.told("All is decided. Press d when the note is done.");
  }

  #refused(error, note, body, place, moveOn) {
    if (error.word === "conflict") {
      const renew = () => this.open(note.key, note.book);
      this.alerted(`${error.message}. What you did last was not saved, so nothing of the other window is lost.`, {
        "Show the newest": renew,
        "Show the newest and do it again": async () => {
          await renew();
          await this.#act(body, place, moveOn);
        },
      });
    } else if (error.word === "refused") this.told(`Not saved: ${error.message}.`);
    else {
      if (error.word === "edited") note.locked = true;
      this.alerted(error.message, {});
    }
  }

  // Selecting words by keys

  get selecting() {
    return this.before.selection() !== null;
  }

  startSelecting() {
    if (!this.note) return;
    const word = nextWord(this.note.text, this.mark()?.end ?? 0) ?? previousWord(this.note.text, this.note.text.length);
    if (word) this.#selectPlace(word);
  }

  /** One key while words are selected; false if it means nothing then. */
  selectionKey(key, shift) {
    const { text } = this.note, place = this.before.selection();
    const lines = { ArrowDown: 1, ArrowUp: -1 }[key];
    let next = place;
    if (key === "Escape") getSelection().removeAllRanges();
    else if (key === "ArrowRight") {
      const word = nextWord(text, place.end);
      if (word) next = shift ? { start: place.start, end: word.end } : word;
    } else if (key === "ArrowLeft") {
      const word = previousWord(text, shift ? place.end : place.start);
      const shorter = shift ? previousWord(text, word?.start === place.start ? 0 : (word?.start ?? 0)) : null;
      if (shift) next = shorter && shorter.end > place.start ? { start: place.start, end: shorter.end } : place;
      else if (word) next = word;
    } else if (lines) next = this.#wordOfLine(place, lines) ?? place;
    else if (key === "]") next = { start: place.start, end: step(text, place.end, 1) };
    else if (key === "[") next = { start: place.start, end: step(text, place.end, -1) };
    else if (key === "}") next = { start: step(text, place.start, 1), end: place.end };
    else if (key === "{") next = { start: step(text, place.start, -1), end: place.end };
    else return false;
    if (key !== "Escape" && next.start < next.end) this.#selectPlace(next);
    return true;
  }

  #wordOfLine(place, way) {
    const { text } = this.note;
    const line = text.lastIndexOf("\n", place.start - 1) + 1;
    const column = place.start - line;
    const other = way > 0 ? text.indexOf("\n", place.start) + 1 : text.lastIndexOf("\n", line - 2) + 1;
    if (way > 0 ? other === 0 : line === 0) return null;
    const end = text.indexOf("\n", other);
    return nextWord(text, Math.min(other + column, end < 0 ? text.length : end));
  }

  #selectPlace(place) {
    this.before.setSelection(place.start, place.end);
    this.#selected();
  }
}

/** `base` and those of `extra` that overlap nothing that is there; both in order and without overlap inside. */
function fit(base, extra) {
  const all = [];
  let at = 0, end = 0;
  for (const mark of extra) {
    while (at < base.length && base[at].start < mark.start) {
      end = Math.max(end, base[at].end);
      all.push(base[at++]);
    }
    if (end <= mark.start && !(at < base.length && base[at].start < mark.end)) {
      all.push(mark);
      end = mark.end;
    }
  }
  return all.concat(base.slice(at));
}

/** One character on or back, never into the middle of a pair of units. */
function step(text, at, way) {
  const next = at + way;
  if (next < 0 || next > text.length) return at;
  return /[\udc00-\udfff]/.test(text[next] ?? "") && /[\ud800-\udbff]/.test(text[next - 1] ?? "") ? next + way : next;
}

function shorten(text) {
  const line = text.replace(/\s+/g, " ");
  return line.length > 60 ? `${line.slice(0, 60)}…` : line;
}
