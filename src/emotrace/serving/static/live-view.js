// What is drawn while someone speaks.

import { showLegend, showScores } from "./result.js";
import { RATE_HZ, spectrum } from "./sound.js";
import { clock, percent } from "./words.js";

const element = (id) => document.getElementById(id);
const SHOWN_S = 10; // at least so much time is shown, so that bars do not shrink at first
const REDRAW_MS = 200;
const BEHIND_S = 0.75; // the emotion of the very last moment changes most often: see results/provisional
const MOST_COLUMNS = 2400; // of the spectrogram

export class Live {
  constructor(figure) {
    this.figure = figure;
    this.samples = new Float32Array(60 * RATE_HZ);
    this.length = 0;
    this.closed = [];
    this.open = [];
    this.frames = null; // scores over time
    this.next = 0; // first sample of the next column of the spectrogram
    this.hop = 320;
    this.drawn = 0;
    figure.show({ samples: new Float32Array(0), frames: null, spans: [], duration: SHOWN_S });
    figure.columns = [];
    element("result").hidden = false;
    element("summary").textContent = "Speak …";
    for (const id of ["scores", "warnings", "list"]) element(id).replaceChildren();
    element("list-box").hidden = true;
    element("hint").textContent = "Bars with a dashed edge may still change. Press Stop when you are done.";
    showLegend(Object.keys(figure.colours), figure, true);
  }

  sound(samples, rateHz) {
    const step = rateHz / RATE_HZ;
    const count = Math.floor(samples.length / step);
    if (this.length + count > this.samples.length) {
      const larger = new Float32Array(2 * this.samples.length);
      larger.set(this.samples);
      this.samples = larger;
    }
    for (let i = 0; i < count; i++) this.samples[this.length++] = samples[Math.floor(i * step)];
    for (; this.next + 400 <= this.length; this.next += this.hop) this.figure.columns.push(spectrum(this.samples, this.next));
    if (this.figure.columns.length > MOST_COLUMNS) {
      this.figure.columns = this.figure.columns.filter((_, index) => index % 2 === 0);
      this.hop *= 2;
    }
    if (performance.now() - this.drawn > REDRAW_MS) this.draw();
  }

  event({ event, start, end, emotion, score }) {
    if (event === "closed") this.closed.push({ start, end, emotion, score });
  }

  provisional({ time, spans, scores, frames }) {
    this.addFrames(frames);
    this.open = spans.map((span) => ({ ...span, provisional: true }));
    const moment = time - BEHIND_S;
    const now = [...this.closed, ...spans].find((span) => span.start <= moment && moment < span.end);
    element("summary").textContent = now ? `Now: ${now.emotion}, ${percent(now.score)} (may still change)` : "Now: no emotion (may still change)";
    if (scores) showScores(scores, this.figure);
    showLegend(Object.keys(this.figure.colours), this.figure, true);
    this.draw();
  }

  /** The service sends new frames, and again those that may have changed. */
  addFrames({ first, scores, ...facts }) {
    const rows = this.frames ? this.frames.scores : [];
    rows.length = Math.min(rows.length, first);
    rows.push(...scores);
    this.frames = rows.length ? { ...facts, scores: rows } : null;
  }

  draw() {
    this.drawn = performance.now();
    const seconds = this.length / RATE_HZ;
    const { figure } = this;
    figure.samples = this.samples.subarray(0, this.length);
    figure.frames = this.frames;
    figure.spans = [...this.closed, ...this.open];
    figure.duration = Math.max(SHOWN_S, seconds);
    figure.draw();
    element("record-text").textContent = `Stop (${clock(seconds)})`;
  }
}
