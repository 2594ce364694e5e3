import { $, Questions, Refusal, card, counted, current, element, isShown, place, plain, sent, short, state, thumbnail } from "./parts.js";

const questions = new Questions("search");
// What is searched for, from when it is known what that is until something else is asked. Changed settings
// search for it again; before, they need not: they are read when it is searched for.
let query = null;

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

/** After an error there is nothing to see but what was searched for. */
function fail() {
  clear();
  showQuery(...(query ? query.images : []));
}

/** Asks for something else than before. */
function pose(work) {
  query = null;
  return questions.pose(work, fail);
}

function chosen() {
  const collection = current();
  if (!collection) throw new Refusal("There is no collection to search yet.");
  return collection;
}

/** Searches; what is searched for and what was found are shown together. */
async function search(question, wanted) {
  query = wanted;
  question.say("Searching …");
  const { collection, terms, words, images } = wanted;
  const settings = { k: Number($("k").value) || 24, promise: $("promise").value, metric: $("metric").value, partial: $("partial").checked };
  let answer;
  try {
    answer = await question.ask(place(collection) + "/search", sent({ ...terms, ...settings }));
  } catch (error) {
    if (error.code !== "unavailable" || settings.partial) throw error;
    throw new Refusal(error.message.replace(/ "partial".*$/, "") + " Settings has a box to answer without them.", error.code);
  }
  clear();
  showQuery(...images);
  $("results").replaceChildren(...answer.matches.map((each) => card(each, collection, answer.distanceMax)));
  $("proof").textContent = answer.certificate ? answer.certificate.sentence : "";
  heading("Most like " + words);
  const missing = answer.shards.filter((each) => each.failure).length;
  $("proof").classList.toggle("unproved", missing > 0 || settings.promise.startsWith("recall"));
  question.say(counted(answer.matches.length, "result") + " in " + answer.milliseconds.toFixed(1) + " ms"
    + (missing ? ", but " + plain(missing) + " of " + counted(answer.shards.length, "shard") + " did not answer." : "."), missing > 0);
  if (document.activeElement === document.body) $("results-heading").focus({ preventScroll: true });
}

/** Searches again for the same, for instance because a setting is another. */
export function searchAgain() {
  const wanted = query;
  if (wanted) questions.pose((question) => search(question, wanted), fail);
}

export function searchRecord(id) {
  $("record").value = id;
  scrollTo({ top: 0 });
  return pose(async (question) => {
    const collection = chosen();
    question.say("Searching …");
    const record = await question.ask(place(collection) + "/records/" + encodeURIComponent(id));
    const images = isShown(collection) ? [thumbnail(record.image, "the record that is searched for")] : [];
    await search(question, { collection, terms: { id }, words: short(record.name || "record " + id), images });
  });
}

/** Refuses what can be seen to be no picture that this collection could be searched with. */
function check(file, collection) {
  if (!collection.coder) {
    throw new Refusal("Nobody said what made the codes of " + short(collection.name) + ", so no picture can be compared with them.");
  }
  const limit = state.about.limits.pictureBytes;
  const name = "'" + short(file.name || "the picture") + "'";
  if (!["image/png", "image/jpeg"].includes(file.type)) throw new Refusal(name + " is neither PNG nor JPEG.");
  if (file.size === 0) throw new Refusal(name + " is empty.");
  if (file.size > limit) throw new Refusal(name + " has " + plain(file.size) + " bytes; the most is " + plain(limit) + ".");
}

export function searchPicture(file) {
  if (!file) return;
  return pose(async (question) => {
    const collection = chosen();
    check(file, collection);
    // A picture has no address; the one of a record would lead to that when the page is loaded again.
    if (location.hash !== "#search") history.pushState(null, "", "#search");
    $("record").value = "";
    const own = element("img", { alt: "your picture" });
    const source = URL.createObjectURL(file);
    for (const end of ["load", "error"]) own.addEventListener(end, () => URL.revokeObjectURL(source), { once: true });
    own.src = source;
    clear();
    showQuery(own);
    question.say("Coding the picture …");
    const code = await question.ask("/codes", { method: "POST", headers: { "Content-Type": file.type }, body: file });
    const images = [own, thumbnail(code.image, "what its 64 bytes show of it")];
    showQuery(...images);
    await search(question, { collection, terms: { feature: code.feature, image: code.image, coder: code.coder }, words: "your picture", images });
  });
}

/** Something to begin with, before anything was asked. */
export function invite() {
  $("record").value = "";
  return pose(async (question) => {
    clear();
    showQuery();
    question.say("");
    const collection = current();
    if (!collection) return question.say("There is no collection yet: the page Collection makes one.");
    const { records } = await question.ask(place(collection) + "/sample?count=24");
    if (!records.length) return question.say("'" + short(collection.name) + "' is empty: the page Collection adds pictures.");
    heading("Or begin with one of these");
    $("results").classList.add("mosaic");
    $("results").replaceChildren(...records.map((each) => card(each, collection)));
  });
}

/** Says that an address leads nowhere. */
export const refuseAddress = (words) => pose(() => { throw new Refusal(words); });

export function searchAnyRecord(goTo) {
  return pose(async (question) => {
    const { records } = await question.ask(place(chosen()) + "/sample?count=1");
    if (records.length) goTo(records[0].id); else question.say("The collection is empty.");
  });
}
