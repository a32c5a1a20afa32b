// Playing: the whole recording or one span, with a play head that moves over the figure.

const element = (id) => document.getElementById(id);

export class Player {
  constructor() {
    this.audio = element("player");
    this.end = Infinity;
    this.button = null;
    this.audio.addEventListener("play", () => this.follow());
    this.audio.addEventListener("seeked", () => this.place());
    element("figure").addEventListener("click", (event) => {
      if (event.target.tagName !== "CANVAS" || !this.duration) return;
      const { left, width } = element("figure").getBoundingClientRect();
      this.stop();
      this.audio.currentTime = ((event.clientX - left) / width) * this.duration;
    });
    element("zoom").addEventListener("input", ({ target }) => {
      element("figure").style.width = `${100 * 2 ** target.value}%`;
    });
  }

  /** Load a recording; null if there is none that can be played. */
  load(blob, duration) {
    this.stop();
    if (this.audio.src) URL.revokeObjectURL(this.audio.src);
    this.audio.hidden = !blob;
    this.duration = blob ? duration : 0;
    element("playhead").hidden = !blob;
    if (blob) this.audio.src = URL.createObjectURL(blob);
    else this.audio.removeAttribute("src");
    this.place();
  }

  stop() {
    this.audio.pause();
    this.end = Infinity;
    if (this.button) this.button.setAttribute("aria-pressed", "false");
    this.button = null;
  }

  /** Play one span; a second click stops it. */
  playSpan(span, button) {
    const again = this.button === button;
    this.stop();
    if (again || !this.duration) return;
    this.button = button;
    button.setAttribute("aria-pressed", "true");
    this.end = span.end;
    this.audio.currentTime = span.start;
    this.audio.play();
  }

  follow() {
    this.place();
    if (this.audio.currentTime >= this.end) this.stop();
    if (!this.audio.paused) requestAnimationFrame(() => this.follow());
    else if (this.audio.ended) this.stop();
  }

  place() {
    const head = element("playhead"), box = element("scroll");
    if (!this.duration) return;
    const share = Math.min(1, this.audio.currentTime / this.duration);
    head.style.left = `${100 * share}%`;
    const x = share * element("figure").clientWidth;
    if (x < box.scrollLeft || x > box.scrollLeft + box.clientWidth) box.scrollLeft = x - box.clientWidth / 4;
  }
}
