"""The kinds of corpora that a configuration can name."""

from runners.corpora.document import CorpusConfig
from runners.corpora.hub import HubConfig
from runners.corpora.local import LocalConfig
from runners.corpora.pydocs import PydocsConfig

CORPORA: dict[str, type[CorpusConfig]] = {
    "pydocs": PydocsConfig,
    "local": LocalConfig,
    "hub": HubConfig,
}
