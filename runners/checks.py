"""What must hold of every objective: the suite that ours pass, for a plugin as well."""

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from models.backbones.vanilla import VanillaConfig
from models.batch import Batch
from models.vocabulary import Vocabulary
from objectives.base import TrainModel, build_model
from objectives.contrastive import goes_by_pieces
from objectives.prepared import IGNORE_INDEX, Prepared
from objectives.randomness import RowRandom
from objectives.sequence import InSequence
from objectives.trainable import Leaf, Moment, Trainable
from runners.measures.row_losses import row_losses
from runners.training.budget import BudgetConfig, Ledger
from runners.training.optimizers.adamw import AdamWConfig
from runners.training.recipe import Recipe
from runners.training.trainer import TrainerConfig
from runners.training.update import UpdateStep
from runners.training.updates import Update, update_of

SPECIAL, ORDINARY_END = 12, 212
"""Ordinary ids of the made vocabulary lie between the two; 20 sentinels stand after them."""

CONFIG = VanillaConfig(
    hidden_size=32, num_layers=2, num_heads=4, intermediate_size=64, max_length=64
)
TRAINER = AdamWConfig(device="cpu", dtype="float32", threads=2)
MOMENTS = (Moment(0, 0.0), Moment(1, 0.99))
"""Both phases of a sequence, both turns of an alternation."""


def _text(index: int) -> str:
    """Every third token continues a word, every seventh ends a sentence."""
    if index < SPECIAL or index >= ORDINARY_END:
        return ""
    return (
        "." if index % 7 == 0 else f"{'' if index % 3 == 0 else ' '}{chr(97 + index % 26)}{index}"
    )


VOCABULARY = Vocabulary(
    size=232,
    cls_id=0,
    sep_id=1,
    pad_id=2,
    mask_id=3,
    special_ids=(*range(SPECIAL), *range(ORDINARY_END, 232)),
    sentinel_ids=tuple(range(ORDINARY_END, 232)),
    mode_ids=(9, 10, 11),
    tokens=tuple(_text(index) for index in range(232)),
)


