"""A model card for an exported model: how it is read, what it was trained on, how good it is."""

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import yaml

from results.comparison import Stratum, strata
from results.costs import seconds
from results.page import Bullets, Drawing, Page, Part, Prose, Section, code
from results.record import RunRecord
from results.rows import StoredRun
from results.sections import caveats, cost, losses, objectives, probes, readouts, sanity, setup
from results.settings import flat
from results.writers.markdown import write_markdown

ORDER = (objectives, setup, cost, probes, losses, sanity, caveats, readouts)
"""Sections of a report that a card has too."""

TASKS = {
    "masked": "fill-mask",
    "causal": "text-generation",
    "prefix": "sentence-similarity",
    "discriminator": "sentence-similarity",
    "body": "sentence-similarity",
}
CLASSES = {
    "masked": "AutoModelForMaskedLM",
    "causal": "AutoModelForCausalLM",
    "prefix": "AutoModelForCausalLM",
    "discriminator": "AutoModelForPreTraining",
    "body": "AutoModel",
}
OPTIONS = {"prefix": ", is_decoder=True"}
"""How it is loaded so that its head reads as it was measured."""

USE = {
    "masked": 'inputs = tokenizer(f"A {tokenizer.mask_token} text", return_tensors="pt")\n'
    "logits = model(**inputs).logits  # of every token at every place",
    "causal": 'inputs = tokenizer("A text that", return_tensors="pt")\n'
    "ids = inputs.input_ids[:, :-1]  # without the token that ends a text\n"
    "text = tokenizer.decode(model.generate(ids, max_new_tokens=5, do_sample=False)[0])",
    "prefix": 'inputs = tokenizer("A text that", return_tensors="pt")\n'
    "logits = model(**inputs).logits  # of the token after each place, from left to right",
    "discriminator": 'inputs = tokenizer("A text", return_tensors="pt")\n'
    "logits = model(**inputs).logits  # above 0 where a token was replaced",
    "body": 'inputs = tokenizer("A text", return_tensors="pt")\n'
    "states = model(**inputs).last_hidden_state",
}
"""By the head that a folder holds: what the hub calls it, and how it is used."""

_HUB_NAME = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class ExportFacts:
    """What a card says of the export itself.

    Attributes:
        architecture: the class of transformers, `BertForMaskedLM`.
        kind: of head: `masked`, `causal`, `discriminator` or `body` for none.
        left_out: heads of the training that the folder has not, and why.
        difference: the largest between its outputs and ours.
    """

    architecture: str
    kind: str
    left_out: Mapping[str, str]
    difference: float


def model_card(run: StoredRun, references: Sequence[StoredRun], facts: ExportFacts) -> str:
    """The text of `README.md`, with metadata for the hub in front.

    Args:
        run: that was exported.
        references: what it may be compared with: models before training, simple methods.
        facts: of the export.
    """
    record = run.record
    (stratum,) = strata([run, *references])
    sections = [_what_it_is(record, facts), _settings(record)]
    sections += [each for module in ORDER if (each := _section(module, stratum))]
    page = Page(
        title=f"{record.objective} on {record.corpus.label}",
        parts=[Part("", sections)],
        sources=Section("", [Prose(f"Run {code(record.name)}, made {record.created}.")]),
        built=f"Training took {seconds(stratum)}.",
    )
    with tempfile.TemporaryDirectory() as folder:
        text = write_markdown(page, Path(folder)).read_text()
    title, _, rest = text.partition("\n")
    metadata = yaml.safe_dump(_metadata(record, facts), sort_keys=False, allow_unicode=True)
    return f"---\n{metadata}---\n{title}\n\n{_use(facts.kind)}\n{rest.strip()}\n"


