// What is shown, in plain words.

export function percent(score) {
  return `${Math.round(100 * score)} %`;
}

export function confidence(score) {
  if (score >= 0.85) return "quite sure";
  if (score >= 0.6) return "fairly sure";
  return "not sure";
}

/** Seconds as minutes and seconds. */
export function clock(seconds, digits = 0) {
  const minutes = Math.floor(seconds / 60);
  const rest = (seconds - 60 * minutes).toFixed(digits).padStart(digits ? 3 + digits : 2, "0");
  return `${minutes}:${rest}`;
}

const WARNINGS = [
  [/^resampled|mixed to mono$/, null], // harmless
  [/^digital silence/, "The recording is silent: is the microphone on?"],
  [/^silent: the channels cancel/, "The two channels cancel each other, so nothing is left: record with one channel."],
  [/^clipped/, "The recording is overdriven. Record it more quietly for a better result."],
  [/^short/, "The recording is very short. Emotion is hard to recognise in less than a second."],
  [/^narrow band/, "The recording sounds like a telephone. The result is less reliable."],
  [/^no emotional speech/, "No speech with emotion was found: this may be noise, music or very calm speech."],
  [/^cut short/, "The file is damaged. Only the part before the damage was used."],
];

export function warningWords(text) {
  const found = WARNINGS.find(([pattern]) => pattern.test(text));
  return found ? found[1] : text;
}

const PROBLEMS = {
  401: "The service asks for a token. Enter it above.",
  403: "This page may not call the service.",
  408: "The upload takes too long. Try again, or use a shorter recording.",
  413: "The recording is too long or too large.",
  415: "This file is not a recording that can be read here. Try WAV, MP3, FLAC, OGG or M4A.",
  422: "The recording cannot be used.",
  429: "The service is busy. Try again in a moment.",
  503: "The service is ending or too busy. Try again in a moment.",
};

/** A heading in plain words, and the precise words of the service. */
export function problemWords(problem) {
  if (problem instanceof TypeError) return ["The service does not answer. Is it still running?", ""];
  if (!problem.status) return [problem.message, ""];
  return [PROBLEMS[problem.status] || "Something went wrong.", problem.detail || problem.message];
}

const NAMES = {
  text: "Text", json: "JSON", csv: "Table (CSV)", textgrid: "Praat TextGrid", rttm: "RTTM", eaf: "ELAN",
  vtt: "Subtitles (WebVTT)", audacity: "Audacity labels", png: "Picture (PNG)",
};

export function formatName(name) {
  return NAMES[name] || name;
}
