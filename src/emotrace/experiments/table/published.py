"""Table 5 of Zhao et al. (2021): the published results of its systems."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PublishedResult:
    """Published UA and WA as fractions; None where the paper gives none."""

    ua: float | None
    wa: float | None


# Table 5, in its order, in per cent: WA and UA on IEMOCAP (improvised, four emotions), UA on FAU-AEC.
TABLE_5: dict[str, tuple[float, float, float | None]] = {
    "cnn-blstm": (68.8, 58.4, None),  # Satt et al. (2017)
    "cnn-gru": (71.5, 64.2, None),  # Ma et al. (2018)
    "blstm-ctc": (66.9, 65.1, 41.4),  # Han et al. (2018)
    "pcn": (68.6, 56.8, 38.4),
    "pcnse": (69.8, 58.5, 38.8),
    "pcn-sablstm": (70.8, 62.7, 39.8),
    "pcnse-sablstm": (72.1, 65.4, 40.5),
    "pcn-sadrn": (71.1, 62.5, 41.1),
    "pcnse-drn-gmp": (71.5, 62.0, 38.1),
    "pcnse-drn-gap": (71.2, 62.5, 39.5),
    "pcnse-sadrn": (72.5, 65.0, 40.4),
    "pcnse-sadrn-ctc": (73.1, 66.3, 41.1),
}


def published(corpus: str, system: str) -> PublishedResult | None:
    """The published results of a system on a corpus; None where Table 5 has none.

    >>> published("iemocap", "pcnse-sadrn-ctc"), published("fau-aibo", "pcnse")
    (PublishedResult(ua=0.663, wa=0.731), PublishedResult(ua=0.388, wa=None))
    >>> published("emodb", "pcnse"), published("iemocap-exc", "pcnse"), published("fau-aibo", "cnn-gru")
    (None, None, None)
    """
    if system not in TABLE_5:
        return None
    iemocap_wa, iemocap_ua, fau_ua = TABLE_5[system]
    if corpus == "iemocap":
        return PublishedResult(round(iemocap_ua / 100, 4), round(iemocap_wa / 100, 4))
    if corpus == "fau-aibo" and fau_ua is not None:
        return PublishedResult(round(fau_ua / 100, 4), None)
    return None
