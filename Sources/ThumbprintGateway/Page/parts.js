// What all pages are made of: the API, words, and pieces of the document.
// Names and all other text of records go into the page as text, never as markup.

import { TokenNeeded, fetchWithToken, showPicture } from "./token.js";

export const api = "/api/v1";
export const $ = (id) => document.getElementById(id);

/** What every page knows. */
export const state = { about: null, collections: [], page: "search" };

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) continue;
    if (name === "class") made.className = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

/** Says something on a page, whether it is shown or not; screen readers hear it if it is. */
export function say(page, text, isError = false) {
  const place = $(page + "-message");
  if (place.textContent !== text) place.textContent = text;
  place.classList.toggle("error", isError);
}

/** Says why something did not work. That a token is needed is said over all pages, with a way to give it. */
export const sayError = (page, error) => say(page, error.code === "token" ? "" : error.message, true);

/** Why the coordinator did not do what it was asked. */
export class Refusal extends Error {
  constructor(message, code = "") {
    super(message);
    this.code = code;
  }
}

export async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetchWithToken(api + path, options);
  } catch (error) {
    if (error instanceof TokenNeeded) throw new Refusal("A token is needed.", "token");
    if (options.signal) options.signal.throwIfAborted();
    if (options.body instanceof Blob && !await isReadable(options.body)) throw new Refusal("It cannot be read. Of a folder, choose the pictures in it.", "unreadable");
    throw new Refusal("The coordinator does not answer. Is it running?", "disconnected");
  }
  const body = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return body;
  const error = body && body.error;
  if (!error) throw new Refusal("The coordinator answered " + answer.status + ".");
  throw new Refusal(sentence(error.message) + (error.hint ? " " + sentence(error.hint) : ""), error.code);
}

/** Whether a file is one, and is still there: folders can be dropped too. */
const isReadable = (file) => file.slice(0, 1).arrayBuffer().then(() => true, () => false);

const allQuestions = [];

/** Ends what is being asked on all pages: nothing of it is shown or said. */
export const endQuestions = () => allQuestions.forEach((each) => each.end());

/**
 * What a page asks, one question at a time: a new one ends the one before, whose answers then never arrive.
 * So the work of a question may change the page after each of its answers without looking whether it may.
 */
export class Questions {
  #page;
  #last = null;

  constructor(page) {
    this.#page = page;
    allQuestions.push(this);
  }

  end() {
    if (this.#last) this.#last.abort();
    this.#last = null;
  }

  /**
   * Does the work of a new question. If it fails, that is said after `fail` was called. Gives whether the
   * question was still the last at its end.
   */
  async pose(work, fail = () => {}) {
    this.end();
    const mine = new AbortController();
    this.#last = mine;
    const question = {
      say: (text, isError) => { if (mine === this.#last) say(this.#page, text, isError); },
      ask: async (path, options = {}) => {
        const answer = await ask(path, { ...options, signal: mine.signal });
        mine.signal.throwIfAborted();
        return answer;
      },
    };
    try {
      await work(question);
    } catch (error) {
      if (mine !== this.#last) return false;
      fail(error);
      sayError(this.#page, error);
      if (!(error instanceof Refusal)) throw error;
    }
    return mine === this.#last;
  }
}

function sentence(text) {
  return text.charAt(0).toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");
}

/** The options of a request that sends a value. */
export const sent = (value) => ({ method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) });

export const plain = (count) => Number(count).toLocaleString("en");
export const counted = (count, noun) => plain(count) + " " + noun + (count === 1 ? "" : "s");
export const short = (text, count = 100) => (text.length > count ? text.slice(0, count - 1) + "…" : text);

export function bytes(count) {
  const units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (count >= 1000 && unit < units.length - 1) { count /= 1000; unit += 1; }
  return (unit && count < 100 ? count.toFixed(1) : Math.round(count)) + " " + units[unit];
}

export function duration(seconds) {
  if (seconds < 1) return "less than a second";
  if (seconds < 100) return counted(Math.round(seconds), "second");
  if (seconds < 6000) return counted(Math.round(seconds / 60), "minute");
  return counted(Math.round(seconds / 3600), "hour");
}

export const current = () => state.collections.find((each) => each.name === $("collections").value);
export const place = (collection) => "/collections/" + encodeURIComponent(collection.name);

/** Asks which collections there are, and keeps the choice. */
export async function loadCollections(asking = ask, wanted = null) {
  state.collections = await asking("/collections");
  const chosen = wanted === null ? $("collections").value : wanted;
  $("collections").replaceChildren(...state.collections.map((each) => element("option", { value: each.name }, short(each.name, 60))));
  if (state.collections.some((each) => each.name === chosen)) $("collections").value = chosen;
  document.querySelector(".pick").hidden = state.page === "cluster" || state.collections.length === 0;
}

/** Whether the model of the coordinator shows what the codes of a collection are of. */
export function isShown(collection) {
  const model = state.about.model;
  return Boolean(model && collection.coder) && [model.identity, model.imageIdentity].includes(collection.coder);
}

/** A quarter of the code comes first; the whole of it replaces that when it is there. */
export function thumbnail(code, alt) {
  const image = element("img", { class: "thumb coarse", alt, width: 32, height: 32, loading: "lazy" });
  image.addEventListener("load", () => {
    const fine = new Image();
    fine.addEventListener("load", () => { image.src = fine.src; image.classList.remove("coarse"); });
    showPicture(fine, api + "/thumbnails/" + code);
  }, { once: true });
  showPicture(image, api + "/thumbnails/" + code.slice(0, 32));
  return image;
}

/** What a record is called, the part after the last slash apart. */
export function title(record) {
  const whole = record.name || "record " + record.id;
  const cut = whole.replace(/\/+$/, "").lastIndexOf("/") + 1;
  return { whole, folder: whole.slice(0, cut), last: whole.slice(cut) };
}

/** A record as a link to a search for what is like it. */
export function card(record, collection, distanceMax = 0) {
  const { whole, folder, last } = title(record);
  const link = element("a", { class: "card", href: address(collection, record.id), title: short(whole, 300) });
  if (isShown(collection)) link.append(thumbnail(record.image, ""));
  const words = element("span", { class: "words" }, element("span", { class: "name" }, short(last, 200)));
  if (folder) words.append(element("span", { class: "soft folder" }, short(folder, 100)));
  if (record.distance === undefined) {
    link.setAttribute("aria-label", "Search for what is like " + short(whole, 300));
  } else {
    // Codes of strangers differ in up to half of their bits, not in all.
    const share = Math.max(0, 1 - record.distance / (distanceMax / 2));
    const fill = element("span");
    fill.style.width = share * 100 + "%";
    const words_ = record.distance === 0 ? "same code" : plain(record.distance) + " bits apart";
    words.append(element("span", { class: "soft" }, words_), element("span", { class: "score", "aria-hidden": "true" }, fill));
    link.setAttribute("aria-label", short(whole, 300) + ", " + plain(record.distance) + " of " + plain(distanceMax) + " bits apart");
  }
  link.append(words);
  return element("li", {}, link);
}

/** Where a search for a record is found again. */
export const address = (collection, id) => "#search/" + encodeURIComponent(collection.name) + "/" + id;
