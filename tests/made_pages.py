"""Pages made by hand, with everything that a page can hold, for tests of what writes them."""

from pathlib import Path

from results.page import (
    EMPTY,
    Block,
    Bullets,
    Cell,
    Chart,
    Curve,
    Drawing,
    Fold,
    Page,
    Panel,
    Part,
    Prose,
    Section,
    Table,
    code,
    figure,
    strong,
    words,
)

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "[x](javascript:alert(1))",
    "{{ 7 * 7 }}",
    "</style></title></table>",
    "' onmouseover='alert(1)",
    "a\u202eb",
)
PICTURE = b"\x89PNG a picture"
AXES = ["corpus tokens", "training FLOPs", "seconds"]


def draw(file: Path) -> None:
    file.write_text('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>')


def curve(label: str, group: int, slower: float, points: int = 20) -> Curve:
    """Seconds go another way than tokens, so that a change of axis can be seen."""
    return Curve(
        label,
        group,
        [
            [
                1000.0 * place,
                4e9 * place,
                slower * place**2,
                9 - 4 * place / points,
                9.5 - 4 * place / points if place % 5 == 0 else None,
            ]
            for place in range(1, points + 1)
        ],
    )


def chart(name: str = "clm", points: int = 20) -> Chart:
    panels = [
        Panel(
            title=title,
            quantity="nats a token",
            measures=["training", "held-out"],
            curves=[curve(f"{title}, seed {s}", group, 0.1 + s, points) for s in range(2)],
            levels={"unigram": 6.628},
        )
        for group, title in enumerate((name, "mlm"))
    ]
    return Chart(AXES, 1, panels)


def whole_page(name: str = "clm", *, several: bool = False) -> Page:
    """A page whose rows, titles, texts and settings bear a name."""
    scores: list[list[Cell]] = [
        [words("unigram", weak=True), figure(6.628), EMPTY, figure(0.5)],
        [words(name), Cell(value=4.117, low=3.9, high=4.3, strong=True), words("1.2 M"), EMPTY],
        [words("mlm"), Cell(value=10.2, marks="††", note=name), words("965 k"), figure(-0.25)],
        [words("simcse"), words("no head"), words("< 0.001"), figure(0.75)],
    ]
    header = ["model", f"LM: {name}", "tokens", "gain"]
    shown = Cell(pictures=(PICTURE, PICTURE))
    blocks: list[Block] = [
        Table(header, scores, shaded=(1, 3), about=(f"more of {name}", "nothing")),
        Table(header, scores, f"of {name}"),
        Table(["picture", "captions"], [[shown, words(f"{name}\nanother")]], "pictures"),
        Drawing("probes", f"Scores of {name}", draw),
        Fold(
            f"more of {name}",
            [
                Table(["text", "right"], [[words(name), words("2 of 3")]], f"chosen of {name}"),
                Prose(f"To choose among {name}."),
            ],
        ),
    ]
    sentences = [f"{strong(name)} learned.", "Nobody leads.", f"Next: {code(f'model={name}')}."]
    sections = [
        Section("Verdict", [Prose(" ".join(sentences), sentences), Bullets([f"line of {name}"])]),
        Section("Losses", blocks),
        Section(f"What {name} cost", [Drawing("curves", "Loss curves", draw, chart(name))]),
    ]
    parts = [Part(f"{name} on text", sections)]
    if several:
        parts.append(Part("another", sections))
    sources = Section("Sources", [Prose(f"Runs: {code(name)}.")])
    return Page(f"Which? {name}", parts, sources, f"Built now by {code(name)}.")