def _metadata(record: RunRecord, facts: ExportFacts) -> dict[str, Any]:
    """What the hub files a model by."""
    embeds = facts.kind in ("prefix", "discriminator", "body")
    library = "sentence-transformers" if embeds else "transformers"
    task = TASKS[facts.kind]
    if (
        record.traits.get("likelihood") == "pseudo_next"
    ):  # which no pipeline reads one place earlier
        task = "feature-extraction"
    tags = ["pretraining-comparison", record.objective, "sentence-transformers", library]
    found: dict[str, Any] = {"library_name": library, "pipeline_tag": task}
    found["tags"] = list(dict.fromkeys(tags))
    data, start = record.config["dataset"], record.config["model"]
    if "hub" in str(data.get("kind")) and (name := _hub_name(data.get("path"))):
        found["datasets"] = [name]
    if start.get("architecture") == "pretrained" and (name := _hub_name(start.get("path"))):
        found["base_model"] = name
    return found


def _hub_name(path: object) -> str:
    """A path's name on the hub, or "" of a folder."""
    name = str(path or "").partition("@")[0]
    return name if _HUB_NAME.fullmatch(name) and not Path(name).exists() else ""


def _use(kind: str) -> str:
    loader = CLASSES[kind]
    return f"""\
```python
from transformers import {loader}, AutoTokenizer

folder = "."  # this one, or its name on the hub
tokenizer = AutoTokenizer.from_pretrained(folder)
model = {loader}.from_pretrained(folder{OPTIONS.get(kind, "")}).eval()
{USE[kind]}
```

As vectors of texts:

```python
from sentence_transformers import SentenceTransformer

vectors = SentenceTransformer(".").encode(["one text", "another"])
```
"""


def _what_it_is(record: RunRecord, facts: ExportFacts) -> Section:
    traits = record.traits
    lines = [
        f"class: {facts.architecture}; no code but that of transformers is needed. Its outputs "
        f"were held against those of the model that was measured, on made rows with padding: they "
        f"differ by at most {_at_most(facts.difference)}",
        f"attention: {traits['attention']}; rows of at most {record.corpus.sequence_length} tokens",
        f"vectors: {traits.get('pooling', 'mean')} pooling of the last layer; probes may have read "
        "another layer or pooling, which they chose on examples that they did not test",
        *(f"left out: the head {name}, since {why}" for name, why in facts.left_out.items()),
    ]
    if facts.kind == "prefix":
        lines.append(
            "AutoModel reads from both sides and makes vectors; with is_decoder=True the head "
            "foretells a text from left to right, which is how likelihoods were measured"
        )
    if "lm" in facts.left_out:
        lines.append(
            "a class with a token head, such as AutoModelForCausalLM, can be loaded from it, but "
            "that head is not the trained one"
        )
    if facts.architecture.startswith(("Bert", "Roberta")):
        lines.append("a pooler was not trained: pooler_output is at random and means nothing")
    if traits.get("likelihood") == "pseudo_next":
        lines.append(
            "the token head foretells the next token from both sides: a masked token is read at "
            "the place before it, so that a fill-mask pipeline, which reads at its own, is wrong"
        )
    if (record.config.get("finish") or {}).get("probe"):
        lines.append("the weights are those before the common finish")
    if facts.kind == "masked":
        lines.append(
            "the mask token may be written into a text; in training a text that spoke of it was "
            "read as text, which the tokenizer does with split_special_tokens=True"
        )
    return Section("What it is", [Bullets(lines)])


def _at_most(difference: float) -> str:
    """In one digit, and never less than it is."""
    shown = f"{difference:.0e}"
    if float(shown) < difference:
        digit, _, power = shown.partition("e")
        shown = f"{int(digit) + 1}e{power}"
    return f"{float(shown):g}"


def _settings(record: RunRecord) -> Section:
    """Every setting of the objective."""
    summary = str(record.traits.get("summary") or "")
    own = flat(record.config["objective"])
    lines = [f"{name}: {value}" for name, value in own.items() if name != "plugin"]
    return Section("Objective", [*([Prose(summary)] if summary else []), Bullets(lines)])


def _section(module: ModuleType, stratum: Stratum) -> Section | None:
    """That of a report, without its drawings."""
    found: Section | None = module.section(stratum)
    if found is None:
        return None
    return Section(found.title, [b for b in found.blocks if not isinstance(b, Drawing)])