def made_batch(lengths: list[int], *, width: int | None = None, seed: int = 0) -> Batch:
    """Rows of ordinary tokens between [CLS] and [SEP]; `lengths` counts the ordinary ones.

    Every row of three tokens or more holds three texts of about equal length.
    """
    generator = torch.Generator().manual_seed(seed)
    width = width or max(lengths) + 2
    input_ids = torch.full((len(lengths), width), VOCABULARY.pad_id)
    for row, length in zip(input_ids, lengths, strict=True):
        row[0] = VOCABULARY.cls_id
        row[1 : length + 1] = torch.randint(SPECIAL, ORDINARY_END, (length,), generator=generator)
        row[length + 1] = VOCABULARY.sep_id
    mask = torch.arange(width) < torch.tensor(lengths)[:, None] + 2
    starts = [[1 + n // 3, 1 + 2 * n // 3] if n >= 3 else [0, 0] for n in lengths]
    return Batch(input_ids, mask, torch.arange(len(lengths)), torch.tensor(starts))


def leaves_of(
    objective: Trainable, batch: Batch, moment: Moment = MOMENTS[0], seed: int = 0
) -> tuple[Leaf, ...]:
    """What an objective makes of a made batch."""
    draw = RowRandom(seed, batch.row_ids)
    return objective.prepare(batch, vocabulary=VOCABULARY, draw=draw, moment=moment)


def total_of(model: TrainModel, leaves: tuple[Leaf, ...]) -> Tensor:
    """The loss of an update, as training sums it up."""
    torch.manual_seed(0)
    losses = [
        leaf.weight
        * model(leaf.objective, leaf.prepared).total(leaf.objective.counts(leaf.prepared))
        for leaf in leaves
    ]
    return torch.stack(losses).sum()


def made_update(
    objective: Trainable,
    batch: Batch,
    trainer: TrainerConfig = TRAINER,
    moment: Moment = MOMENTS[0],
    config: VanillaConfig = CONFIG,
) -> Update:
    """An update of a made batch."""
    budget = BudgetConfig(unit="steps", amount=2)
    recipe = Recipe(seed=0, model=config, objective=objective, budget=budget, trainer=trainer)
    leaves = leaves_of(objective, batch, moment)
    phase = objective.phase(moment.progress)
    return update_of(recipe, VOCABULARY.size, batch, phase, moment, leaves, Ledger())


def model_of(objective: Trainable, seed: int = 0) -> TrainModel:
    """A small model of an objective, in training mode."""
    return build_model(objective, CONFIG, VOCABULARY.size, seed).train()


def gradients_reach_all_that_is_trained(objective: Trainable) -> None:
    """Whatever asks for a gradient gets one, and the loss is a finite number."""
    model = model_of(objective)
    for moment in MOMENTS:
        loss = total_of(model, leaves_of(objective, made_batch([12, 9, 12, 5]), moment))
        assert loss.isfinite(), f"the loss is {loss.item()}"
        loss.backward()  # type: ignore[no-untyped-call]
    without = [
        name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and (parameter.grad is None or not parameter.grad.any())
    ]
    assert not without, f"no gradient reaches {', '.join(without)}"


def twenty_steps_on_one_batch_lower_the_loss(objective: Trainable) -> None:
    """To 0.9 of what it was."""
    model, leaves = model_of(objective), leaves_of(objective, made_batch([12, 9, 12, 5, 8, 10]))
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=3e-3)
    first = float(total_of(model, leaves).detach())
    for _ in range(20):
        optimizer.zero_grad()
        total_of(model, leaves).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    last = float(total_of(model, leaves).detach())
    assert last < 0.9 * first, f"it went from {first:.4g} to {last:.4g}"


def the_same_seed_gives_the_same_loss(objective: Trainable) -> None:
    """To the bit, and another seed another."""
    leaves = leaves_of(objective, made_batch([12, 9, 12, 5]))
    losses = [float(total_of(model_of(objective, seed), leaves).detach()) for seed in (0, 0, 1)]
    assert losses[0] == losses[1], "the same seed gave two losses"
    assert losses[0] != losses[2], "two seeds gave one loss"


def corruption_depends_on_neither_padding_nor_company(objective: Trainable) -> None:
    """A row is corrupted alike in any batch, unless the traits say `mixes_rows`."""
    if objective.traits.mixes_rows:
        return

    def corrupted(rows: slice, width: int) -> Prepared:
        part = made_batch([12, 9, 12, 5], width=width).select(rows)
        return leaves_of(objective, part)[-1].prepared

    whole, wider = corrupted(slice(0, 4), 14), corrupted(slice(0, 4), 30)
    part = corrupted(slice(1, 3), 14)
    pairs = [
        (whole.inputs.input_ids, wider.inputs.input_ids, VOCABULARY.pad_id),
        (whole.inputs.input_ids[1:3], part.inputs.input_ids[:2], VOCABULARY.pad_id),
    ]
    if whole.labels is not None and wider.labels is not None and part.labels is not None:
        pairs.append((whole.labels, wider.labels, IGNORE_INDEX))
        pairs.append((whole.labels[1:3], part.labels, IGNORE_INDEX))
    for first, second, padding in pairs:
        width = max(first.shape[1], second.shape[1])
        padded = [F.pad(x, (0, width - x.shape[1]), value=padding) for x in (first, second)]
        assert torch.equal(*padded), "another width or other rows change what becomes of a row"


def micro_batches_give_the_gradient_of_the_whole(objective: Trainable) -> None:
    """By accumulation where the loss is additive, by GradCache where it is of two stages."""
    if not all(goes_by_pieces(column) for column in objective.columns):
        return  # refused before anything trains (runners/training/recipe.py)
    for moment in MOMENTS:
        gradients = []
        for rows in (None, 2):
            trainer = replace(TRAINER, micro_batch_rows=rows, clip_norm=1e9)
            model = model_of(objective).eval()  # pieces of a batch would draw other noise
            step = UpdateStep(model, objective, trainer, seed=0, tokens=1000)
            update = made_update(objective, made_batch([12, 9, 12, 5, 7]), trainer, moment)
            step.backward(update)
            gradients.append({n: p.grad for n, p in model.named_parameters() if p.grad is not None})
        whole, pieces = gradients
        assert whole.keys() == pieces.keys(), "by pieces other parameters get a gradient"
        for name, gradient in whole.items():
            alike = torch.allclose(pieces[name], gradient, atol=1e-6, rtol=1e-4)
            assert alike, f"by pieces the gradient of {name} is another"


def counts_are_those_of_the_loss(objective: Trainable) -> None:
    """Of every term, by name; values in float32, each with a row of the batch."""
    model = model_of(objective)
    for moment in MOMENTS:
        for leaf in leaves_of(objective, made_batch([12, 9, 12, 5]), moment):
            terms = model(leaf.objective, leaf.prepared).terms
            found = {term.name: len(term.values) for term in terms}
            said = leaf.objective.counts(leaf.prepared)
            assert said == found, f"counts says {said}, and the loss has {found}"
            for term in terms:
                assert term.values.dtype == torch.float32, f"{term.name} is {term.values.dtype}"
                if term.rows is None:
                    said_so = not leaf.objective.traits.additive
                    assert said_so, f"{term.name} is of no row, and the traits say additive"
                    continue
                assert len(term.rows) == len(term.values), f"{term.name}: a row for each value"
                assert int(term.rows.max()) < 4, f"{term.name} names rows that are not there"


def losses_by_row_sum_to_the_loss(objective: Trainable) -> None:
    """As measuring takes them, on the last moment's values."""
    for column in objective.columns:
        (leaf,) = leaves_of(column, made_batch([12, 9, 12, 5]), Moment(progress=1.0))
        model = model_of(column).eval()
        rows = row_losses(model, column, [leaf.prepared], vocabulary=None, device="cpu")
        said = sum(column.counts(leaf.prepared).values())
        assert rows.counts.sum() == said, f"{rows.counts.sum():g} items were measured, not {said}"
        if not column.traits.noisy:
            expected = float(total_of(model, (leaf,)).detach())
            alike = abs(rows.mean() - expected) <= 1e-5 * abs(expected)
            assert alike, f"measured {rows.mean():.6g}, trained on {expected:.6g}"


def operations_are_counted(objective: Trainable) -> None:
    """Within 1 % of what torch counts of a forward and a backward pass, padding included."""
    model = model_of(objective)
    for moment in MOMENTS:
        for leaf in leaves_of(objective, made_batch([20, 11, 3, 20]), moment):
            counter = FlopCounterMode(display=False)
            with counter, sdpa_kernel(SDPBackend.MATH):  # a fused kernel counts as nothing
                total_of(model, (leaf,)).backward()  # type: ignore[no-untyped-call]
            said = leaf.objective.training_flops(CONFIG, VOCABULARY.size, leaf.prepared)
            found = counter.get_total_flops()
            assert abs(said - found) <= 0.01 * found, f"{said:,} were said, {found:,} done"


def its_attention_is_the_one_it_states(objective: Trainable) -> None:
    """Of the loss; under another one it may be probed."""
    for moment in MOMENTS:
        for leaf in leaves_of(objective, made_batch([12, 9, 12, 5]), moment):
            traits, kind = leaf.objective.traits, leaf.prepared.attention.kind
            said = traits.measured_attention or traits.attention
            assert said == kind, f"the traits say {said}, and it prepares {kind}"


def what_cannot_be_is_refused(objective: Trainable) -> None:
    """A learning rate of 0, and updates without rows."""
    for change in ({"learning_rate": 0.0}, {"rows_per_update": 0}):
        if isinstance(objective, InSequence) and "rows_per_update" in change:
            continue  # its phases have their own
        try:
            replace(objective, schedules=(), **change)
        except ValueError:
            continue
        raise AssertionError(f"{change} is taken; call super().check_values() in check_values")


Check = Callable[[Trainable], None]
CHECKS: tuple[Check, ...] = (
    its_attention_is_the_one_it_states,
    what_cannot_be_is_refused,
    gradients_reach_all_that_is_trained,
    twenty_steps_on_one_batch_lower_the_loss,
    the_same_seed_gives_the_same_loss,
    corruption_depends_on_neither_padding_nor_company,
    micro_batches_give_the_gradient_of_the_whole,
    counts_are_those_of_the_loss,
    losses_by_row_sum_to_the_loss,
    operations_are_counted,
)
"""Each raises AssertionError, with the reason, where it does not hold."""
