import { $, Questions, Refusal, ask, card, counted, current, element, isShown, loadCollections, place, plain, say, sayError, sent, short, state } from "./parts.js";

const questions = new Questions("collection");
// Of which collection records are shown.
let shown = "";
// Pictures to add, each with the collection that was chosen with it; null if none are being added.
let adding = null;
// What is to be said of them. It stays until the page is shown again after the end of it was seen.
let news = null;

/** What goes wrong is said after the news, not in their place. */
function pose(work) {
  return questions.pose(async (question) => {
    try {
      await work(question);
    } catch (error) {
      if (!news || !(error instanceof Refusal)) throw error;
      const isKnown = error.code === "token" || news.text.includes(error.message);
      question.say(news.text + (isKnown ? "" : " " + error.message), true);
    }
  });
}

const load = async (question) => {
  await loadCollections(question.ask);
  await showRecords(question);
};

export function showCollection() {
  if (news && news.isSeen) news = null;
  tell();
  return pose(load);
}

export const showOthers = () => pose(showRecords);

function tell() {
  if (news) say("collection", news.text, news.isError); else say("collection", "");
  if (news && !adding) news.isSeen = state.page === "collection";
}

async function showRecords(question) {
  const collection = current();
  const mayWrite = !state.about.isReadOnly;
  $("collection-heading").textContent = collection ? collection.name : "No collection yet";
  $("make").hidden = Boolean(collection) || !mayWrite;
  $("tools").hidden = !collection;
  $("adding").hidden = !mayWrite || !codes(collection);
  const name = collection ? collection.name : "";
  if (name !== shown) $("mosaic").replaceChildren();
  shown = name;
  if (!collection) {
    $("facts").replaceChildren();
    return;
  }
  const facts = [
    ["Records", plain(collection.records)],
    ["Shards", plain(collection.shards) + ", " + counted(collection.replicas, "replica") + " each"],
    ["Coder", collection.coder || "not said"],
    ["Made", new Date(collection.created * 1000).toLocaleString()],
  ];
  $("facts").replaceChildren(...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
  const { records, drawnFrom } = await question.ask(place(collection) + "/sample?count=72");
  $("mosaic").replaceChildren(...records.map((each) => card(each, collection)));
  $("shuffle").disabled = drawnFrom <= records.length;
  if (news) return;
  if (!records.length) question.say("It is empty: add pictures here, or whole folders with 'thumbprint ingest'.");
  else question.say(isShown(collection) ? "" : "The coordinator has no model that shows these codes.");
}

/** Whether pictures that are coded here may go into a collection. */
function codes(collection) {
  const model = state.about.model;
  return Boolean(collection && model && model.codesPictures) && (!collection.coder || collection.coder === model.identity);
}

/** Makes a collection, also if somebody looks at another page meanwhile. */
export async function makeCollection(name) {
  try {
    await ask("/collections", sent({ name, coder: state.about.model ? state.about.model.identity : null }));
    await loadCollections(ask, name);
  } catch (error) {
    sayError("collection", error);
    return;
  }
  if (state.page === "collection") await showCollection();
}

/** Adds pictures, one after another and also while another page is shown; more of them wait for their turn. */
export async function addPictures(files) {
  const collection = current();
  if (!collection || !files.length) return;
  const chosen = files.map((file) => ({ file, collection, name: file.webkitRelativePath || file.name }));
  if (adding) {
    adding.pictures.push(...chosen);
    tellProgress();
    return;
  }
  adding = { pictures: chosen, done: 0 };
  const sums = { added: 0, unchanged: 0, replaced: [], refused: [], lost: [], untried: 0 };
  for (; adding.done < adding.pictures.length; adding.done += 1) {
    tellProgress();
    if (!await add(adding.pictures[adding.done], sums)) break;
  }
  sums.untried = adding.pictures.length - adding.done - sums.lost.length;
  adding = null;
  news = { text: account(sums), isError: sums.refused.length + sums.lost.length + sums.untried > 0 };
  tell();
  // What is shown is of before: the primaries report how many records there are once a second.
  setTimeout(() => { if (state.page === "collection") pose(load); else loadCollections().catch(() => {}); }, 1200);
}

function tellProgress() {
  news = { text: "Adding pictures: " + plain(adding.done + 1) + " of " + plain(adding.pictures.length) + " …", isError: false };
  tell();
}

/** Sends a picture with its name: the same again changes nothing. Gives whether to go on with the next. */
async function add({ file, collection, name }, sums) {
  const limit = state.about.limits.pictureBytes;
  const quoted = "'" + short(name, 60) + "'";
  try {
    if (file.size > limit) throw new Refusal("It has " + plain(file.size) + " bytes; the most is " + plain(limit) + ".");
    const facts = new URLSearchParams({ name, modified: String(Math.round(file.lastModified)) });
    const picture = { method: "POST", headers: { "Content-Type": file.type || "application/octet-stream" }, body: file };
    const { counts } = await ask(place(collection) + "/pictures?" + facts, picture);
    sums.added += counts.added;
    sums.unchanged += counts.unchanged;
    if (counts.replaced) sums.replaced.push(quoted);
  } catch (error) {
    if (error.code === "token") return false;
    const isLost = error.code === "disconnected";
    (isLost ? sums.lost : sums.refused).push(quoted + ": " + error.message);
    return !isLost;
  }
  return true;
}

/** What became of pictures that were to be added. */
function account({ added, unchanged, replaced, refused, lost, untried }) {
  const counts = [
    [replaced.length, "replaced"], [unchanged, "unchanged"], [refused.length, "refused"],
    [lost.length, "perhaps stored"], [untried, "not tried"],
  ];
  const others = counts.filter(([count]) => count > 0).map(([count, word]) => plain(count) + " " + word);
  const words = ["Added " + (added ? counted(added, "picture") : "no picture"), ...others].join(", ") + ".";
  const some = (names, separator) => names.slice(0, 3).join(separator) + (names.length > 3 ? " and " + plain(names.length - 3) + " more" : "");
  return [
    words, replaced.length ? "Replaced, being named the same: " + some(replaced, ", ") + "." : "",
    refused.length ? "Refused: " + some(refused, " ") : "", lost.length ? "Perhaps stored: " + lost[0] : "",
  ].filter(Boolean).join(" ");
}
