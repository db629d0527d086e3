"""The kinds of probes that a configuration can name."""

from runners.probes.agreement import AgreementProbe
from runners.probes.base import Probe
from runners.probes.classification import ClassificationProbe
from runners.probes.image_retrieval import ImageRetrievalProbe
from runners.probes.library import LibraryProbe
from runners.probes.odd_word import OddWordProbe
from runners.probes.retrieval import RetrievalProbe
from runners.probes.sentence_order import SentenceOrderProbe
from runners.probes.similarity import SimilarityProbe
from runners.probes.word_order import WordOrderProbe

PROBES: dict[str, type[Probe]] = {
    "library": LibraryProbe,
    "retrieval": RetrievalProbe,
    "image_retrieval": ImageRetrievalProbe,
    "word_order": WordOrderProbe,
    "sentence_order": SentenceOrderProbe,
    "odd_word": OddWordProbe,
    "agreement": AgreementProbe,
    "classification": ClassificationProbe,
    "similarity": SimilarityProbe,
}
