import { $, Questions, Refusal, bytes, counted, duration, element, plain, say } from "./parts.js";

const questions = new Questions("cluster");
let isWatched = false;
let timer = 0;
// What was shown last, so that nothing is touched that did not change: a reader may be in it.
let shown = "";
// When bytes of a move were first seen, by its id: what tells its speed.
let starts = new Map();
const shardCountMax = 200;

function row(...cells) {
  return element("tr", {}, ...cells.map((cell) => (cell instanceof Element ? cell : element("td", {}, String(cell)))));
}

function meter(value, most) {
  const bar = element("span", { class: "meter", "aria-hidden": "true" });
  const fill = element("span");
  fill.style.width = (most > 0 ? Math.min(100, (value / most) * 100) : 0) + "%";
  bar.append(fill);
  return bar;
}

function workerRow(worker) {
  const silent = worker.silentMilliseconds;
  const word = worker.isAlive ? worker.state : "lost" + (silent === undefined || silent === null ? "" : ", silent for " + Math.round(silent / 1000) + " s");
  const used = bytes(worker.usedByteCount) + " of " + bytes(worker.capacityByteCount);
  return row(
    element("th", { scope: "row" }, worker.name), element("td", { class: worker.isAlive ? "good" : "bad" }, word),
    worker.address, plain(worker.replicaCount), plain(worker.primaryCount),
    element("td", {}, used, meter(worker.usedByteCount, worker.capacityByteCount)));
}

function phrase(move) {
  const shard = "shard " + move.number + " of " + move.collection;
  return move.source ? shard + ": " + move.source + " → " + move.target : shard + ": a copy to " + move.target;
}

function moveItem(move) {
  const total = move.totalByteCount || 0;
  const done = Math.min(move.doneByteCount || 0, total);
  const item = element("li", { class: "move" }, element("strong", {}, phrase(move)));
  const bar = element("progress", { "aria-label": phrase(move) });
  if (total) { bar.max = total; bar.value = done; }
  const words = [move.reason, move.phase];
  if (total) words.push(bytes(done) + " of " + bytes(total));
  const start = starts.get(move.id);
  const seconds = start ? (performance.now() - start.time) / 1000 : 0;
  if (start && done > start.done && done < total && seconds > 1) {
    const speed = (done - start.done) / seconds;
    words.push(bytes(speed) + "/s, " + duration((total - done) / speed) + " left");
  }
  item.append(bar, element("span", { class: "soft" }, words.join(" · ")));
  return item;
}

function endedItem(move) {
  const ago = duration(move.secondsAgo) + " ago";
  const proof = move.proof ? counted(move.proof.recordCount, "record") + ", both sides equal: none lost, none doubled" : "done";
  const end = element("span", { class: move.aborted ? "bad" : "good" }, move.aborted ? "given up: " + move.aborted : proof);
  return element("li", {}, element("strong", {}, phrase(move)), " ", end, element("span", { class: "soft" }, " · " + ago));
}

const isWell = (shard) => Boolean(shard.primary) && shard.replicas.every((each) => each.isAlive && each.isInSync);

function shardRow(shard) {
  const replicas = [...shard.replicas].sort((a, b) => (b.worker === shard.primary) - (a.worker === shard.primary));
  const cell = element("td", {});
  replicas.forEach((each) => {
    const word = each.isAlive ? (each.isInSync ? "in sync" : "catching up") : "lost";
    cell.append(element("span", { class: "replica " + (word === "in sync" ? "good" : "bad") }, each.worker + (word === "in sync" ? "" : " (" + word + ")")));
  });
  const primary = replicas.find((each) => each.worker === shard.primary);
  const count = primary && primary.recordCount;
  return row(element("th", { scope: "row" }, shard.collection + " " + shard.number), count === undefined || count === null ? "–" : plain(count), cell);
}

function summary(status) {
  const lost = status.workers.filter((each) => !each.isAlive).length;
  const unwell = status.shards.filter((each) => !isWell(each)).length;
  const silent = status.shards.filter((each) => !each.replicas.some((one) => one.isAlive && one.isInSync)).length;
  const facts = counted(status.workers.length, "worker") + ", " + counted(status.collections.length, "collection") + ", " + counted(status.shards.length, "shard") + ". ";
  if (!status.workers.length) return [facts + "No worker has come yet: start one with thumbprint-shard.", "bad"];
  if (silent) return [facts + counted(silent, "shard") + " cannot be searched: no replica in sync is alive.", "bad"];
  const moving = status.moves.length ? " " + counted(status.moves.length, "move") + " under way." : "";
  if (lost) return [facts + counted(lost, "worker") + " lost; every shard still answers." + moving, "bad"];
  if (unwell) return [facts + "Everything answers; " + counted(unwell, "shard") + " not yet with all replicas in sync." + moving, ""];
  return [facts + "All is well: every replica is in sync." + moving, "good"];
}

function show(status) {
  const fill = (id, rows) => {
    $(id).querySelector("tbody").replaceChildren(...rows);
    $(id).parentElement.hidden = rows.length === 0;
  };
  const [words, tone] = summary(status);
  $("summary").textContent = words;
  $("summary").className = tone;
  fill("workers", status.workers.map(workerRow));
  const shards = [...status.shards].sort((a, b) => isWell(a) - isWell(b));
  fill("shards", shards.slice(0, shardCountMax).map(shardRow));
  const more = shards.length - shardCountMax;
  $("more").textContent = more > 0 ? "… and " + counted(more, "more shard") + ", the best of them. 'thumbprint cluster shards' shows all." : "";
  $("moving").hidden = status.moves.length === 0;
  $("moves").replaceChildren(...status.moves.map(moveItem));
  $("moved").hidden = status.endedMoves.length === 0;
  $("ended").replaceChildren(...status.endedMoves.slice(0, 4).map(endedItem));
}

async function refresh(question) {
  const status = await question.ask("/cluster");
  const before = starts;
  starts = new Map();
  for (const each of status.moves) {
    const known = before.get(each.id);
    starts.set(each.id, known && known.done > 0 ? known : { time: performance.now(), done: each.doneByteCount || 0 });
  }
  const text = JSON.stringify(status, (key, value) => (key === "silentMilliseconds" ? Math.round(value / 1000) : key === "secondsAgo" ? Math.round(value / 10) : value));
  question.say("");
  if (text === shown && !status.moves.length) return;
  shown = text;
  show(status);
}

/** Asks now, and again a second after each answer, as long as somebody may be looking. */
async function poll() {
  clearTimeout(timer);
  if (!isWatched || document.hidden) return;
  let isLocked = false;
  const work = async (question) => {
    try {
      await refresh(question);
    } catch (error) {
      shown = "";
      isLocked = error.code === "token";
      if (isLocked || !(error instanceof Refusal)) throw error;
      throw new Refusal(error.message + " Trying again each second.", error.code);
    }
  };
  if (await questions.pose(work) && !isLocked) timer = setTimeout(poll, 1000);
}

export function watchCluster() {
  isWatched = true;
  shown = "";
  starts = new Map();
  say("cluster", "");
  poll();
}

export function unwatchCluster() {
  isWatched = false;
  clearTimeout(timer);
}

document.addEventListener("visibilitychange", poll);
