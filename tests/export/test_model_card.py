"""A card states every corpus that a model was trained on."""

from emotrace.export.model_card import Provenance, compose_card
from emotrace.inference.model_config import ModelConfig, label_maps
from emotrace.recipe import Recipe


def card(corpus: str) -> str:
    labels = ("anger", "sadness")
    config = ModelConfig(
        name="tiny", version="1", system="pcn", output="log_scores", corpus=corpus, **label_maps(labels),
    )  # fmt: skip
    return compose_card(Provenance("tiny", "pcn", Recipe(), labels, corpus, "a protocol", "1"), config)


def test_the_card_of_a_collection_names_all_corpora_with_their_licenses() -> None:
    text = card("emodb, nemo, office")
    assert "language: [de, pl]" in text
    (trained_on,) = [line for line in text.splitlines() if line.startswith("- trained on: ")]
    for part in ("(EmoDB); free for research", "in Polish; CC BY-NC-SA 4.0", "; office"):
        assert part in trained_on
    (citation,) = [line for line in text.splitlines() if line.startswith("- citation: ")]
    assert "F. Burkhardt" in citation
    assert "I. Christop" in citation


def test_the_card_of_one_corpus_has_its_language() -> None:
    assert "language: de\n" in card("emodb")
    assert "language:" not in card("manifest")
