"use strict";
// Names and all other text of records go into the page as text, never as markup.

const api = "/api/v1";
const $ = (id) => document.getElementById(id);
const state = { about: null, collections: [], query: null, timer: 0, number: 0, watched: "" };

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined) continue;
    if (name === "class") made.className = value;
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

function say(text, isError = false) {
  $("message").textContent = text;
  $("message").classList.toggle("error", isError);
}

async function ask(path, options = {}) {
  let answer;
  try {
    answer = await fetch(api + path, options);
  } catch {
    throw new Error("The coordinator does not answer.");
  }
  const body = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return body;
  const error = body && body.error;
  throw new Error(error ? error.message + (error.hint ? " (" + error.hint + ")" : "") : "The coordinator answered " + answer.status + ".");
}

const post = (path, value) => ask(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(value) });
const plain = (count) => Number(count).toLocaleString("en");
const counted = (count, noun) => plain(count) + " " + noun + (count === 1 ? "" : "s");

function bytes(count) {
  const units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  while (count >= 1000 && unit < units.length - 1) { count /= 1000; unit += 1; }
  return (unit && count < 100 ? count.toFixed(1) : Math.round(count)) + " " + units[unit];
}

const current = () => state.collections.find((each) => each.name === $("collections").value);
const place = () => "/collections/" + encodeURIComponent(current().name);

// Whether the model of the coordinator shows what the codes of a collection are of.
function isShown(collection) {
  const model = state.about.model;
  return Boolean(model) && (!collection.coder || collection.coder === model.identity || collection.coder === model.imageIdentity);
}

// A quarter of the code comes first, the whole of it replaces that when it is there.
function thumbnail(code, alt) {
  const image = element("img", { class: "thumb", alt, width: 32, height: 32, loading: "lazy" });
  const fine = api + "/thumbnails/" + code;
  image.src = api + "/thumbnails/" + code.slice(0, 32);
  image.addEventListener("load", () => { image.src = fine; }, { once: true });
  return image;
}

function card(record, collection, distanceMax) {
  const title = record.name || "record " + record.id;
  const button = element("button", { type: "button", class: "card", title: title.slice(0, 300) });
  if (isShown(collection)) button.append(thumbnail(record.image, ""));
  const words = element("span", { class: "words" }, element("span", { class: "name" }, title));
  if (record.distance === undefined) {
    button.setAttribute("aria-label", "Search for what is like " + title.slice(0, 300));
  } else {
    const share = 1 - record.distance / distanceMax;
    const fill = element("span");
    fill.style.width = Math.max(0, share * 100) + "%";
    words.append(
      element("span", { class: "soft" }, plain(record.distance) + " bits apart"),
      element("span", { class: "score", "aria-hidden": "true" }, fill));
    button.setAttribute("aria-label", title.slice(0, 300) + ", " + record.distance + " of " + distanceMax + " bits apart. Search on from here");
  }
  button.append(words);
  button.addEventListener("click", () => { location.hash = "#search"; searchRecord(record); });
  return element("li", {}, button);
}

// Searching

function showQuery(...images) {
  $("query").replaceChildren(...images);
}

async function search() {
  if (!state.query) return;
  const collection = current();
  if (!collection) return say("There is no collection yet. 'thumbprint collection create' makes one.", true);
  const number = ++state.number;
  say("Searching …");
  const { words, ...query } = state.query;
  const body = { ...query, k: Number($("k").value) || 24, promise: $("promise").value, metric: $("metric").value, partial: $("partial").checked };
  try {
    const answer = await post(place() + "/search", body);
    if (number !== state.number) return;
    $("results").replaceChildren(...answer.matches.map((each) => card(each, collection, answer.distanceMax)));
    $("proof").textContent = answer.certificate ? answer.certificate.sentence : "";
    const missing = answer.shards.filter((each) => each.failure).length;
    say(counted(answer.matches.length, "result") + " for " + words + " in " + answer.milliseconds.toFixed(1) + " ms from " + plain(answer.shards.length - missing) + " of " + counted(answer.shards.length, "shard") + ".", missing > 0);
  } catch (error) {
    if (number !== state.number) return;
    $("results").replaceChildren();
    $("proof").textContent = "";
    say(error.message, true);
  }
}

