// A text on the screen, and places in it. All offsets here count UTF-16 units, as strings of this language
// do; the server counts characters (code points). `Offsets` turns one into the other.

const BLOCK = 4096;
const LONGEST = 65536;
const WORD = /[\p{L}\p{M}\p{N}_]+|[^\s\p{L}\p{M}\p{N}_]/gu;
const LOOK_BACK = 256;
const MARGIN = 12; // pixels

export class Offsets {
  constructor(text) {
    this.pairs = []; // where characters of two units begin
    for (const found of text.matchAll(/[\u{10000}-\u{10ffff}]/gu)) this.pairs.push(found.index);
  }
  #before(limit) {
    let low = 0, high = this.pairs.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (limit(middle)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
  unit(point) {
    return point + this.#before((i) => this.pairs[i] - i < point);
  }
  point(unit) {
    return unit - this.#before((i) => this.pairs[i] < unit);
  }
}

/** The word that begins at or behind `at`, as {start, end}; null at the end. */
export function nextWord(text, at) {
  WORD.lastIndex = at;
  const found = WORD.exec(text);
  return found && { start: found.index, end: found.index + found[0].length };
}

/** The last word that ends at or before `at`; null at the beginning. */
export function previousWord(text, at) {
  for (let from = at; from > 0; ) {
    from = Math.max(0, from - LOOK_BACK);
    let last = null;
    for (let word = nextWord(text, from); word && word.end <= at; word = nextWord(text, word.end)) last = word;
    if (last && (from === 0 || last.start > from)) return last;
  }
  return null;
}

export class Pane {
  /** Shows a text in `root`, cut into blocks so that a change redraws little. */
  constructor(root) {
    this.root = root;
    this.blocks = [];
    this.text = "";
  }

  setText(text) {
    this.text = text;
    this.blocks = [];
    for (let start = 0; start < text.length; ) {
      const end = cut(text, start);
      const node = document.createElement("div");
      node.dataset.start = start;
      this.blocks.push({ start, end, node, drawn: null });
      start = end;
    }
    this.root.replaceChildren(...this.blocks.map((block) => block.node));
  }

  /** Draw pieces {start, end, key, kind, tag}: in order, without overlap. */
  draw(pieces) {
    let first = 0;
    for (const block of this.blocks) {
      while (first < pieces.length && pieces[first].end <= block.start) first++;
      const mine = [];
      for (let i = first; i < pieces.length && pieces[i].start < block.end; i++) mine.push(pieces[i]);
      const drawn = mine.map((p) => `${p.key} ${p.kind} ${p.tag} ${p.start} ${p.end}`).join("\n");
      if (drawn !== block.drawn) {
        block.node.replaceChildren(...this.#nodes(block, mine));
        block.drawn = drawn;
      }
    }
  }

  *#nodes(block, pieces) {
    let at = block.start;
    for (const piece of pieces) {
      const start = Math.max(piece.start, block.start), end = Math.min(piece.end, block.end);
      if (at < start) yield document.createTextNode(this.text.slice(at, start));
      const mark = document.createElement("mark");
      mark.className = piece.kind;
      mark.dataset.key = piece.key;
      if (end === piece.end) mark.dataset.tag = piece.tag;
      mark.textContent = this.text.slice(start, end);
      yield mark;
      at = end;
    }
    if (at < block.end) yield document.createTextNode(this.text.slice(at, block.end));
  }

  #block(offset) {
    let low = 0, high = this.blocks.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.blocks[middle].start <= offset) low = middle;
      else high = middle - 1;
    }
    return this.blocks[low];
  }

  /** Outline the mark with a key, and bring it into view. */
  select(key) {
    for (const old of this.root.querySelectorAll("mark.selected")) old.classList.remove("selected");
    const found = key === null ? [] : this.root.querySelectorAll(`mark[data-key="${key}"]`);
    for (const mark of found) mark.classList.add("selected");
    this.shown = found[0] ?? null;
    this.#reveal(this.shown);
  }

  /** Bring a mark into view, again for some frames: blocks that come near are laid out only then, and move the rest. */
  #reveal(mark, frames = 6) {
    if (!mark || mark !== this.shown) return;
    mark.scrollIntoView({ block: "nearest" });
    if (frames > 0) requestAnimationFrame(() => this.#reveal(mark, frames - 1));
  }

  /** What the browser has selected in this text, without blanks at its ends; null if nothing. */
  selection() {
    const chosen = getSelection();
    if (!chosen.rangeCount || chosen.isCollapsed) return null;
    const range = chosen.getRangeAt(0);
    if (!this.root.contains(range.commonAncestorContainer)) return null;
    let start = this.#offset(range.startContainer, range.startOffset);
    let end = this.#offset(range.endContainer, range.endOffset);
    while (start < end && /\s/.test(this.text[start])) start++;
    while (start < end && /\s/.test(this.text[end - 1])) end--;
    return start < end ? { start, end } : null;
  }

  setSelection(start, end) {
    getSelection().setBaseAndExtent(...this.#point(start, false), ...this.#point(end, true));
    const box = getSelection().getRangeAt(0).getBoundingClientRect(), frame = this.root.getBoundingClientRect();
    if (box.top < frame.top) this.root.scrollTop += box.top - frame.top - MARGIN;
    else if (box.bottom > frame.bottom) this.root.scrollTop += box.bottom - frame.bottom + MARGIN;
  }

  #offset(node, offset) {
    if (node === this.root) return this.blocks[offset]?.start ?? this.text.length;
    const block = (node.nodeType === Node.TEXT_NODE ? node.parentElement : node).closest("[data-start]");
    const range = document.createRange();
    range.setStart(block, 0);
    range.setEnd(node, offset);
    return Number(block.dataset.start) + range.toString().length;
  }

  #point(offset, isEnd) {
    const block = this.#block(isEnd ? Math.max(0, offset - 1) : offset);
    const walker = document.createTreeWalker(block.node, NodeFilter.SHOW_TEXT);
    let left = offset - block.start;
    for (let node = walker.nextNode(); node; node = walker.nextNode()) {
      if (left < node.length || (isEnd && left === node.length)) return [node, left];
      left -= node.length;
    }
    return [block.node, block.node.childNodes.length];
  }
}

/** Where a block that begins at `start` ends: behind a line end if one is near. */
function cut(text, start) {
  if (text.length - start <= BLOCK) return text.length;
  const line = text.indexOf("\n", start + BLOCK);
  const end = line < 0 ? text.length : line + 1;
  if (end - start <= LONGEST) return end;
  const middle = start + LONGEST;
  return text.codePointAt(middle - 1) > 0xffff ? middle - 1 : middle;
}
