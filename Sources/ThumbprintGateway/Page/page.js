import { $, Refusal, address, ask, current, endQuestions, loadCollections, say, sayError, state } from "./parts.js";
import { invite, refuseAddress, searchAgain, searchAnyRecord, searchPicture, searchRecord } from "./search.js";
import { addPictures, makeCollection, showCollection, showOthers } from "./collection.js";
import { unwatchCluster, watchCluster } from "./cluster.js";
import { whenTokenIsGiven } from "./token.js";

const pages = ["search", "collection", "cluster"];
const titles = { search: "Thumbprint", collection: "Collection – Thumbprint", cluster: "Cluster – Thumbprint" };
let isStarted = false;

/** Shows what the address says: #search/COLLECTION/ID, #search, #collection or #cluster. */
function show() {
  const [name, ...rest] = location.hash.slice(1).split("/");
  // The link over the head of the page leads to its content, whichever that is.
  if (name === "main" && document.querySelector("nav [aria-current]")) return;
  const page = pages.includes(name) ? name : "search";
  endQuestions();
  unwatchCluster();
  state.page = page;
  for (const each of pages) $(each + "-page").hidden = each !== page;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.getAttribute("href") === "#" + page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  document.title = titles[page];
  document.querySelector(".pick").hidden = page === "cluster" || state.collections.length === 0;
  if (page === "collection") return showCollection();
  if (page === "cluster") return watchCluster();
  if (name && name !== page) return refuseAddress("This page has no part of that name; there are search, collection and cluster.");
  return showSearch(rest);
}

function showSearch(rest) {
  if (!rest.length || !current()) return invite();
  let [name, id] = rest;
  try { [name, id] = rest.map(decodeURIComponent); } catch { id = ""; }
  if (rest.length !== 2 || !/^[0-9]+$/.test(id)) {
    return refuseAddress("This address leads to no record. Those of records are #search/COLLECTION/NUMBER.");
  }
  if (!state.collections.some((each) => each.name === name)) return refuseAddress("There is no collection of that name.");
  $("collections").value = name;
  return searchRecord(id);
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
    if (id && current()) goTo(id); else searchAgain();
  });
  for (const id of ["k", "promise", "metric", "partial"]) $(id).addEventListener("change", searchAgain);
  $("random").addEventListener("click", () => searchAnyRecord(goTo));
  $("shuffle").addEventListener("click", showOthers);
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
    if (!(error instanceof Refusal)) throw error;
    if (error.code === "token") return sayError(state.page, error);
    say(state.page, error.message + " This page tries again.", true);
    setTimeout(start, 2000);
    return;
  }
  if (!state.about.model || !state.about.model.codesPictures) {
    $("file").disabled = true;
    document.querySelector("label[for=file]").hidden = true;
    $("file-hint").textContent = "This coordinator has no model, so it cannot code pictures; records can still be searched for.";
  }
  isStarted = true;
  listen();
  show();
}

whenTokenIsGiven(() => { if (isStarted) show(); else start(); });
start();