function searchRecord(record) {
  state.query = { id: record.id, words: (record.name || "record " + record.id).slice(0, 100) };
  $("record").value = record.id;
  const collection = current();
  showQuery(...(record.image && collection && isShown(collection) ? [thumbnail(record.image, "the record that is searched for")] : []));
  return search();
}

async function searchPicture(file) {
  if (!file) return;
  const limit = state.about.limits.pictureBytes;
  if (!["image/png", "image/jpeg"].includes(file.type)) return say("'" + file.name.slice(0, 100) + "' is neither PNG nor JPEG.", true);
  if (file.size > limit) return say("'" + file.name.slice(0, 100) + "' has " + bytes(file.size) + "; the most is " + bytes(limit) + ".", true);
  const address = URL.createObjectURL(file);
  const own = element("img", { alt: "your picture", src: address });
  own.addEventListener("load", () => URL.revokeObjectURL(address));
  showQuery(own);
  say("Coding the picture …");
  try {
    const code = await ask("/codes", { method: "POST", headers: { "Content-Type": file.type }, body: file });
    showQuery(own, thumbnail(code.image, "what its 64 bytes show of it"));
    const collection = current();
    // Codes that were loaded without saying whose they are can be compared, at one's own risk.
    const coder = collection && collection.coder ? { coder: code.coder } : {};
    state.query = { feature: code.feature, image: code.image, ...coder, words: "your picture" };
    $("record").value = "";
    await search();
  } catch (error) {
    say(error.message, true);
  }
}

async function anyRecord() {
  if (!current()) return;
  try {
    const { records } = await ask(place() + "/sample?count=1");
    if (records.length) await searchRecord(records[0]);
    else say("The collection is empty.");
  } catch (error) {
    say(error.message, true);
  }
}

// Pages

