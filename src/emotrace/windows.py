"""How audio longer than the model's input is cut for evaluation: windows that overlap by half.

A frame is a stretch of `frame` samples, and frames start every `frame_hop` samples. The windows of the
paper's 5 s hold 500 frames, which are 80,240 samples at 16 kHz, and start at multiples of 2.5 s.
"""

FRAME_SAMPLES = 400
FRAME_HOP_SAMPLES = 160
LONGEST_FRAMES = 500
HOP_FRAMES = 250


def frames_in(samples: int, frame: int = FRAME_SAMPLES, frame_hop: int = FRAME_HOP_SAMPLES) -> int:
    """Number of whole frames in `samples` samples.

    >>> frames_in(80_240), frames_in(80_239), frames_in(399)
    (500, 499, 0)
    """
    return 0 if samples < frame else 1 + (samples - frame) // frame_hop


def samples_in(frames: int, frame: int = FRAME_SAMPLES, frame_hop: int = FRAME_HOP_SAMPLES) -> int:
    """Number of samples that `frames` frames span; the least `samples` for which `frames_in` gives `frames`.

    >>> samples_in(500), samples_in(16), samples_in(0)
    (80240, 2800, 0)
    """
    return 0 if frames < 1 else frame + (frames - 1) * frame_hop


def window_frames(frames: int, longest: int = LONGEST_FRAMES, hop: int = HOP_FRAMES) -> list[tuple[int, int]]:
    """First and one-past-last frame of each window over an utterance of `frames` frames.

    Windows start at multiples of `hop`, hold at most `longest` frames, and exist only if they hold a frame
    that the window before does not. So each but the first holds more than `longest - hop` frames.

    >>> window_frames(500), window_frames(501), window_frames(800)
    ([(0, 500)], [(0, 500), (250, 501)], [(0, 500), (250, 750), (500, 800)])

    Raises:
        ValueError: unless 0 < hop <= longest
    """
    if not 0 < hop <= longest:
        raise ValueError(f"expected 0 < hop <= longest, found hop {hop} and longest {longest}")
    more = max(0, -(-(frames - longest) // hop))
    return [(k * hop, min(frames, k * hop + longest)) for k in range(more + 1)]


def window_samples(
    samples: int,
    longest: int = LONGEST_FRAMES,
    hop: int = HOP_FRAMES,
    frame: int = FRAME_SAMPLES,
    frame_hop: int = FRAME_HOP_SAMPLES,
) -> list[tuple[int, int]]:
    """First and one-past-last sample of each window: those of `window_frames`, in samples.

    Samples after the last whole frame are in no window, since no frame holds them.

    >>> window_samples(80_240), window_samples(80_400)
    ([(0, 80240)], [(0, 80240), (40000, 80400)])
    """
    return [
        (start * frame_hop, start * frame_hop + samples_in(stop - start, frame, frame_hop))
        for start, stop in window_frames(frames_in(samples, frame, frame_hop), longest, hop)
    ]
