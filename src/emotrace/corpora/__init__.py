"""Speech corpora: what they are, how they lie on disk, and how their speakers are shared out."""

from pathlib import Path

from emotrace.corpora import listing
from emotrace.corpora.base import Corpus, OpenCorpus, Published
from emotrace.corpora.loaders.audformat import AUDFORMAT
from emotrace.corpora.loaders.crema_d import CREMA_D
from emotrace.corpora.loaders.emodb import EMODB
from emotrace.corpora.loaders.fau_aibo import FAU_AIBO
from emotrace.corpora.loaders.iemocap import IEMOCAP
from emotrace.corpora.loaders.manifest import MANIFEST
from emotrace.corpora.loaders.ravdess import RAVDESS
from emotrace.corpora.loaders.synthetic import SYNTHETIC
from emotrace.corpora.splits import Fold, Split, leave_one_speaker_out, speaker_groups, speakers_of, split
from emotrace.corpora.utterance import EMOTIONS, AudioSource, Utterance, emotions_in_order
from emotrace.errors import CorpusError

__all__ = [
    "CORPORA",
    "EMOTIONS",
    "AudioSource",
    "Corpus",
    "Fold",
    "OpenCorpus",
    "Published",
    "Split",
    "Utterance",
    "emotions_in_order",
    "leave_one_speaker_out",
    "open_corpus",
    "speaker_groups",
    "speakers_of",
    "split",
]

CORPORA = {
    corpus.name: corpus
    for corpus in (EMODB, RAVDESS, CREMA_D, *IEMOCAP, FAU_AIBO, MANIFEST, AUDFORMAT, SYNTHETIC)
}


def open_corpus(name: str, root: str | Path | None = None, **options: str | bool) -> OpenCorpus:
    """Reads the corpus `name` that lies under `root`.

    `options` are those that the corpus names; where it goes by label files, `allow_missing` leaves out the
    audio they list that is not there, instead of stopping.

    Raises CorpusError for an unknown name or option, and for a root that is not given, not there, not a
    folder, or not this corpus; where another known corpus lies there, or this one lies one level away, the
    error says so.

    >>> open_corpus("emo-db", "somewhere")
    Traceback (most recent call last):
    emotrace.errors.CorpusError: no corpus is called emo-db; known are: emodb, ravdess, ...
    >>> open_corpus("emodb", "somewhere", allow_missing=True)
    Traceback (most recent call last):
    emotrace.errors.CorpusError: emodb has no option allow_missing; it has none
    """
    if name not in CORPORA:
        raise CorpusError(f"no corpus is called {name}; known are: {', '.join(CORPORA)}")
    corpus = CORPORA[name]
    for option in options:
        if option not in corpus.options:
            raise CorpusError(f"{name} has no option {option}; it has {', '.join(corpus.options) or 'none'}")
    if not corpus.needs_root:
        return OpenCorpus(corpus, tuple(corpus.read(Path())))
    if root is None:
        raise CorpusError(f"{name} needs a root; point --root at the folder that has: {corpus.layout}")
    root = Path(root)
    try:
        _check_root(corpus, root)
        utterances = corpus.read(root, **options)
    except OSError as error:
        raise CorpusError(f"{error.filename or root} cannot be read ({error.strerror})") from error
    if not utterances:
        raise CorpusError(f"{root} holds no utterance of {corpus.title}; expected there: {corpus.layout}")
    return OpenCorpus(corpus, tuple(utterances))


def _check_root(corpus: Corpus, root: Path) -> None:
    if not root.exists():
        raise CorpusError(f"{root} does not exist; point --root at the folder that has: {corpus.layout}")
    if corpus.recognise(root):
        return
    if not root.is_dir():
        raise CorpusError(f"{root} is not a folder; point --root at the folder that has: {corpus.layout}")
    raise CorpusError(f"{root} has no {corpus.layout}; {_way_out(corpus, root)}")


def _way_out(corpus: Corpus, root: Path) -> str:
    for other in CORPORA.values():
        if other.needs_root and _lies_at(other, root):
            return f"there lies {other.title}: use --corpus {other.name}, or point --root elsewhere"
    for near in (root.resolve().parent, *listing.folders(root)):
        if _lies_at(corpus, near):
            return f"point --root at {near}, where it is"
    return "point --root at the folder that has it"


def _lies_at(corpus: Corpus, folder: Path) -> bool:
    try:
        return corpus.recognise(folder)
    except OSError:
        return False
