"""The rows on recognition, from features to many files."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from speed.inputs import DEFAULT, INT8, LAYOUTS, NO_EMODB, NO_RAVDESS
from speed.session import Session
from speed.worker import WorkerError

AGREEMENT = 1e-3
PAPER_WIDTH = 64
EGEMAPS_ONCE = (
    "import sys, opensmile as o; "
    "o.Smile(o.FeatureSet.eGeMAPSv02, o.FeatureLevel.Functionals).process_file(sys.argv[1])"
)


def features(session: Session) -> None:
    """3-D log-Mel of 5 s, by torch as in training, and by librosa."""
    samples = str(session.inputs.samples)
    with session.workers(1, "training", "librosa") as workers:
        names = {"training": "features/ours", "librosa": "features/librosa"}
        outputs = {name: session.inputs.folder / f"features-{name}.npy" for name in workers}
        for name, worker in workers.items():
            worker.call("features", samples=samples, output=str(outputs[name]))
        if len(outputs) == len(names):
            session.check_agreement("features of librosa", *outputs.values(), limit=AGREEMENT)
        calls = {names[n]: worker.timer("features", samples=samples) for n, worker in workers.items()}
        session.findings.alternate(calls, session.rounds(15))


def clip(session: Session) -> None:
    """A 5-s file to label and timeline, on one core."""
    inputs = session.inputs
    with session.workers(1, "ours", "egemaps", "wav2vec2") as workers:
        calls = {}
        for who, network in (("ours", DEFAULT), ("ours-int8", INT8), ("ours-paper", LAYOUTS[0])):
            model = str(inputs.model(network))
            workers["ours"].call("load", model=model)
            calls[f"clip/{who}"] = workers["ours"].timer("clip", model=model, path=str(inputs.clip))
        for who in ("egemaps", "wav2vec2"):
            if who in workers:
                calls[f"clip/{who}"] = workers[who].timer("clip", path=str(inputs.clip))
        session.findings.alternate(calls, session.rounds(11))


def network(session: Session) -> None:
    """The paper's network on one window, and the same weights in Keras."""
    inputs = session.inputs
    with session.workers(session.cores, "ours", "keras") as workers:
        for layout in LAYOUTS:
            built, model = inputs.folder / layout, str(inputs.model(layout))
            arguments = {
                "ours": {"model": model, "samples": str(inputs.samples)},
                "keras": {"layout": layout, "image": str(built / "image.npy")},
            }
            workers["ours"].call("load", model=model)
            outputs = [built / f"posteriors-{who}.npy" for who in workers]
            try:
                if "keras" in workers:
                    weights = str(built / "model.npz")
                    workers["keras"].call("load", layout=layout, width=PAPER_WIDTH, weights=weights)
                for (who, worker), output in zip(workers.items(), outputs, strict=True):
                    worker.call("window", **arguments[who], output=str(output))
            except WorkerError as error:
                session.findings.record_missing(f"{layout} of Keras", error)
                continue
            if len(outputs) == 2:
                session.check_agreement(f"log-posteriors of Keras, {layout}", *outputs, limit=AGREEMENT)
            calls = {
                f"network-{layout}/{who}": worker.timer("window", **arguments[who])
                for who, worker in workers.items()
            }
            session.findings.alternate(calls, session.rounds(11), warm=2)


def files(session: Session) -> None:
    """EmoDB by one command, on one core and on two; then EmoDB and RAVDESS, if available."""
    inputs, two = session.inputs, session.cores
    folder = inputs.files
    if folder is None:
        session.findings.record_missing("files", NO_EMODB)
        return

    def ours(cores: int, *sources: Path) -> Callable[[], float]:
        command = predict(session, *sources, "--jobs", str(cores))
        return lambda: session.fresh(command, cores)["seconds"]

    with session.workers(1, "egemaps") as alone, session.workers(two, "egemaps") as both:
        calls = {"files/ours": ours(1, folder), "files-cores/ours": ours(two, folder)}
        for row, workers in (("files", alone), ("files-cores", both)):
            if "egemaps" in workers:
                calls[f"{row}/egemaps"] = workers["egemaps"].timer("files", folder=str(folder))
        session.findings.alternate(calls, session.rounds(3), warm=0)
    if inputs.more_files is None:
        session.findings.record_missing("many files", NO_RAVDESS)
        return
    both_corpora = folder, inputs.more_files
    calls = {"many/ours": ours(1, *both_corpora), "many-cores/ours": ours(two, *both_corpora)}
    session.findings.alternate(calls, session.rounds(3), warm=0)


def minutes(session: Session) -> None:
    """A file of ten minutes on one core."""
    with session.workers(1, "ours", "egemaps") as workers:
        model, path = str(session.inputs.model(DEFAULT)), str(session.inputs.long)
        workers["ours"].call("load", model=model)
        calls = {"minutes/ours": workers["ours"].timer("clip", model=model, path=path)}
        if "egemaps" in workers:
            calls["minutes/egemaps"] = workers["egemaps"].timer("clip", path=path)
        session.findings.alternate(calls, session.rounds(2), warm=0)


def cold(session: Session) -> None:
    """A new process on a 2-s clip: processor time and peak memory."""
    commands = {
        "ours": predict(session, session.inputs.short),
        "egemaps": [session.peers, "-c", EGEMAPS_ONCE, session.inputs.short],
    }

    def timed(who: str) -> Callable[[], float]:
        def run() -> float:
            cost = session.fresh(commands[who], session.cores)
            peak = f"memory/{who}"
            session.findings.figures[peak] = max(cost["peak_mib"], session.findings.figures.get(peak, 0.0))
            return cost["processor_s"]

        return run

    session.findings.alternate({f"cold/{who}": timed(who) for who in commands}, session.rounds(7))
    long = session.fresh(predict(session, session.inputs.long), session.cores)
    session.findings.figures["memory/ours-minutes"] = long["peak_mib"]


def predict(session: Session, *arguments: str | Path) -> list[str | Path]:
    """The command line of `emotrace predict` with these sources and options."""
    model = session.inputs.model(DEFAULT)
    return [sys.executable, "-m", "emotrace", "predict", "--model", model, *arguments]


ROWS = (features, clip, network, cold, minutes, files)
