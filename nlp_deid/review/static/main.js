// Starts the page: the list of notes, the views, the keys.

import * as api from "./api.js";
import { showAgreement } from "./agreement.js";
import { Chooser, setUpDialogs, setUpExport } from "./dialogs.js";
import { NoteView } from "./note.js";

const $ = (id) => document.getElementById(id);
const POLL = 2000;
const KEYS = {
  ArrowRight: (view) => view.step(1),
  j: (view) => view.step(1),
  ArrowLeft: (view) => view.step(-1),
  k: (view) => view.step(-1),
  n: (view) => view.mostDoubtful(),
  a: (view) => view.accept(),
  x: (view) => view.reject(),
  l: (view) => view.label(),
  Enter: (view) => view.label(),
  s: (view) => view.startSelecting(),
  u: (view) => view.plain("undo"),
  r: (view) => view.plain("redo"),
  A: (view) => view.plain("accept_rest"),
  d: () => done(),
  ".": () => move(1),
  ",": () => move(-1),
  "?": () => $("keys").showModal(),
};
const BUTTONS = { accept: "a", reject: "x", label: "l", select: "s", undo: "u", redo: "r", accept_rest: "A", done: "d" };

let view, rows = [];

function tell(text) {
  $("status").textContent = text;
}

function alerted(text, actions) {
  const box = $("alert");
  box.querySelector("p").textContent = text;
  box.querySelector("div").replaceChildren(...Object.entries({ ...actions, Close: () => {} }).map(([name, action]) => {
    const button = document.createElement("button");
    button.textContent = name;
    button.addEventListener("click", () => {
      box.hidden = true;
      $("before").focus();
      guarded(action);
    });
    return button;
  }));
  box.hidden = false;
  box.querySelector("button").focus();
}

async function guarded(action) {
  try {
    await action();
  } catch (error) {
    alerted(error.message, {});
  }
}

async function refresh() {
  rows = await api.list($("order").value);
  const finished = rows.filter((row) => row.status === "done").length;
  $("progress").max = rows.length;
  $("progress").value = finished;
  $("progress-text").textContent = `${finished} of ${rows.length}`;
  draw();
  clearTimeout(refresh.timer);
  if (rows.some((row) => row.status === "waiting")) refresh.timer = setTimeout(() => guarded(refresh), POLL);
}

function draw() {
  const focused = document.activeElement?.dataset.key;
  $("list").replaceChildren(...rows.map((row) => {
    const [item, button, name, about] = ["li", "button", "span", "small"].map((tag) => document.createElement(tag));
    button.dataset.key = row.key;
    name.textContent = row.id;
    about.textContent = describe(row);
    button.append(name, " ", about);
    if (view.note?.key === row.key) button.setAttribute("aria-current", "true");
    button.addEventListener("click", () => go(row.key, "mine"));
    item.append(button);
    return item;
  }));
  if (focused) $("list").querySelector(`[data-key="${focused}"]`)?.focus();
}

function describe(row) {
  if (row.status === "waiting") return "waiting for the detectors";
  if (row.status === "failed") return "the detectors failed: mark by hand";
  const gold = row.gold ? `; adjudication ${row.gold}` : "";
  return row.status === "done" ? `done${gold}` : `${row.status}, ${row.undecided} undecided, doubt ${row.doubt}${gold}`;
}

/** Addresses end in #key or #gold/key, so that a reload opens the same note. */
function go(key, book) {
  const wanted = book === "gold" ? `#gold/${key}` : `#${key}`;
  if (location.hash === wanted) return guarded(openFromAddress);
  location.hash = wanted;
}

async function openFromAddress() {
  const [first, second] = location.hash.slice(1).split("/");
  if (!first) return;
  showView("notes");
  await view.open(second ?? first, second ? "gold" : "mine");
  draw();
}

async function done() {
  if (!view.note) return;
  const wasDone = view.note.done;
  if ((await view.plain(wasDone ? "reopen" : "finish")) !== true || wasDone) return;
  await refresh();
  const next = rows.find((row) => row.status !== "done");
  if (next && view.note.book === "mine") go(next.key, "mine");
}

function move(way) {
  const at = rows.findIndex((row) => row.key === view.note?.key);
  const next = rows[at + way];
  if (next) go(next.key, "mine");
}

function showView(name) {
  $("notes-view").hidden = name !== "notes";
  $("agreement-view").hidden = name === "notes";
  $("to-notes").setAttribute("aria-pressed", name === "notes");
  $("to-agreement").setAttribute("aria-pressed", name !== "notes");
}

async function adjudicate(note) {
  if (note.gold === "ready") await api.act(note.key, "gold", { act: "begin", version: 0 });
  go(note.key, "gold");
}

function pressed(event) {
  if (event.altKey || event.isComposing || !view.note) return;
  let key = event.key;
  if (event.ctrlKey || event.metaKey) {
    key = { z: "u", y: "r" }[key];
    if (!key) return;
  }
  const selecting = view.selecting && view.selectionKey(key, event.shiftKey);
  if (selecting) event.preventDefault();
  else if (/^[1-9]$/.test(key)) view.use(Number(key) - 1);
  else if (KEYS[key]) {
    event.preventDefault();
    guarded(() => KEYS[key](view));
  }
}

async function start() {
  const session = await api.session();
  $("who").textContent = `Reviewer: ${session.reviewer}.`;
  $("setup").textContent = `Pipeline ${session.pipeline}, policy ${session.policy}.`;
  view = new NoteView(session.labels, new Chooser(session.labels), tell, alerted, () => guarded(refresh));
  setUpDialogs();
  setUpExport(session.formats);
  const broken = Object.entries(session.unreadable);
  if (broken.length) {
    $("unreadable").hidden = false;
    $("unreadable").querySelector("summary").textContent = `${broken.length} cannot be read`;
    $("unreadable").querySelector("ul").replaceChildren(...broken.map(([place, why]) => {
      const item = document.createElement("li");
      item.textContent = why.includes(place) ? why : `${place}: ${why}`;
      return item;
    }));
  }
  $("before").addEventListener("keydown", pressed);
  for (const button of document.querySelectorAll("[data-act]"))
    button.addEventListener("click", () => guarded(async () => {
      $("before").focus();
      await KEYS[BUTTONS[button.dataset.act]](view);
    }));
  $("order").addEventListener("change", () => guarded(refresh));
  $("to-notes").addEventListener("click", () => showView("notes"));
  $("to-agreement").addEventListener("click", () => guarded(async () => {
    showView("agreement");
    await showAgreement($("agreement-view").querySelector("div"), (note) => guarded(() => adjudicate(note)));
  }));
  addEventListener("hashchange", () => guarded(openFromAddress));
  await refresh();
  if (location.hash) await openFromAddress();
  else if (rows.length) go(rows[0].key, "mine");
}

guarded(start);
