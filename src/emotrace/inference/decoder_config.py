"""The numbers in `config.json` that decide a model's labels and timelines, beside its network."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from emotrace.audio.activity import Pauses


class StrictModel(BaseModel):
    """A section of `config.json`, which refuses unknown keys."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=(), populate_by_name=True
    )


class DecoderConfig(StrictModel):
    """The numbers that decide a model's timelines, and which audio its labels come from.

    New models get the defaults, and folders of schema version 1 are read with them. The default
    `switch_penalty` was chosen on validation speakers (docs/explanation/measurements.md). The default
    `minimum_labels_per_s` is a tenth of one label per 5-s window, and CTC training asks for at least one.

    Attributes:
        switch_penalty: log-likelihood that a change of emotion costs
        decision_delay_s: time after which a frame's emotion is decided
        density_window_s: time over which the density of labels is averaged
        minimum_labels_per_s: density of labels below which a frame has no emotion
        clip_s: length of the clips that give a classifier's timeline
        clip_hop_s: time from the start of one such clip to the start of the next
        silence_db: 20 ms this far below the level of their window are silent
        pause_s: the shortest pause that divides a recording into parts, whose windows are placed separately
        pause_margin_s: how much of a pause stays with the audio on either side of it
        label_range_db: the label comes from what is less than this below the loudest window

    >>> DecoderConfig().span_settings["switch_penalty"]
    1.0
    """

    switch_penalty: float = Field(default=1.0, ge=0, le=1e3)
    decision_delay_s: float = Field(default=1.0, gt=0, le=60)
    density_window_s: float = Field(default=0.5, gt=0, le=60)
    minimum_labels_per_s: float = Field(default=0.02, ge=0, le=100)
    clip_s: float = Field(default=1.0, gt=0, le=60)
    clip_hop_s: float = Field(default=0.25, ge=0.01, le=60)
    silence_db: float = Field(default=40.0, gt=0, le=200)
    pause_s: float = Field(default=0.5, ge=0.1, le=1e3)
    pause_margin_s: float = Field(default=0.06, ge=0, le=1)
    label_range_db: float = Field(default=30.0, gt=0, le=200)

    @model_validator(mode="after")
    def _check_density_window(self) -> Self:
        if self.density_window_s > 2 * self.decision_delay_s:
            raise ValueError("density_window_s must be at most twice decision_delay_s")
        return self

    @property
    def span_settings(self) -> dict[str, float]:
        """The arguments of `decoding.spans.SpanDecoder` of the same names."""
        names = ("switch_penalty", "decision_delay_s", "density_window_s", "minimum_labels_per_s")
        return self.model_dump(include=set(names))

    @property
    def pauses(self) -> Pauses:
        """What divides a recording."""
        return Pauses(self.silence_db, self.pause_s, self.pause_margin_s)
