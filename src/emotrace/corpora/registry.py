"""The table of all corpora, and how one is opened by its name.

A new corpus is one file in `loaders` and one name in `CORPORA`.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from emotrace.corpora.base import Corpus, OpenCorpus
from emotrace.corpora.collection import COLLECTION
from emotrace.corpora.labels import select_labels, warn_about_near_names
from emotrace.corpora.listing import folders
from emotrace.corpora.loaders.audformat import AUDFORMAT
from emotrace.corpora.loaders.crema_d import CREMA_D
from emotrace.corpora.loaders.emodb import EMODB
from emotrace.corpora.loaders.emovo import EMOVO
from emotrace.corpora.loaders.fau_aibo import FAU_AIBO
from emotrace.corpora.loaders.folders import FOLDERS
from emotrace.corpora.loaders.iemocap import IEMOCAP
from emotrace.corpora.loaders.manifest import MANIFEST
from emotrace.corpora.loaders.nemo import NEMO
from emotrace.corpora.loaders.ravdess import RAVDESS
from emotrace.corpora.loaders.savee import SAVEE
from emotrace.corpora.loaders.synthetic import SYNTHETIC
from emotrace.corpora.loaders.tess import TESS
from emotrace.errors import CorpusError

CORPORA = {
    corpus.name: corpus
    for corpus in (
        EMODB,
        RAVDESS,
        CREMA_D,
        NEMO,
        EMOVO,
        TESS,
        SAVEE,
        *IEMOCAP,
        FAU_AIBO,
        MANIFEST,
        AUDFORMAT,
        FOLDERS,
        COLLECTION,
        SYNTHETIC,
    )
}


def open_corpus(
    corpus: str | OpenCorpus,
    root: str | Path | None = None,
    *,
    label_map: Mapping[str, str] | None = None,
    emotions: Sequence[str] | None = None,
    **options: str | bool,
) -> OpenCorpus:
    """Read the utterances of a corpus.

    Args:
        corpus: name of a corpus, or one that is open already
        root: folder of the corpus; a generated corpus needs none
        label_map: new names of emotions, by their names or the corpus's codes, such as {"angry": "anger"}
        emotions: the emotions to keep, by their new names; None keeps all
        options: keywords that the corpus declares in `Corpus.options`. `allow_missing=True` leaves out audio
            files that a corpus's label files list and that do not exist.

    Raises:
        CorpusError: the name, a label or an option is unknown, a generated corpus has a root, or the root is
            missing, does not exist, is not a folder, or holds something else. If it holds another known
            corpus, or if the corpus is one level above or below, the message names it.

    >>> open_corpus("emo-db", "downloads")
    Traceback (most recent call last):
    emotrace.errors.CorpusError: unknown corpus emo-db; known corpora: emodb, ravdess, ...
    >>> open_corpus("emodb", "downloads", allow_missing=True)
    Traceback (most recent call last):
    emotrace.errors.CorpusError: emodb has no option allow_missing; its options: none
    """
    if isinstance(corpus, OpenCorpus):
        if root is not None or options:
            raise CorpusError(
                f"{corpus.corpus.name} is open already; give a root or options only with the name of a corpus"
            )
        return select_labels(corpus, label_map, emotions)
    opened = _open(corpus, root, options)
    warn_about_near_names(corpus, {*opened.emotions}.difference(label_map or ()))
    return select_labels(opened, label_map, emotions)


def _open(corpus: str, root: str | Path | None, options: Mapping[str, str | bool]) -> OpenCorpus:
    if corpus not in CORPORA:
        raise CorpusError(f"unknown corpus {corpus}; known corpora: {', '.join(CORPORA)}")
    found = CORPORA[corpus]
    for option in options:
        if option not in found.options:
            raise CorpusError(
                f"{found.name} has no option {option}; its options: {', '.join(found.options) or 'none'}"
            )
    if not found.needs_root:
        if root is not None:
            raise CorpusError(f"{found.name} has no files: found the root {root}, expected none; omit --root")
        return OpenCorpus(found, tuple(found.read(Path())))
    if root is None:
        raise CorpusError(f"{found.name} needs a root; point --root at the folder that has: {found.layout}")
    root = Path(root)
    try:
        _check_root(found, root)
        utterances = found.read(root, **options)
    except OSError as error:
        raise CorpusError(f"{error.filename or root} cannot be read ({error.strerror})") from error
    if not utterances:
        raise CorpusError(f"{root} holds no utterance of {found.title}; expected: {found.layout}")
    return OpenCorpus(found, tuple(utterances))


def _check_root(corpus: Corpus, root: Path) -> None:
    if not root.exists():
        raise CorpusError(f"{root} does not exist; point --root at the folder that has: {corpus.layout}")
    if corpus.recognise(root) and not (corpus.any_layout and _find_other_corpus(root)):
        return
    if not root.is_dir():
        raise CorpusError(f"{root} is not a folder; point --root at the folder that has: {corpus.layout}")
    raise CorpusError(f"{root} has no {corpus.layout}; {_suggestion(corpus, root)}")


def _suggestion(corpus: Corpus, root: Path) -> str:
    """What to do about a root that is not this corpus."""
    found = _find_other_corpus(root)
    if found is None:
        for near in (*folders(root), root.resolve().parent):
            if _is_corpus(corpus, near):
                return f"point --root at {near}, which has it"
        found = _find_other_corpus(root, any_layout=True)
    if found is None:
        return "point --root at the folder that has it"
    return f"it holds {found.title}: name the corpus {found.name}, or choose another --root"


def _find_other_corpus(root: Path, any_layout: bool = False) -> Corpus | None:
    """A corpus that the root holds; one whose layout fits other corpora too only if `any_layout`."""
    candidates = (other for other in CORPORA.values() if other.needs_root and other.any_layout == any_layout)
    return next((other for other in candidates if _is_corpus(other, root)), None)


def _is_corpus(corpus: Corpus, folder: Path) -> bool:
    try:
        return corpus.recognise(folder)
    except OSError:
        return False
