// The figure: waveform, spectrogram, curves, spans and axis over one width, which is the time from 0 to the end.

import { RATE_HZ, spectrum } from "./sound.js";
import { clock, percent } from "./words.js";

const element = (id) => document.getElementById(id);
const MAGMA = [[0, 0, 4], [81, 18, 124], [183, 55, 121], [252, 137, 97], [252, 253, 191]];
const RANGE_DB = 70;
const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3]];

export class Figure {
  constructor(colours, onSpan) {
    this.colours = colours;
    this.onSpan = onSpan;
    this.clear();
    new ResizeObserver(() => this.draw()).observe(element("figure"));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  clear() {
    Object.assign(this, { samples: null, frames: null, spans: [], duration: 0, columns: null });
  }

  /** Show a recording: its samples (or null), its scores over time (or null), and its spans. */
  show({ samples, frames, spans, duration }) {
    Object.assign(this, { samples, frames, spans, duration, columns: samples && spectra(samples) });
    this.draw();
  }

  colour(emotion) {
    return this.colours[emotion] || "#777777";
  }

  draw() {
    if (!this.duration) return;
    this.drawWaveform();
    this.drawSpectrogram();
    this.drawCurves();
    this.drawSpans();
    this.drawAxis();
  }

  drawWaveform() {
    const { context, width, height } = prepare("waveform");
    for (const span of this.spans) {
      context.globalAlpha = span.provisional ? 0.18 : 0.35;
      context.fillStyle = this.colour(span.emotion);
      context.fillRect((span.start / this.duration) * width, 0, ((span.end - span.start) / this.duration) * width, height);
    }
    context.globalAlpha = 1;
    if (!this.samples) return;
    context.fillStyle = style("--wave");
    const perPixel = (this.duration * RATE_HZ) / width;
    const step = Math.max(1, Math.floor(perPixel / 64));
    for (let x = 0; x < width; x++) {
      let low = 0, high = 0;
      const stop = Math.min(this.samples.length, (x + 1) * perPixel);
      for (let i = Math.floor(x * perPixel); i < stop; i += step) {
        low = Math.min(low, this.samples[i]);
        high = Math.max(high, this.samples[i]);
      }
      context.fillRect(x, (height / 2) * (1 - high), 1, Math.max(1, (height / 2) * (high - low)));
    }
  }

  drawSpectrogram() {
    const { context, width, height } = prepare("spectrogram");
    if (!this.columns || !this.columns.length) return;
    const bins = this.columns[0].length;
    const picture = new ImageData(this.columns.length, bins);
    const top = this.columns.reduce((most, column) => Math.max(most, ...column), -Infinity);
    this.columns.forEach((column, x) => column.forEach((value, bin) => {
      const share = Math.max(0, Math.min(1, (value - top + RANGE_DB) / RANGE_DB)) * (MAGMA.length - 1);
      const [low, part] = [Math.min(MAGMA.length - 2, Math.floor(share)), share % 1];
      const last = share === MAGMA.length - 1 ? 1 : part;
      const at = 4 * ((bins - 1 - bin) * this.columns.length + x);
      for (let c = 0; c < 3; c++) picture.data[at + c] = MAGMA[low][c] * (1 - last) + MAGMA[low + 1][c] * last;
      picture.data[at + 3] = 255;
    }));
    const small = new OffscreenCanvas(picture.width, picture.height);
    small.getContext("2d").putImageData(picture, 0, 0);
    const seconds = this.samples.length / RATE_HZ;
    context.drawImage(small, 0, 0, (seconds / this.duration) * width, height);
  }

  drawCurves() {
    element("curves-row").hidden = !this.frames;
    if (!this.frames) return;
    const { context, width, height } = prepare("curves");
    const { first_s: first, step_s: step, labels, scores } = this.frames;
    const curves = labels.slice(0, -1).map((_, k) => smooth(scores.map((row) => row[k]), Math.max(1, Math.round(0.25 / step))));
    const most = Math.max(1e-9, ...curves.map((curve) => curve.reduce((a, b) => Math.max(a, b), 0)));
    const stride = Math.max(1, Math.floor(curves[0].length / (2 * width))); // no more points than can be seen
    curves.forEach((curve, k) => {
      context.strokeStyle = this.colour(labels[k]);
      context.lineWidth = 2 * devicePixelRatio;
      context.setLineDash(DASHES[k % DASHES.length].map((x) => x * devicePixelRatio));
      context.beginPath();
      for (let i = 0; i < curve.length; i += stride) {
        context.lineTo(((first + i * step) / this.duration) * width, height * (0.97 - (0.77 * curve[i]) / most));
      }
      context.stroke();
    });
  }

  drawSpans() {
    const box = element("spans");
    const focused = [...box.children].indexOf(document.activeElement);
    box.replaceChildren(...this.spans.map((span) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = span.provisional ? "span provisional" : "span";
      button.style.left = `${(100 * span.start) / this.duration}%`;
      button.style.width = `${(100 * (span.end - span.start)) / this.duration}%`;
      button.style.background = this.colour(span.emotion);
      button.style.color = readable(this.colour(span.emotion));
      button.textContent = span.emotion;
      const words = `${span.emotion}, from ${clock(span.start, 1)} to ${clock(span.end, 1)}, confidence ${percent(span.score)}`;
      button.title = words;
      button.setAttribute("aria-label", span.provisional ? `${words}, may still change` : `${words}. Listen`);
      if (span.provisional) button.disabled = true;
      else button.addEventListener("click", () => this.onSpan(span, button));
      return button;
    }));
    if (focused >= 0 && box.children[focused]) box.children[focused].focus();
  }

