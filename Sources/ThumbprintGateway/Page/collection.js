import { $, ask, card, counted, current, element, isShown, loadCollections, place, plain, say, send, short, state } from "./parts.js";

export async function showCollection() {
  const collection = current();
  const mayWrite = !state.about.isReadOnly;
  $("collection-heading").textContent = collection ? collection.name : "No collection yet";
  $("make").hidden = Boolean(collection) || !mayWrite;
  $("tools").hidden = !collection;
  $("adding").hidden = !mayWrite || !codes(collection);
  if (!collection) {
    $("facts").replaceChildren();
    $("mosaic").replaceChildren();
    return;
  }
  const facts = [
    ["Records", plain(collection.records)],
    ["Shards", plain(collection.shards) + ", " + counted(collection.replicas, "replica") + " each"],
    ["Coder", collection.coder || "not said"],
    ["Made", new Date(collection.created * 1000).toLocaleString()],
  ];
  $("facts").replaceChildren(...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
  try {
    const { records, drawnFrom } = await ask(place(collection) + "/sample?count=72");
    if (collection !== current()) return;
    $("mosaic").replaceChildren(...records.map((each) => card(each, collection)));
    $("shuffle").disabled = drawnFrom <= records.length;
    if (!records.length) say("It is empty: add pictures here, or whole folders with 'thumbprint ingest'.");
    else if (!isShown(collection)) say("The coordinator has no model that shows these codes.");
  } catch (error) {
    say(error.message, true);
  }
}

/** Whether pictures that are coded here may go into a collection. */
function codes(collection) {
  const model = state.about.model;
  return Boolean(collection && model && model.codesPictures) && (!collection.coder || collection.coder === model.identity);
}

export async function makeCollection(name) {
  try {
    await send("/collections", { name, coder: state.about.model ? state.about.model.identity : null });
    await loadCollections(name);
    say("");
    await showCollection();
  } catch (error) {
    say(error.message, true);
  }
}

/** Sends pictures one after another, each with its name; the same ones again change nothing. */
export async function addPictures(files) {
  const collection = current();
  if (!collection || !files.length) return;
  const limit = state.about.limits.pictureBytes;
  const refused = [];
  let done = 0;
  for (const file of files) {
    say("Adding pictures: " + plain(done + 1) + " of " + plain(files.length) + " …");
    try {
      if (file.size > limit) throw new Error("It has " + plain(file.size) + " bytes; the most is " + plain(limit) + ".");
      const name = file.webkitRelativePath || file.name;
      const facts = new URLSearchParams({ name, modified: String(Math.round(file.lastModified)) });
      await ask(place(collection) + "/pictures?" + facts, { method: "POST", headers: { "Content-Type": file.type || "application/octet-stream" }, body: file });
    } catch (error) {
      refused.push("'" + short(file.name, 60) + "': " + error.message);
      if (error.code === "disconnected") break;
    }
    done += 1;
  }
  const stored = done - refused.length;
  await new Promise((ready) => setTimeout(ready, 1200)); // the primaries report how many there are once a second
  await loadCollections();
  await showCollection();
  say("Added " + counted(Math.max(0, stored), "picture") + "." + (refused.length ? " " + plain(refused.length) + " refused: " + refused.slice(0, 3).join(" ") : ""), refused.length > 0);
}
