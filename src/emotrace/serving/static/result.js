// The result in words: the emotion, the probabilities, warnings, the list of spans and the colours.

import { clock, confidence, percent, warningWords } from "./words.js";

const element = (id) => document.getElementById(id);

function make(tag, text = "", className = "") {
  const made = document.createElement(tag);
  made.textContent = text;
  made.className = className;
  return made;
}

export function showResult(result, figure) {
  showSummary(result, figure);
  showScores(result.scores || {}, figure);
  const warnings = result.warnings.map(warningWords).filter(Boolean);
  element("warnings").replaceChildren(...warnings.map((words) => make("li", words)));
  element("list").replaceChildren(...result.timeline.map((span) => {
    const row = document.createElement("tr");
    row.append(make("td", clock(span.start, 1)), make("td", clock(span.end, 1)), make("td", span.emotion), make("td", percent(span.score)));
    return row;
  }));
  element("list-box").hidden = !result.timeline.length;
  element("hint").textContent = result.timeline.length
    ? "Each coloured bar is a time with one emotion. Click a bar to listen to it."
    : "No emotion was found at any time.";
}

function showSummary(result, figure) {
  const summary = element("summary");
  if (result.label === null) {
    summary.replaceChildren(make("b", "No emotion"), " was recognised in this recording.");
    return;
  }
  const name = make("b", result.label);
  name.style.setProperty("--colour", figure.colour(result.label));
  const emotions = new Set(result.timeline.map((span) => span.emotion));
  const change = emotions.size > 1 ? " It changes over time; see below." : "";
  summary.replaceChildren(
    "Over the whole recording, the voice mostly expresses ", name,
    `: ${percent(result.score)}, ${confidence(result.score)}.${change}`,
  );
}

export function showScores(scores, figure) {
  const ranked = Object.entries(scores).sort((a, b) => b[1] - a[1]);
  element("scores").replaceChildren(...ranked.map(([emotion, score]) => {
    const row = make("li");
    const bar = make("span", "", "bar"), fill = make("span");
    fill.style.width = `${100 * score}%`;
    fill.style.background = figure.colour(emotion);
    bar.setAttribute("aria-hidden", "true");
    bar.append(fill);
    row.append(make("span", emotion), bar, make("span", percent(score), "number"));
    return row;
  }));
  showLegend(Object.keys(figure.colours), figure);
}

export function showLegend(emotions, figure, live = false) {
  const entries = emotions.map((emotion) => {
    const entry = make("li"), swatch = make("span", "", "swatch");
    swatch.style.background = figure.colour(emotion);
    entry.append(swatch, emotion);
    return entry;
  });
  if (live) {
    const entry = make("li");
    entry.append(make("span", "", "swatch provisional"), "may still change");
    entries.push(entry);
  }
  element("legend").replaceChildren(...entries);
}
