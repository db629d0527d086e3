"""A model before its first update."""

from torch import nn

from models.build import set_initial_weights
from objectives.base import TrainModel, build_model
from runners.corpora.corpus import Corpus
from runners.training.recipe import Recipe


def initial_model(recipe: Recipe, corpus: Corpus) -> TrainModel:
    """A model before its first update; without an objective it has the heads of all columns."""
    size = corpus.vocabulary.size
    if recipe.objective is not None:
        return build_model(recipe.objective, recipe.model, size, recipe.seed)
    heads = nn.ModuleDict()
    for column in recipe.columns:
        for name, head in column.build_heads(recipe.model, size).items():
            if name in column.traits.test_heads:
                heads[name] = head
    backbone = recipe.model.build(size)
    set_initial_weights(backbone, heads, recipe.seed)
    model = TrainModel(backbone, heads)
    for column in recipe.columns:
        if set(column.build_heads(recipe.model, size)) <= set(column.traits.test_heads):
            column.start(model)
    return model
