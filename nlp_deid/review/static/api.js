// Calls to the server. The page's own address ends with the secret token; everything lies below it.

const base = new URL("api/", new URL(".", location.href));

export class Refusal extends Error {
  /** `word` says what kind of refusal it is: conflict, edited, refused, malformed, storage, network ... */
  constructor(word, message) {
    super(message);
    this.word = word;
  }
}

async function call(path, options = {}) {
  let response, body;
  try {
    response = await fetch(new URL(path, base), options);
    body = await response.json();
  } catch {
    throw new Refusal("network", "The review has been stopped, or cannot be reached. Nothing since the last save is lost.");
  }
  if (!response.ok) throw new Refusal(body.error ?? "http", body.message ?? `The server answered ${response.status}.`);
  return response.status === 202 ? null : body;
}

const post = (path, body) =>
  call(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });

/** Answers that take long (the detectors are at work) come as null: ask again. */
async function patient(ask, stillWanted) {
  for (;;) {
    const found = await ask();
    if (found !== null || !stillWanted()) return found;
    await new Promise((go) => setTimeout(go, 300));
  }
}

export const session = () => call("session");
export const list = (order) => call(`notes?order=${order}`);
export const open = (key, book, stillWanted) => patient(() => call(`notes/${key}?book=${book}`), stillWanted);
export const after = (key, book) => call(`notes/${key}/after?book=${book}`);
export const act = (key, book, body) => post(`notes/${key}?book=${book}`, body);
export const agreement = () => call("agreement");
export const exportTo = (format, book) => post(`export/${format}?book=${book}`, {});
