// The token that the coordinator may want: asked for once, and kept while the window is open.

const key = "thumbprint-token";
const pictureCountMax = 2000;
const pictures = new Map();
const $ = (id) => document.getElementById(id);
let question = null;
// Whether somebody would not give it: nothing is asked of the coordinator until somebody wants to.
let isDeclined = false;

/** A token is needed, and nobody gives it. */
export class TokenNeeded extends Error {}

/** Opens the dialog, unless it is open. Gives whether there is a token at its end. */
function askFor(words) {
  if (question) return question;
  question = new Promise((resolve) => {
    $("token-heading").textContent = words;
    $("token-message").textContent = "";
    $("token").value = "";
    $("token-dialog").addEventListener("close", () => {
      isDeclined = sessionStorage.getItem(key) === null;
      $("token").value = "";
      $("token-needed").hidden = !isDeclined;
      question = null;
      resolve(!isDeclined);
    }, { once: true });
    $("token-dialog").showModal();
  });
  return question;
}

$("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = $("token").value.trim();
  if (/^[!-~]{16,256}$/.test(text)) {
    sessionStorage.setItem(key, text);
    $("token-dialog").close();
  } else {
    $("token-message").textContent = "A token has 16 to 256 characters, no spaces and no accents; this has " + text.length + ".";
    $("token").select();
  }
});
$("token-later").addEventListener("click", () => $("token-dialog").close());

/** Calls `then` when a token was given after all. */
export function whenTokenIsGiven(then) {
  $("token-give").addEventListener("click", async () => { if (await askFor("The token of this coordinator")) then(); });
}

/** As fetch, with the token if there is one, and once more when it is known. */
export async function fetchWithToken(address, options = {}) {
  for (;;) {
    if (isDeclined) throw new TokenNeeded();
    const known = sessionStorage.getItem(key);
    const headers = new Headers(options.headers);
    if (known !== null) headers.set("Authorization", "Bearer " + known);
    const answer = await fetch(address, { ...options, headers });
    if (answer.status !== 401) return answer;
    // Another request may have asked for it meanwhile.
    if (isDeclined || sessionStorage.getItem(key) !== known) continue;
    sessionStorage.removeItem(key);
    await askFor(known === null ? "This coordinator wants its token" : "That is not its token");
  }
}

async function fetched(address) {
  const answer = await fetchWithToken(address);
  if (!answer.ok) throw new Error("no picture: " + answer.status);
  return URL.createObjectURL(await answer.blob());
}

/** Shows a picture of the API. An address in an image brings no token, so that one is fetched first. */
export async function showPicture(image, address) {
  if (sessionStorage.getItem(key) === null) { image.src = address; return; }
  if (!pictures.has(address)) {
    pictures.set(address, fetched(address));
    if (pictures.size > pictureCountMax) {
      const [oldest, made] = pictures.entries().next().value;
      pictures.delete(oldest);
      made.then((url) => URL.revokeObjectURL(url), () => {});
    }
  }
  const made = pictures.get(address);
  try {
    image.src = await made;
  } catch {
    // It is asked for again when it is shown again.
    if (pictures.get(address) === made) pictures.delete(address);
  }
}
