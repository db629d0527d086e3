"use strict";
// What a reader can do with the page: sort tables, draw curves over another axis and point at them,
// choose a theme. All figures stand in the page as text; without this script nothing is missing.
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (name, attributes = {}, ...children) => {
    const drawn = ["svg", "path", "line", "circle", "text", "g"].includes(name);
    const made = drawn
      ? document.createElementNS("http://www.w3.org/2000/svg", name)
      : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };

  // ---- theme and contents
  const theme = document.getElementById("theme");
  const preferred = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (preferred.matches ? "dark" : "light")) === "dark";
  const named = () => { theme.textContent = isDark() ? "Light" : "Dark"; };
  theme.setAttribute("title", "Change between light and dark");
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    named();
  });
  preferred.addEventListener("change", named);
  named();
  theme.hidden = false;
  if (matchMedia("(max-width: 60rem)").matches) document.getElementById("contents").open = false;

  // ---- links: what was never in sight has no height yet, and what is folded opens, in print too
  const folds = all("details.fold");
  const arrive = () => {
    document.body.classList.add("whole");
    const target = document.querySelector(":target");
    if (folds.includes(target)) target.open = true;
    target?.scrollIntoView();
  };
  for (const link of all("a[href^='#']")) link.addEventListener("click", () => setTimeout(arrive));
  addEventListener("hashchange", arrive);
  if (location.hash) arrive();
  let closed = [];
  addEventListener("beforeprint", () => { closed = folds.filter((fold) => !fold.open); for (const fold of closed) fold.open = true; });
  addEventListener("afterprint", () => { for (const fold of closed) fold.open = false; });

  // ---- tables
  const SIZES = { k: 1e3, M: 1e6, G: 1e9, T: 1e12, P: 1e15 };
  const figure = (text) => {
    const found = /^<?\s*([-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?)(?:\s([kMGTP])(?![\p{L}\d]))?/u.exec(text.trim());
    return found ? Number(found[1].replaceAll(",", "")) * (SIZES[found[2]] ?? 1) : NaN;
  };
  const sortable = (table) => {
    const body = table.tBodies[0];
    const original = [...body.rows];
    const heads = all("thead th", table);
    heads.forEach((head, column) => {
      const button = make("button", { type: "button" }, ...head.childNodes);
      head.append(button);
      head.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => {
        const before = head.getAttribute("aria-sort");
        const now = { none: "ascending", ascending: "descending", descending: "none" }[before];
        for (const other of heads) other.setAttribute("aria-sort", "none");
        head.setAttribute("aria-sort", now);
        body.append(...(now === "none" ? original : sorted(original, column, now === "ascending" ? 1 : -1)));
      });
    });
  };
  const sorted = (rows, column, sign) => {
    const keyed = rows.map((row) => {
      const text = row.cells[column].textContent.trim();
      return { row, text, value: figure(text) };
    });
    const numeric = column > 0 && keyed.some((each) => !Number.isNaN(each.value));
    const order = numeric
      ? (a, b) => Number.isNaN(a.value) - Number.isNaN(b.value) || sign * (a.value - b.value) || 0
      : (a, b) => sign * a.text.localeCompare(b.text, "en", { numeric: true });
    return keyed.sort(order).map((each) => each.row);
  };
  all("table.sortable").filter((table) => table.tBodies[0].rows.length > 1).forEach(sortable);

  // ---- curves, read from the tables of their points
  const short = (value, digits = 3) => {
    for (const [letter, size] of Object.entries(SIZES).reverse())
      if (Math.abs(value) >= size) return `${Number((value / size).toPrecision(digits))} ${letter}`;
    return String(Number(value.toPrecision(digits)));
  };
  const ticks = (low, high, about) => {
    const raw = (high - low) / about || 1;
    const power = 10 ** Math.floor(Math.log10(raw));
    const step = power * [1, 2, 5, 10].find((each) => each * power >= raw * 0.999);
    const found = [];
    for (let at = Math.ceil(low / step - 1e-9); at * step <= high + step * 1e-9; at += 1) found.push(at * step);
    return found;
  };
  const read = (panel, axes) => {
    const table = panel.querySelector("table.points");
    const titles = all("thead th", table).map((head) => head.textContent);
    const curves = [...table.tBodies].flatMap((body) => {
      const points = [...body.rows].map((row) => all("td", row).map((cell) => parseFloat(cell.textContent)));
      return titles.slice(1 + axes).map((measure, place) => ({
        label: body.querySelector("th").textContent, measure, place, colour: body.className,
        points: points.filter((point) => Number.isFinite(point[axes + place])).map((point) => ({ at: point.slice(0, axes), value: point[axes + place] })),
      }));
    });
    const levels = all("tfoot tr", table).map((row) => [row.cells[0].textContent, parseFloat(row.cells[1].textContent)]);
    return { curves: curves.filter((curve) => curve.points.length), levels };
  };
  const DASHES = ["", "", "6 4", "2 3", "8 3 2 3"];
  const look = (curve) => ({ class: `curve${curve.place ? "" : " faint"}`, "stroke-dasharray": DASHES[curve.place] ?? "4 4" });
  const HEIGHT = 250, TOP = 10, RIGHT = 14, BOTTOM = 40, LEFT = 44;

  const draw = (width, data, axis, title) => {
    const xs = data.curves.flatMap((curve) => curve.points.map((point) => point.at[axis])).filter(Number.isFinite);
    const ys = [...data.curves.flatMap((curve) => curve.points.map((point) => point.value)), ...data.levels.map((level) => level[1])];
    const [left, right] = [Math.min(0, ...xs), Math.max(...xs)];
    const margin = 0.04 * (Math.max(...ys) - Math.min(...ys)) || 0.5;
    const [low, high] = [Math.max(Math.min(0, ...ys), Math.min(...ys) - margin), Math.max(...ys) + margin];
    const x = (value) => LEFT + ((value - left) / (right - left || 1)) * (width - LEFT - RIGHT);
    const y = (value) => TOP + (1 - (value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM);
    const svg = make("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, "aria-hidden": "true" });
    for (const tick of ticks(low, high, 5))
      svg.append(make("line", { class: "grid", x1: LEFT, x2: width - RIGHT, y1: y(tick), y2: y(tick) }),
        make("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end" }, short(tick)));
    for (const tick of ticks(left, right, width < 340 ? 3 : 5))
      svg.append(make("line", { class: "grid", x1: x(tick), x2: x(tick), y1: HEIGHT - BOTTOM, y2: HEIGHT - BOTTOM + 4 }),
        make("text", { x: x(tick), y: HEIGHT - BOTTOM + 17, "text-anchor": "middle" }, short(tick)));
    svg.append(make("text", { x: (LEFT + width - RIGHT) / 2, y: HEIGHT - 6, "text-anchor": "middle" }, title));
    for (const [name, value] of data.levels)
      svg.append(make("line", { class: "level", x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }),
        make("text", { x: width - RIGHT, y: y(value) - 4, "text-anchor": "end" }, name));
    const spots = [];
    for (const curve of data.curves) {
      const group = make("g", { class: curve.colour });
      const placed = curve.points.filter((point) => Number.isFinite(point.at[axis]));
      const path = placed.map((point) => `${x(point.at[axis]).toFixed(1)} ${y(point.value).toFixed(1)}`);
      group.append(make("path", { ...look(curve), d: `M${path.join("L")}` }));
      for (const point of placed) {
        const spot = { curve, point, x: x(point.at[axis]), y: y(point.value) };
        spots.push(spot);
        if (curve.place) group.append(make("circle", { cx: spot.x, cy: spot.y, r: 2.5 }));
      }
      svg.append(group);
    }
    return { svg, spots, axis, width };
  };

  const interactive = (panel, axes) => {
    const plot = panel.querySelector(".plot");
    const data = read(panel, axes.length);
    if (!data.curves.length) return null;
    const tip = make("div", { class: "tip", role: "status" });
    plot.setAttribute("tabindex", "0");
    plot.setAttribute("role", "group");
    plot.setAttribute("aria-label", `Curves of ${panel.querySelector("figcaption").textContent}: left and right go through the points of a curve, up and down change the curve`);
    panel.querySelector("details").before(key(data.curves));
    let drawn = null, here = null, mark = null;
    const point = (spot) => {
      mark?.remove();
      here = spot;
      if (!spot) { tip.replaceChildren(); return; }
      mark = make("g", { class: spot.curve.colour }, make("circle", { class: "here", cx: spot.x, cy: spot.y, r: 5 }));
      drawn.svg.append(mark);
      tip.replaceChildren(make("b", {}, `${spot.curve.label}, ${spot.curve.measure}: ${spot.point.value.toFixed(3)}`),
        axes.map((name, place) => `${short(spot.point.at[place])} ${name}`).filter((text) => !text.startsWith("NaN")).join(", "));
      const scale = plot.clientWidth / drawn.width;
      const room = plot.clientWidth - tip.offsetWidth;
      tip.style.left = `${Math.max(0, Math.min(room, spot.x * scale - tip.offsetWidth / 2))}px`;
      const above = spot.y * scale - tip.offsetHeight - 12;
      tip.style.top = `${above < -30 ? spot.y * scale + 14 : above}px`;
    };
    const nearest = (event) => {
      const box = drawn.svg.getBoundingClientRect();
      const scale = drawn.width / box.width;
      const [px, py] = [(event.clientX - box.left) * scale, (event.clientY - box.top) * scale];
      const far = (spot) => (spot.x - px) ** 2 + (spot.y - py) ** 2;
      return drawn.spots.reduce((best, spot) => (far(spot) < far(best) ? spot : best));
    };
    plot.addEventListener("pointermove", (event) => point(nearest(event)));
    plot.addEventListener("pointerdown", (event) => point(nearest(event)));
    plot.addEventListener("pointerleave", () => point(null));
    plot.addEventListener("blur", () => point(null));
    plot.addEventListener("keydown", (event) => {
      const [along, across] = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] }[event.key] ?? [];
      if (event.key === "Escape") point(null);
      if (along === undefined) return;
      event.preventDefault();
      if (!here) { point(drawn.spots[0]); return; }
      const count = data.curves.length;
      const curve = data.curves[(data.curves.indexOf(here.curve) + across + count) % count];
      const own = drawn.spots.filter((spot) => spot.curve === curve);
      const at = across
        ? own.reduce((best, spot, place) => (Math.abs(spot.x - here.x) < Math.abs(own[best].x - here.x) ? place : best), 0)
        : own.indexOf(here) + along;
      point(own[Math.max(0, Math.min(own.length - 1, at))]);
    });
    return {
      room: () => Math.max(plot.clientWidth, 240),
      show: (axis, width) => {
        if (drawn && drawn.axis === axis && Math.abs(drawn.width - width) < 1) return;
        if (here) point(null);
        drawn = draw(width, data, axis, axes[axis]);
        plot.replaceChildren(drawn.svg, tip);
      },
    };
  };
  const key = (curves) => {
    const labels = new Map();
    const groups = new Set(curves.map((curve) => curve.colour));
    for (const curve of curves) {
      if (!labels.has(curve.measure)) labels.set(curve.measure, ["", curve]);
      const label = curve.label.replace(/, seed \d+$/, "");
      if (groups.size > 1 && !labels.has(label)) labels.set(label, [curve.colour, { place: 1 }]);
    }
    const items = [...labels].map(([label, [colour, curve]]) =>
      make("li", {}, make("svg", { viewBox: "0 0 26 10", class: colour, "aria-hidden": "true" },
        make("path", { ...look(curve), d: "M0 5L26 5" })), label));
    return make("ul", { class: "key" }, ...items);
  };

  all(".chart").forEach((chart, place) => {
    const axes = all("th.axis", chart.querySelector("table.points")).map((head) => head.textContent);
    const figures = all("figure", chart);
    const begun = new Map(); // figures that came into sight, and the panels that they hold
    let shown = Number(chart.dataset.shown);
    const show = () => {
      const panels = [...begun.values()].filter(Boolean);
      const rooms = panels.map((panel) => panel.room()); // all before any is drawn: one layout
      panels.forEach((panel, at) => panel.show(shown, rooms[at]));
    };
    const begin = (some) => {
      for (const figure of some) if (!begun.has(figure)) begun.set(figure, interactive(figure, axes));
      show();
    };
    const sight = new IntersectionObserver((entries) => {
      const some = entries.filter((entry) => entry.isIntersecting).map((entry) => entry.target);
      for (const figure of some) sight.unobserve(figure);
      begin(some);
    }, { rootMargin: "100%" });
    for (const figure of figures) sight.observe(figure);
    addEventListener("beforeprint", () => begin(figures));
    const choice = make("fieldset", { class: "axes" }, make("legend", {}, "Over"));
    axes.forEach((name, axis) => {
      const input = make("input", { type: "radio", name: `axis-${place}`, value: axis });
      input.checked = axis === shown;
      input.addEventListener("change", () => { shown = axis; show(); });
      choice.append(make("label", {}, input, ` ${name}`));
    });
    chart.prepend(choice);
    new ResizeObserver(show).observe(chart);
  });
})();
