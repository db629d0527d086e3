"""Which pairs of sentences are independent of each other: the units of resampling."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from runners.corpora.corpus import MIN_GROUPS
from runners.probes.overlap import normalized_text


def groups_of_pairs(first: Sequence[str], second: Sequence[str]) -> list[str]:
    """Units of resampling: pairs that share a sentence, or are linked by others, are one.

    Where nearly all are linked, each first sentence is one.
    """
    count = len(first)
    codes, _ = pd.factorize(pd.Series([normalized_text(text) for text in (*first, *second)]))
    one, other = codes[:count], codes[count:]
    size = int(codes.max()) + 1
    links = coo_matrix((np.ones(count), (one, other)), shape=(size, size))
    components, of = connected_components(links, directed=False)
    return [str(group) for group in (of[one] if components >= MIN_GROUPS else one)]
