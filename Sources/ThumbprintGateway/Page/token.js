// The token that the coordinator may want: asked for once, and kept while the window is open.

const key = "thumbprint-token";
const pictureCountMax = 2000;
const pictures = new Map();
let question = null;
let isDeclined = false;

function ask(words) {
  if (question) return question;
  question = new Promise((resolve) => {
    const dialog = document.createElement("dialog");
    const label = document.createElement("label");
    const input = document.createElement("input");
    const button = document.createElement("button");
    label.append(words + " ", input);
    input.type = "password";
    input.autocomplete = "off";
    button.type = "button";
    button.textContent = "Go on";
    dialog.append(label, " ", button);
    const accept = () => {
      const text = input.value.trim();
      if (!/^[!-~]{16,256}$/.test(text)) return input.select();
      sessionStorage.setItem(key, text);
      dialog.close();
    };
    button.addEventListener("click", accept);
    input.addEventListener("keydown", (event) => { if (event.key === "Enter") accept(); });
    dialog.addEventListener("close", () => {
      isDeclined = sessionStorage.getItem(key) === null;
      dialog.remove();
      question = null;
      resolve(!isDeclined);
    });
    document.body.append(dialog);
    dialog.showModal();
  });
  return question;
}

/** As fetch, with the token if there is one, and once more when it is known. */
export async function fetchWithToken(address, options = {}) {
  for (;;) {
    const known = sessionStorage.getItem(key);
    const headers = new Headers(options.headers);
    if (known !== null) headers.set("Authorization", "Bearer " + known);
    const answer = await fetch(address, { ...options, headers });
    if (answer.status !== 401 || isDeclined) return answer;
    // Another request may have asked for it meanwhile.
    if (sessionStorage.getItem(key) !== known) continue;
    sessionStorage.removeItem(key);
    const words = known === null ? "This coordinator wants its token:" : "That is not its token. The token:";
    if (!await ask(words)) return answer;
  }
}

/** Shows a picture of the API. An address in an image brings no token, so that one is fetched first. */
export async function showPicture(image, address) {
  if (sessionStorage.getItem(key) === null) { image.src = address; return; }
  if (!pictures.has(address)) {
    pictures.set(address, fetchWithToken(address).then((answer) => answer.blob()).then((blob) => URL.createObjectURL(blob)));
    if (pictures.size > pictureCountMax) {
      const [oldest, made] = pictures.entries().next().value;
      pictures.delete(oldest);
      made.then((url) => URL.revokeObjectURL(url), () => {});
    }
  }
  try {
    image.src = await pictures.get(address);
  } catch {
    pictures.delete(address);
  }
}
