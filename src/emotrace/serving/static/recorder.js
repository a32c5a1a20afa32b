// Runs in the audio thread: collects the microphone's samples and sends 50 ms at a time to the page.

class Recorder extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(Math.round(sampleRate / 20));
    this.filled = 0;
  }

  process([channels]) {
    const samples = channels[0];
    for (let i = 0; samples && i < samples.length; i++) {
      this.block[this.filled++] = samples[i];
      if (this.filled === this.block.length) {
        this.port.postMessage(this.block);
        this.filled = 0;
      }
    }
    return true;
  }
}

registerProcessor("recorder", Recorder);
