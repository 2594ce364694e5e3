import { $, ask, card, counted, current, element, isShown, place, plain, say, send, short, state, thumbnail } from "./parts.js";

// What is searched for, and which search is the last: answers of earlier ones are passed over.
let query = null;
let number = 0;

const showQuery = (...images) => $("query").replaceChildren(...images);

function clear() {
  $("results").replaceChildren();
  $("results").classList.remove("mosaic");
  $("results-heading").hidden = true;
  $("proof").textContent = "";
}

function heading(text) {
  $("results-heading").textContent = text;
  $("results-heading").hidden = false;
}

export async function search() {
  if (!query) return;
  const collection = current();
  if (!collection) return say("There is no collection to search yet.", true);
  const mine = ++number;
  say("Searching …");
  const { words, ...wanted } = query;
  const settings = { k: Number($("k").value) || 24, promise: $("promise").value, metric: $("metric").value, partial: $("partial").checked };
  try {
    const answer = await send(place() + "/search", { ...wanted, ...settings });
    if (mine !== number) return;
    clear();
    $("results").replaceChildren(...answer.matches.map((each) => card(each, collection, answer.distanceMax)));
    $("proof").textContent = answer.certificate ? answer.certificate.sentence : "";
    heading("Most like " + words);
    const missing = answer.shards.filter((each) => each.failure).length;
    $("proof").classList.toggle("partial", missing > 0);
    say(counted(answer.matches.length, "result") + " in " + answer.milliseconds.toFixed(1) + " ms"
      + (missing ? ", but " + plain(missing) + " of " + counted(answer.shards.length, "shard") + " did not answer." : "."), missing > 0);
    if (document.activeElement === document.body) $("results-heading").focus({ preventScroll: true });
  } catch (error) {
    if (mine !== number) return;
    clear();
    const more = error.code === "unavailable" && !settings.partial;
    say(more ? error.message.replace(/ "partial".*$/, "") + " Settings has a box to answer without them." : error.message, true);
  }
}

export async function searchRecord(id) {
  const collection = current();
  if (!collection) return say("There is no collection to search yet.", true);
  query = { id, words: "record " + id };
  $("record").value = id;
  const mine = number;
  try {
    const record = await ask(place() + "/records/" + encodeURIComponent(id));
    if (mine !== number) return;
    query.words = short(record.name || query.words);
    showQuery(...(isShown(collection) ? [thumbnail(record.image, "the record that is searched for")] : []));
  } catch (error) {
    clear();
    showQuery();
    return say(error.message, true);
  }
  scrollTo({ top: 0 });
  return search();
}

export async function searchPicture(file) {
  if (!file) return;
  const collection = current();
  if (collection && !collection.coder) {
    return say("Nobody said what made the codes of " + short(collection.name) + ", so no picture can be compared with them.", true);
  }
  const limit = state.about.limits.pictureBytes;
  const name = "'" + short(file.name || "the picture") + "'";
  if (!["image/png", "image/jpeg"].includes(file.type)) return say(name + " is neither PNG nor JPEG.", true);
  if (file.size === 0) return say(name + " is empty.", true);
  if (file.size > limit) return say(name + " has " + plain(file.size) + " bytes; the most is " + plain(limit) + ".", true);
  const mine = ++number;
  const own = element("img", { alt: "your picture" });
  const source = URL.createObjectURL(file);
  own.addEventListener("load", () => URL.revokeObjectURL(source), { once: true });
  own.src = source;
  showQuery(own);
  say("Coding the picture …");
  try {
    const code = await ask("/codes", { method: "POST", headers: { "Content-Type": file.type }, body: file });
    if (mine !== number) return;
    showQuery(own, thumbnail(code.image, "what its 64 bytes show of it"));
    query = { feature: code.feature, image: code.image, coder: code.coder, words: "your picture" };
    $("record").value = "";
    if (location.hash !== "#search") history.pushState(null, "", "#search");
    await search();
  } catch (error) {
    if (mine !== number) return;
    clear();
    showQuery();
    say(error.message, true);
  }
}

/** Something to begin with, before anything was asked. */
export async function invite() {
  number += 1;
  const mine = number;
  query = null;
  $("record").value = "";
  showQuery();
  clear();
  const collection = current();
  if (!collection) return;
  try {
    const { records } = await ask(place() + "/sample?count=24");
    if (mine !== number) return;
    if (!records.length) return say("'" + short(collection.name) + "' is empty: the page Collection adds pictures.");
    say("");
    heading("Or begin with one of these");
    $("results").classList.add("mosaic");
    $("results").replaceChildren(...records.map((each) => card(each, collection)));
  } catch (error) {
    if (mine === number) say(error.message, true);
  }
}

export async function anyRecord() {
  if (!current()) return say("There is no collection to search yet.", true);
  try {
    const { records } = await ask(place() + "/sample?count=1");
    if (records.length) return records[0].id;
    say("The collection is empty.");
  } catch (error) {
    say(error.message, true);
  }
  return null;
}
