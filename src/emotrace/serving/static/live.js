// The microphone, and the live stream to the service.

import { toInt16, wavFile } from "./sound.js";

const HELP = {
  NotAllowedError: "The browser does not let this page use the microphone. Allow it next to the address, then try again.",
  NotFoundError: "No microphone was found. Connect one, or choose a file.",
  NotReadableError: "The microphone is used by another program. Close that, then try again.",
};

/** Start to record. `on` has: sound(samples, rateHz), event(message), provisional(message), failed(problem). */
export async function record(token, on) {
  if (!navigator.mediaDevices) {
    throw new Error("Browsers give the microphone only to pages on this machine or with https. Choose a file instead.");
  }
  let media;
  try {
    media = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, autoGainControl: false } });
  } catch (error) {
    throw new Error(HELP[error.name] || `The microphone cannot be used (${error.message}).`);
  }
  const stopTracks = () => media.getTracks().forEach((track) => track.stop());
  let context;
  try {
    context = new AudioContext({ sampleRate: 16000 });
    context.createMediaStreamSource(media);
  } catch {
    context = new AudioContext(); // this browser does not convert the microphone's rate
  }
  const rateHz = context.sampleRate;
  const chunks = [];
  let finished, failed;
  const result = new Promise((resolve, reject) => { finished = resolve; failed = reject; });
  result.catch(() => {});

  const scheme = location.protocol === "https:" ? "wss:" : "ws:";
  const socket = new WebSocket(`${scheme}//${location.host}/v1/stream`);
  socket.binaryType = "arraybuffer";
  socket.onopen = () => {
    socket.send(JSON.stringify({ type: "start", rate_hz: rateHz, encoding: "int16", frames: true, ...(token ? { token } : {}) }));
    chunks.forEach((chunk) => socket.send(chunk));
  };
  socket.onmessage = ({ data }) => {
    const message = JSON.parse(data);
    if (message.type === "event") on.event(message);
    else if (message.type === "provisional") on.provisional(message);
    else if (message.type === "result") finished(message.result);
    else if (message.type === "error") failed(Object.assign(new Error(message.problem.detail), message.problem));
  };
  socket.onclose = () => failed(new Error("The connection to the service ended."));
  result.catch((problem) => on.failed(problem));

  await context.audioWorklet.addModule("/page/recorder.js");
  const recorder = new AudioWorkletNode(context, "recorder", { numberOfOutputs: 0 });
  recorder.port.onmessage = ({ data }) => {
    const chunk = toInt16(data);
    chunks.push(chunk);
    if (socket.readyState === WebSocket.OPEN) socket.send(chunk);
    on.sound(data, rateHz);
  };
  context.createMediaStreamSource(media).connect(recorder);
  await context.resume();

  return {
    /** End the recording: the WAV file, and the result of the service. */
    async stop() {
      stopTracks();
      await context.close();
      if (socket.readyState === WebSocket.OPEN) socket.send(JSON.stringify({ type: "end" }));
      return { blob: wavFile(chunks, rateHz), result: await result };
    },
    async abort() {
      stopTracks();
      if (context.state !== "closed") await context.close();
      socket.close();
    },
  };
}
