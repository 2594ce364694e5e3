import { $, address, ask, current, loadCollections, say, state } from "./parts.js";
import { anyRecord, invite, search, searchPicture, searchRecord } from "./search.js";
import { addPictures, makeCollection, showCollection } from "./collection.js";
import { forget, showCluster } from "./cluster.js";

const pages = ["search", "collection", "cluster"];
const titles = { search: "Thumbprint", collection: "Collection – Thumbprint", cluster: "Cluster – Thumbprint" };
let timer = 0;

/** Shows what the address says: #search/COLLECTION/ID, #search, #collection or #cluster. */
function show() {
  const [name, ...rest] = location.hash.slice(1).split("/");
  // The link over the head of the page leads to its content, whichever that is.
  if (name === "main" && document.querySelector("nav [aria-current]")) return;
  const page = pages.includes(name) ? name : "search";
  state.page = page;
  for (const each of pages) $(each + "-page").hidden = each !== page;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === "#" + page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = titles[page];
  document.querySelector(".pick").hidden = page === "cluster" || state.collections.length === 0;
  clearInterval(timer);
  say("");
  if (page === "search") return showSearch(rest);
  if (page === "collection") return loadCollections().then(showCollection).catch((error) => say(error.message, true));
  forget();
  showCluster();
  timer = setInterval(() => { if (!document.hidden) showCluster(); }, 1000);
}

function showSearch(rest) {
  if (!current()) {
    say("There is no collection yet: the page Collection makes one.");
    return;
  }
  if (rest.length !== 2) return invite();
  let name = "";
  try { name = decodeURIComponent(rest[0]); } catch { /* not one of ours */ }
  if (!state.collections.some((each) => each.name === name)) return say("There is no collection of that name.", true);
  $("collections").value = name;
  searchRecord(decodeURIComponent(rest[1]));
}

function goTo(id) {
  const target = address(current(), encodeURIComponent(id));
  if (location.hash === target) show(); else location.hash = target;
}

/** Brings a picture to where pictures are asked with. */
function takePicture(files) {
  if (state.page === "collection" && current() && !$("adding").hidden) return addPictures([...files]);
  if (state.page !== "search") {
    history.pushState(null, "", "#search");
    show();
  }
  return searchPicture(files[0]);
}

function listen() {
  window.addEventListener("hashchange", show);
  $("collections").addEventListener("change", () => {
    if (state.page === "search" && location.hash !== "#search") location.hash = "#search"; else show();
  });
  $("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    const id = $("record").value.trim();
    if (id && current()) goTo(id); else search();
  });
  for (const id of ["k", "promise", "metric", "partial"]) $(id).addEventListener("change", search);
  $("random").addEventListener("click", async () => { const id = await anyRecord(); if (id) goTo(id); });
  $("shuffle").addEventListener("click", showCollection);
  $("make").addEventListener("submit", (event) => { event.preventDefault(); makeCollection($("name").value); });
  $("file").addEventListener("change", () => { searchPicture($("file").files[0]); $("file").value = ""; });
  $("files").addEventListener("change", () => { addPictures([...$("files").files]); $("files").value = ""; });
  document.addEventListener("paste", (event) => {
    const files = event.clipboardData ? event.clipboardData.files : [];
    if (files.length) takePicture(files);
  });
  const over = (isOver) => document.body.classList.toggle("over", isOver);
  document.addEventListener("dragover", (event) => { event.preventDefault(); over(true); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) over(false); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    if (event.dataTransfer.files.length) takePicture(event.dataTransfer.files);
  });
}

async function start() {
  try {
    [state.about] = await Promise.all([ask(""), loadCollections()]);
  } catch (error) {
    say(error.message + " This page tries again.", true);
    setTimeout(start, 2000);
    return;
  }
  if (!state.about.model || !state.about.model.codesPictures) {
    $("file").disabled = true;
    document.querySelector("label[for=file]").hidden = true;
    $("file-hint").textContent = "This coordinator has no model, so it cannot code pictures; records can still be searched for.";
  }
  listen();
  show();
}

start();
