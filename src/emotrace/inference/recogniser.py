"""The runtime: audio → network (ONNX Runtime) → label, scores and timeline. It knows no torch."""

import os

from emotrace.audio.reading import Audio, Source, open_audio, read_audio
from emotrace.inference.frame_scores import FrameScores
from emotrace.inference.hub import find_model_folder
from emotrace.inference.model_config import ModelConfig
from emotrace.inference.model_folder import load_model_folder
from emotrace.inference.onnx_session import OnnxSession
from emotrace.inference.pretrained import pretrained_model
from emotrace.inference.result import Result
from emotrace.inference.streaming import Stream, StreamDecoder, make_result
from emotrace.timeline import Timeline


class Recogniser:
    """A model ready to be called on audio.

    Args:
        folder: a model folder
        threads: how many threads one call uses; None: as many as there are processors for this process

    Raises:
        ModelError: if the folder is incomplete, damaged or altered

    A recogniser may be called from several threads at once.
    """

    def __init__(self, folder: str | os.PathLike[str], threads: int | None = None) -> None:
        self.folder = load_model_folder(folder)
        self._session = OnnxSession(self.folder, threads)

    @property
    def config(self) -> ModelConfig:
        """What the model is, what it was trained on and how it measured."""
        return self.folder.config

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions it knows."""
        return self.config.labels

    def __call__(self, source: Source) -> Result:
        """Recognise a path, the bytes of a file, a binary file object or `(samples, sample_rate_hz)`.

        Files are heard block by block, so hours take no more memory than minutes.

        Raises:
            AudioError: if there is no audio to be had from it, or too little
        """
        with open_audio(source) as sound:
            stream = Stream(self._session, sound.rate_hz, sound.name)
            for block in sound.blocks:
                stream.push(block)
            stream.flush()
            return stream.result(sound.file, sound.warnings)

    def stream(self, sample_rate_hz: float, name: str = "<stream>") -> Stream:
        """Recognise a recording while it goes on: feed it chunks, and hear of spans as they become known.

            stream = recogniser.stream(44_100)
            for chunk in chunks:                    # (n,) or (n, channels), of any size
                for event in stream.feed(chunk):    # event.kind: opened, extended or closed; event.span
                    ...
            stream.flush(), stream.result()           # the rest, and the whole

        A moment is told of at most `stream.latency_s` of audio after it, about 6.2 s: a window of 5 s, 1 s
        until a frame is decided, and 0.2 s for blocks and resampling. What the network takes comes on top.
        Errors call the recording by its `name`.
        """
        return Stream(self._session, sample_rate_hz, name)

    def read(self, source: Source) -> Audio:
        """The audio as this model takes it."""
        rate_hz = self.config.sampling_rate
        return read_audio(source, rate_hz, minimum_s=self.config.minimum_samples / rate_hz)

    def recognise_audio(self, audio: Audio) -> Result:
        """Recognise audio at the model's rate; digital silence has no label."""
        if audio.silent:
            return make_result(
                self.config, None, False, Timeline(), audio.duration_s, audio.name, audio.warnings
            )
        return self.result_from_frame_scores(self._decode(audio, keep=False).frame_scores(), audio)

    def frame_scores(self, audio: Audio) -> FrameScores:
        """Scores of the recording and posteriors over time, all of which are kept.

        Raises:
            ModelError: if the network gives what no model of its kind may give
        """
        return self._decode(audio, keep=True).frame_scores()

    def result_from_frame_scores(self, frame_scores: FrameScores, audio: Audio) -> Result:
        """The result that the evidence of a recording makes."""
        return make_result(
            self.config,
            frame_scores.scores,
            frame_scores.rejected,
            frame_scores.timeline,
            audio.duration_s,
            audio.name,
            audio.warnings,
        )

    def stop(self) -> None:
        """End the calls that other threads have under way, and all later ones, by an error."""
        self._session.stop()

    def _decode(self, audio: Audio, keep: bool) -> StreamDecoder:
        decoder = StreamDecoder(self._session, keep)
        decoder.push(audio.samples)
        decoder.flush(audio.duration_s)
        return decoder


def load(folder: str | os.PathLike[str] | None = None, threads: int | None = None) -> Recogniser:
    """A recogniser from a model folder, by default that of the model that ships.

    `owner/name@revision`, where no such folder is, is fetched from the Hugging Face hub.

    Raises:
        MissingExtraError: if the model is on the hub and the extra `hub` is not installed
        ModelError: if the folder is incomplete, damaged or altered, none is given and none ships, or the hub
            does not give it
    """
    return Recogniser(pretrained_model() if folder is None else find_model_folder(folder), threads)