async function showCollection() {
  const collection = current();
  $("collection-heading").textContent = collection ? collection.name : "Collection";
  if (!collection) return say("There is no collection yet.");
  const facts = [["Records", plain(collection.records)], ["Shards", plain(collection.shards) + ", " + counted(collection.replicas, "replica") + " each"], ["Coder", collection.coder || "not said"], ["Made", new Date(collection.created * 1000).toLocaleString()]];
  $("facts").replaceChildren(...facts.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
  try {
    const { records } = await ask(place() + "/sample?count=96");
    $("mosaic").replaceChildren(...records.map((each) => card(each, collection, 0)));
    say(records.length && !isShown(collection) ? "The coordinator has no model that shows these codes." : "");
  } catch (error) {
    say(error.message, true);
  }
}

function row(...cells) {
  return element("tr", {}, ...cells.map((cell) => cell instanceof Element ? cell : element("td", {}, String(cell))));
}

function workerRow(worker) {
  const silent = worker.silentMilliseconds;
  const word = worker.isAlive ? worker.state : "lost" + (silent === undefined || silent === null ? "" : ", silent for " + Math.round(silent / 1000) + " s");
  return row(
    element("th", { scope: "row" }, worker.name), element("td", { class: worker.isAlive ? "good" : "bad" }, word),
    worker.address, plain(worker.replicaCount), plain(worker.primaryCount),
    bytes(worker.usedByteCount) + " of " + bytes(worker.capacityByteCount));
}

function moveRow(move) {
  const total = move.totalByteCount || 0;
  const done = move.doneByteCount || 0;
  const copied = element("td", {});
  if (total) copied.append(element("progress", { max: total, value: done, "aria-label": "copied" }), " " + bytes(done) + " of " + bytes(total));
  else copied.append("–");
  return row(element("th", { scope: "row" }, move.collection + " " + move.number), move.source || "–", move.target, move.reason, move.phase, copied);
}

function shardRow(shard) {
  const replicas = [...shard.replicas].sort((a, b) => (b.worker === shard.primary) - (a.worker === shard.primary));
  const cell = element("td", {});
  replicas.forEach((each, index) => {
    const isGood = each.isAlive && each.isInSync;
    const word = each.isAlive ? (each.isInSync ? "in sync" : "catching up") : "lost";
    cell.append(index ? ", " : "", element("span", { class: isGood ? "good" : "bad" }, each.worker + " (" + word + ")"));
  });
  const primary = replicas.find((each) => each.worker === shard.primary);
  const count = primary && primary.recordCount;
  return row(element("th", { scope: "row" }, shard.collection + " " + shard.number), count === undefined || count === null ? "–" : plain(count), cell);
}

async function showCluster() {
  try {
    const status = await ask("/cluster");
    const text = JSON.stringify(status, (key, value) => key === "silentMilliseconds" ? Math.round(value / 1000) : value);
    say("");
    if (text === state.watched) return;
    state.watched = text;
    const lost = status.workers.filter((each) => !each.isAlive).length;
    $("summary").textContent = counted(status.workers.length, "worker") + (lost ? ", " + plain(lost) + " of them lost" : "") + "; " + counted(status.collections.length, "collection") + "; " + counted(status.shards.length, "shard") + "; " + (status.moves.length ? counted(status.moves.length, "move") + " under way." : "nothing moves.");
    const fill = (id, rows) => $(id).querySelector("tbody").replaceChildren(...rows);
    fill("workers", status.workers.map(workerRow));
    fill("moves", status.moves.map(moveRow));
    fill("shards", status.shards.map(shardRow));
    $("moves").hidden = status.moves.length === 0;
  } catch (error) {
    say(error.message, true);
  }
}

function show() {
  const page = ["search", "collection", "cluster"].find((each) => location.hash === "#" + each) || "search";
  for (const each of ["search", "collection", "cluster"]) $(each + "-page").hidden = each !== page;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === "#" + page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = { search: "Thumbprint", collection: "Collection – Thumbprint", cluster: "Cluster – Thumbprint" }[page];
  clearInterval(state.timer);
  say("");
  if (page === "collection") showCollection();
  if (page === "cluster") {
    state.watched = "";
    showCluster();
    state.timer = setInterval(() => { if (!document.hidden) showCluster(); }, 1000);
  }
}

async function start() {
  try {
    [state.about, state.collections] = await Promise.all([ask(""), ask("/collections")]);
  } catch (error) {
    return say(error.message, true);
  }
  $("collections").replaceChildren(...state.collections.map((each) => element("option", { value: each.name }, each.name.length > 60 ? each.name.slice(0, 60) + "…" : each.name)));
  if (!state.about.model || !state.about.model.codesPictures) {
    $("file").disabled = true;
    document.querySelector(".hint").textContent = "This coordinator has no model, so it cannot code pictures.";
  }
  show();
  window.addEventListener("hashchange", show);
  $("collections").addEventListener("change", () => { state.query = null; showQuery(); $("results").replaceChildren(); $("proof").textContent = ""; show(); });
  $("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    const id = $("record").value.trim();
    if (id) searchRecord({ id }); else search();
  });
  for (const id of ["k", "promise", "metric", "partial"]) $(id).addEventListener("change", search);
  $("random").addEventListener("click", anyRecord);
  $("shuffle").addEventListener("click", showCollection);
  $("file").addEventListener("change", () => { searchPicture($("file").files[0]); $("file").value = ""; });
  document.addEventListener("paste", (event) => { const file = event.clipboardData && event.clipboardData.files[0]; if (file) { location.hash = "#search"; searchPicture(file); } });
  document.addEventListener("dragover", (event) => { event.preventDefault(); $("drop").classList.add("over"); });
  document.addEventListener("dragleave", () => $("drop").classList.remove("over"));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    $("drop").classList.remove("over");
    if (event.dataTransfer.files[0]) { location.hash = "#search"; searchPicture(event.dataTransfer.files[0]); }
  });
}

start();
