"""Recognition: audio → network (ONNX Runtime) → label, scores and timeline. Runs without PyTorch."""

import os
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Self

from emotrace.audio.reading import Audio, Source, open_audio, read_audio
from emotrace.decoding.ctc import Floats
from emotrace.inference.adaptation import check_adaptable, window_statistics, write_adapted_model
from emotrace.inference.frame_scores import FrameScores
from emotrace.inference.hub import find_model_folder
from emotrace.inference.model_config import ModelConfig
from emotrace.inference.model_folder import load_model_folder
from emotrace.inference.onnx_session import OnnxSession
from emotrace.inference.pretrained import log_license, pretrained_model
from emotrace.inference.result import Result
from emotrace.inference.stream_decoder import Observer, StreamDecoder
from emotrace.inference.streaming import Stream, make_result
from emotrace.timeline import Timeline


class Recogniser:
    """A model that is ready to recognise audio. It can be called from several threads at once.

    Args:
        folder: a model folder
        threads: number of threads per call, 1 to 512; None stands for 1, which is best for many short files
        start: load the network now; else when it is first needed, for a process that only passes the
            recogniser on to others

    Raises:
        ModelError: if the folder is incomplete, damaged or altered
    """

    def __init__(
        self, folder: str | os.PathLike[str], threads: int | None = None, *, start: bool = True
    ) -> None:
        self.folder = load_model_folder(folder)
        self._threads = threads
        self._session_if_started = OnnxSession(self.folder, threads) if start else None

    @property
    def _session(self) -> OnnxSession:
        if self._session_if_started is None:
            self._session_if_started = OnnxSession(self.folder, self._threads)
        return self._session_if_started

    def __reduce__(self) -> tuple[type[Self], tuple[Path, int | None]]:
        """Pickle and copy the recogniser as its folder, which is loaded again."""
        return type(self), (self.folder.path.absolute(), self._threads)

    @property
    def config(self) -> ModelConfig:
        """The model's labels, settings, training data and measured figures."""
        return self.folder.config

    @property
    def labels(self) -> tuple[str, ...]:
        """The emotions that the model can name."""
        return self.config.labels

    def __call__(self, source: Source, observer: Observer | None = None) -> Result:
        """Recognise a path, the bytes of a file, a binary file object or `(samples, sample_rate_hz)`.

        Files are processed block by block, so memory does not depend on their length.

        Args:
            source: the recording
            observer: receives samples and scores over time on the way

        Raises:
            AudioError: if the source is not readable audio, or too short
        """
        with open_audio(source) as sound:
            stream = Stream(self._session, sound.rate_hz, sound.name, observer)
            for block in sound.blocks:
                stream.push(block)
            stream.flush()
            return stream.result(sound.file, sound.warnings)

    def recognise_channels(self, source: Source) -> list[Result]:
        """Recognise each channel by itself, such as each speaker of a telephone call.

        Args:
            source: as for a call

        Returns:
            a result for each channel, in order, with its number from 1 as `channel`

        Raises:
            AudioError: if the source is not readable audio, or too short
        """
        with open_audio(source) as sound:
            streams: list[Stream] = []
            for block in sound.blocks:
                streams += [
                    Stream(self._session, sound.rate_hz, f"{sound.name}, channel {number}")
                    for number in range(len(streams) + 1, block.shape[1] + 1)
                ]
                for stream, samples in zip(streams, block.T, strict=True):
                    stream.push(samples)
            streams = streams or [Stream(self._session, sound.rate_hz, sound.name)]
            for stream in streams:
                stream.flush()
            return [
                replace(stream.result(sound.file, sound.warnings), channel=number)
                for number, stream in enumerate(streams, 1)
            ]

    def stream(
        self, sample_rate_hz: float, name: str = "<stream>", observer: Observer | None = None
    ) -> Stream:
        """Start the incremental recognition of a recording.

            stream = recogniser.stream(44_100)
            for chunk in chunks:                    # (n,) or (n, channels), of any size
                for event in stream.push(chunk):    # event.kind: opened, extended or closed; event.span
                    ...
            for event in stream.flush():
                ...
            result = stream.result()

        The events for a moment come at most `stream.latency_s` of audio after it: 6.2 s for the pretrained
        model, which are a window of 5 s, 1 s until a frame is decided, and 0.2 s for resampling.

        Args:
            sample_rate_hz: sample rate of the chunks
            name: name of the recording in errors
            observer: receives the samples, and the posteriors of frames as they become final
        """
        return Stream(self._session, sample_rate_hz, name, observer)

    def read(self, source: Source) -> Audio:
        """Read audio, mixed to mono and resampled to the model's rate."""
        rate_hz = self.config.sampling_rate
        return read_audio(source, rate_hz, minimum_s=self.config.minimum_samples / rate_hz)

    def recognise_audio(self, audio: Audio) -> Result:
        """Recognise audio from `read`; digital silence has no label."""
        if audio.silent:
            return make_result(
                self.config, None, False, Timeline(), audio.duration_s, audio.name, audio.warnings
            )
        frame_scores = self._decode(audio, keep_posteriors=False).frame_scores()
        return self.result_from_frame_scores(frame_scores, audio)

    def frame_scores(self, audio: Audio) -> FrameScores:
        """The scores over time of audio from `read`.

        Raises:
            ModelError: if the network's outputs are not what a model of its kind gives
        """
        return self._decode(audio, keep_posteriors=True).frame_scores()

    def result_from_frame_scores(self, frame_scores: FrameScores, audio: Audio) -> Result:
        """The result for audio whose frame scores are known."""
        return make_result(
            self.config,
            frame_scores.scores,
            frame_scores.rejected,
            frame_scores.timeline,
            audio.duration_s,
            audio.name,
            audio.warnings,
        )

    def adapt(self, sources: Iterable[Source], output: str | os.PathLike[str]) -> ModelConfig:
        """Write a model folder that is adapted, without labels, to recordings of one source.

        Recordings of several emotions and speakers are needed: with one emotion alone, the adapted model
        takes that emotion for the usual state.

        Args:
            sources: the recordings
            output: a new folder

        Returns:
            the config of the new folder, which `load` reads

        Raises:
            ModelError: if the model has no encoder
            AudioError: if a source is not readable audio, or too short
        """
        check_adaptable(self.folder)
        recordings = (self.adaptation_statistics(source) for source in sources)
        return write_adapted_model(self.folder, recordings, output)

    def adaptation_statistics(self, source: Source) -> list[Floats]:
        """The statistics of each window of a recording, from which `write_adapted_model` adapts."""
        return window_statistics(self._session, self.read(source))

    def stop(self) -> None:
        """Make calls that run in other threads, and all later calls, raise an error."""
        if self._session_if_started is not None:
            self._session_if_started.stop()

    def _decode(self, audio: Audio, keep_posteriors: bool) -> StreamDecoder:
        decoder = StreamDecoder(self._session, keep_posteriors)
        decoder.push(audio.samples)
        decoder.flush(audio.duration_s)
        return decoder


def load(
    folder: str | os.PathLike[str] | None = None, threads: int | None = None, *, start: bool = True
) -> Recogniser:
    """Load a model.

    Args:
        folder: a model folder; the name of a model that comes with emotrace; `owner/name@revision`, which is
            fetched from the Hugging Face hub if there is no such folder; or None for the model of the package
        threads: number of threads per call, 1 to 512; None stands for 1, which is best for many short files
        start: load the network now; else when it is first needed

    Raises:
        MissingExtraError: if the model is on the hub and the extra `hub` is not installed
        ModelError: if the folder is incomplete, damaged or altered, or the hub does not provide it
    """
    path = pretrained_model() if folder is None else find_model_folder(folder)
    recogniser = Recogniser(path, threads, start=start)
    log_license(recogniser.config.name, recogniser.config.license)
    return recogniser
