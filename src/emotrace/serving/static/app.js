// The page: from a file or the microphone to the figure.

import { Figure } from "./figure.js";
import { record } from "./live.js";
import { Live } from "./live-view.js";
import { decode } from "./sound.js";
import { Player } from "./player.js";
import { showResult } from "./result.js";
import { formatName, problemWords } from "./words.js";

const element = (id) => document.getElementById(id);
const facts = await (await fetch("/page/facts.json")).json();
const player = new Player();
const figure = new Figure(facts.colours, (span, button) => player.playSpan(span, button));
let model = null;
let current = null; // the recording that is shown: {blob, name}
let recording = null;
let task = 0; // counts what was begun, so that an old answer never replaces a newer one

function headers(more = {}) {
  const token = sessionStorage.getItem("token");
  return token ? { ...more, Authorization: `Bearer ${token}` } : more;
}

/** Call the service; a problem is thrown with its status and detail. */
async function call(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: headers(options.headers) });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({ detail: answer.statusText }));
  throw Object.assign(new Error(problem.detail), { status: answer.status, detail: problem.detail });
}

function fail(problem) {
  const [heading, detail] = problemWords(problem);
  element("status").textContent = "";
  element("error").replaceChildren(...[heading, detail].filter(Boolean).map((words) => {
    const line = document.createElement("p");
    line.textContent = words;
    return line;
  }));
  element("error").hidden = false;
  if (problem.status === 401) {
    element("token-form").hidden = false;
    element("token").focus();
  }
}

function begin(words) {
  element("error").hidden = true;
  element("status").textContent = words;
  player.stop();
  return ++task;
}

async function getModel() {
  if (!model) {
    model = await (await call("/v1/model")).json();
    const accuracy = model.figures["cross-validated UA"];
    const right = accuracy
      ? ` In tests with speakers like those it was trained on, it recognised ${Math.round(100 * accuracy.value)} of 100 recordings; expect fewer of yours.`
      : "";
    element("model-facts").textContent =
      `The model ${model.name} knows ${model.labels.join(", ")}, and no other emotion. It was trained on: ${model.trained_on.join("; ")}.${right}`;
    element("downloads").replaceChildren(...model.formats.map(downloadButton));
  }
  return model;
}

/** Recognise a recording, and show it. */
async function analyse(blob, name) {
  const mine = begin(`Working on ${name} …`);
  try {
    const { limits } = await getModel();
    if (blob.size > 1e6 * limits.upload_mb) {
      throw Object.assign(new Error(`found ${(blob.size / 1e6).toFixed(1)} MB, expected at most ${limits.upload_mb} MB`), { status: 413 });
    }
    const [answer, samples] = await Promise.all([send(blob, name, "json", "&frames=true"), decode(blob)]);
    const [result] = await answer.json();
    if (mine !== task) return;
    show(result, samples, blob, name);
    const unplayable = samples ? "" : " This browser cannot play the file, so only the timeline is shown.";
    element("status").textContent = `Done: ${name}.${unplayable}`;
  } catch (problem) {
    if (mine === task) fail(problem);
  }
}

function send(blob, name, format, more = "") {
  const body = new FormData();
  body.append("audio", blob, name);
  return call(`/v1/trace?format=${format}${more}`, { method: "POST", body });
}

function show(result, samples, blob, name) {
  current = { blob, name };
  element("result").hidden = false;
  element("download-box").hidden = false;
  showResult(result, figure);
  figure.show({ samples, frames: result.frames || null, spans: result.timeline, duration: result.duration_s });
  player.load(samples && blob, result.duration_s);
}

function downloadButton({ name, suffix }) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.textContent = formatName(name);
  button.addEventListener("click", async () => {
    try {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(await (await send(current.blob, current.name, name)).blob());
      link.download = current.name.replace(/\.[^.]*$/, "") + suffix;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    } catch (problem) {
      fail(problem);
    }
  });
  return button;
}

async function startRecording() {
  begin("Waiting for the microphone …");
  element("record").disabled = true;
  try {
    await getModel();
    const live = new Live(figure);
    recording = await record(sessionStorage.getItem("token"), {
      sound: (samples, rateHz) => live.sound(samples, rateHz),
      event: (message) => live.event(message),
      provisional: (message) => live.provisional(message),
      failed: (problem) => { if (recording) { recording.abort(); endRecording(); fail(problem); } },
    });
    element("record-text").textContent = "Stop";
    element("status").textContent = "Recording.";
    document.body.classList.add("recording");
    element("download-box").hidden = true;
    player.load(null, 0);
  } catch (problem) {
    fail(problem);
  }
  element("record").disabled = false;
}

function endRecording() {
  recording = null;
  document.body.classList.remove("recording");
  element("record-text").textContent = "Speak now";
}

async function stopRecording() {
  const ending = recording;
  endRecording();
  try {
    const { blob, result } = await ending.stop();
    if (blob.size <= 1e6 * model.limits.upload_mb) await analyse(blob, "recording.wav");
    else show(result, await decode(blob), blob, "recording.wav");
  } catch (problem) {
    fail(problem);
  }
}

element("file").addEventListener("change", ({ target }) => {
  if (target.files[0]) analyse(target.files[0], target.files[0].name);
  target.value = "";
});
element("record").addEventListener("click", () => (recording ? stopRecording() : startRecording()));
element("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  sessionStorage.setItem("token", element("token").value);
  element("token-form").hidden = true;
  element("error").hidden = true;
  getModel().catch(fail);
});
const drop = element("drop");
for (const kind of ["dragenter", "dragover"]) {
  document.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("over"); });
}
for (const kind of ["dragleave", "drop"]) document.addEventListener(kind, () => drop.classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  const [file] = event.dataTransfer.files;
  if (file) analyse(file, file.name);
});
element("examples").replaceChildren(...facts.examples.map((name) => {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "button";
  button.textContent = name.replaceAll("-", " ");
  button.addEventListener("click", async () => {
    begin("Making the example …");
    try {
      analyse(await (await call(`/page/examples/${name}.wav`)).blob(), `${name}.wav`);
    } catch (problem) {
      fail(problem);
    }
  });
  return button;
}));
const local = ["localhost", "127.0.0.1", "[::1]"].includes(location.hostname);
element("privacy").textContent = local
  ? "The recording stays on this machine. It is kept in memory while it is worked on, and never stored."
  : `The recording is sent to ${location.host}. It is kept in memory there while it is worked on, and never stored.`;
getModel().catch(fail);
document.body.dataset.ready = "true";
