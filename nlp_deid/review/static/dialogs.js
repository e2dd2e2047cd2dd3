// The dialogs: choosing a label, exporting, the list of keys.

import * as api from "./api.js";

const $ = (id) => document.getElementById(id);

export function setUpDialogs() {
  for (const button of document.querySelectorAll("[data-close]"))
    button.addEventListener("click", () => button.closest("dialog").close());
  $("to-keys").addEventListener("click", () => $("keys").showModal());
}

export function setUpExport(formats) {
  $("export-format").replaceChildren(...formats.map((name) => new Option(name, name)));
  $("to-export").addEventListener("click", () => {
    $("export-result").textContent = "";
    $("exporter").showModal();
  });
  $("export-go").addEventListener("click", async () => {
    try {
      const found = await api.exportTo($("export-format").value, $("export-book").value);
      $("export-result").textContent = `${found.notes} notes written to ${found.path}`;
    } catch (error) {
      $("export-result").textContent = error.message;
    }
  });
}

export class Chooser {
  /** Asks for a label; a combobox over a list that its input filters. */
  constructor(labels) {
    this.labels = labels;
    this.dialog = $("chooser");
    this.input = $("chooser-input");
    this.list = $("chooser-list");
    this.input.addEventListener("input", () => this.#fill());
    this.input.addEventListener("keydown", (event) => this.#key(event));
    this.list.addEventListener("click", (event) => {
      const option = event.target.closest("li");
      if (option) this.dialog.close(option.dataset.label);
    });
  }

  /** The chosen label, or "" if the person thought better of it. */
  ask(text, current) {
    $("chooser-text").textContent = text.length > 80 ? `${text.slice(0, 80)}…` : text;
    this.input.value = "";
    this.current = current;
    this.dialog.returnValue = "";
    this.#fill();
    this.dialog.showModal();
    this.input.focus();
    return new Promise((answer) =>
      this.dialog.addEventListener("close", () => answer(this.dialog.returnValue), { once: true }));
  }

  #fill() {
    const typed = this.input.value.trim().toUpperCase();
    const begins = this.labels.filter((label) => label.name.startsWith(typed));
    const holds = this.labels.filter((label) => !begins.includes(label) && label.name.includes(typed));
    this.shown = [...begins, ...holds];
    this.at = Math.max(0, typed ? 0 : this.shown.findIndex((label) => label.name === this.current));
    this.list.replaceChildren(...this.shown.map((label, index) => {
      const option = document.createElement("li");
      option.id = `label-${index}`;
      option.role = "option";
      option.dataset.label = label.name;
      option.textContent = `${label.name} (${label.category.toLowerCase()})`;
      return option;
    }));
    this.#point();
  }

  #point() {
    [...this.list.children].forEach((option, index) => option.setAttribute("aria-selected", index === this.at));
    const option = this.list.children[this.at];
    if (option) this.input.setAttribute("aria-activedescendant", option.id);
    else this.input.removeAttribute("aria-activedescendant");
    option?.scrollIntoView({ block: "nearest" });
  }

  #key(event) {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && this.shown.length) {
      this.at = (this.at + step + this.shown.length) % this.shown.length;
      this.#point();
    } else if (event.key === "Enter") {
      if (this.shown.length) this.dialog.close(this.shown[this.at].name);
    } else return;
    event.preventDefault();
  }
}