  drawAxis() {
    const { context, width, height } = prepare("axis");
    context.fillStyle = context.strokeStyle = style("--soft");
    context.font = `${12 * devicePixelRatio}px system-ui, sans-serif`;
    const room = this.duration / (width / (70 * devicePixelRatio));
    const step = [0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600].find((s) => s >= room) || 900;
    for (let time = 0; time <= this.duration; time += step) {
      const x = (time / this.duration) * width;
      context.fillRect(x, 0, devicePixelRatio, 5 * devicePixelRatio);
      const label = step < 1 ? clock(time, 1) : clock(time);
      const size = context.measureText(label).width;
      context.fillText(label, Math.max(0, Math.min(width - size, x - size / 2)), height - 4 * devicePixelRatio);
    }
  }
}

function spectra(samples) {
  const hop = Math.max(160, Math.ceil(samples.length / 1200));
  const columns = [];
  for (let start = 0; start + 400 <= samples.length; start += hop) columns.push(spectrum(samples, start));
  return columns;
}

function smooth(values, reach) {
  let sum = 0, count = 0;
  for (let i = 0; i < Math.min(reach, values.length); i++, count++) sum += values[i];
  return values.map((_, i) => {
    if (i + reach < values.length) { sum += values[i + reach]; count++; }
    if (i - reach - 1 >= 0) { sum -= values[i - reach - 1]; count--; }
    return sum / count;
  });
}

/** A canvas as large as it is shown, and cleared. */
function prepare(id) {
  const canvas = element(id);
  const width = Math.min(16000, Math.round(canvas.clientWidth * devicePixelRatio));
  const height = Math.round(canvas.clientHeight * devicePixelRatio);
  if (canvas.width !== width) canvas.width = width;
  if (canvas.height !== height) canvas.height = height;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, width, height);
  return { context, width, height };
}

function style(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

/** Black or white, whichever has more contrast with a colour such as #1f5fa8. */
export function readable(colour) {
  const [r, g, b] = [1, 3, 5].map((at) => (parseInt(colour.slice(at, at + 2), 16) / 255) ** 2.2);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b > 0.179 ? "#000000" : "#ffffff";
}
