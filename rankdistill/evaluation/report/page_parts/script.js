"use strict";
// Every string of the data reaches the page as text (textContent), never as markup.
const data = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const LEVELS = [[0.01, "‡"], [0.05, "†"]];
const state = {sort: data.measures[0], falling: true, baseline: data.baseline, chosen: 0, order: []};
const at = (id) => document.getElementById(id);
const ofPairs = data.unit === "pair", many = ofPairs ? "pairs" : "queries", Unit = ofPairs ? "Pair" : "Query";
const each = (measure) => data.shares[measure] || data.values[measure] || data.values[data.measures[0]];

function element(tag, attributes = {}, text = null, space = null) {
  const made = space ? document.createElementNS(space, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== null) made.textContent = text;
  return made;
}
const drawn = (tag, attributes, text = null) => element(tag, attributes, text, SVG);
const number = (value) => (value === null ? "-" : value.toFixed(4));
const signed = (value) => (value >= 0 ? "+" : "") + value.toFixed(4);

function count(value) {
  if (value === null || value === undefined) return "-";
  if (typeof value !== "number") return String(value);
  if (value >= 1e9) return (value / 1e9).toFixed(1) + "G";
  if (value >= 1e6) return (value / 1e6).toFixed(1) + "M";
  return value >= 10 ? Math.round(value).toLocaleString("en") : value.toFixed(1);
}

function options(select, names, chosen) {
  select.replaceChildren(...names.map(([value, text]) => element("option", {value}, text)));
  select.value = chosen;
}

// -- the table ------------------------------------------------------------------------------------------------------

const factNames = {parameters: "parameters", pairs_per_second: "pairs/s", missing_queries: "missing"};
const facts = Object.keys(data.systems[0].facts).filter(
  (name) => data.systems.some((system) => system.facts[name] !== null && system.facts[name] !== 0 && system.facts[name] !== undefined));

// p-values against the baseline, corrected after Holm for their number: a list by system, null where there is no test.
function corrected(measure) {
  const none = data.systems.map(() => null);
  if (state.baseline === null) return none;
  const p = data.p[measure][state.baseline];
  const order = p.map((_, i) => i).filter((i) => i !== state.baseline && p[i] !== null).sort((i, j) => p[i] - p[j]);
  let highest = 0;
  order.forEach((i, nth) => {
    highest = Math.max(highest, Math.min(1, p[i] * (order.length - nth)));
    none[i] = highest;
  });
  return none;
}
const mark = (p) => (p === null ? "" : (LEVELS.find(([level]) => p < level) || ["", ""])[1]);

function sortKey(i) {
  const system = data.systems[i];
  if (state.sort === "system") return system.name;
  if (state.sort === "rank") return -(data.ranks[data.measures[0]][i][0] + data.ranks[data.measures[0]][i][1]);
  return data.measures.includes(state.sort) ? system.values[state.sort] : system.facts[state.sort];
}

function sortedSystems() {
  const missing = (value) => value === null || value === undefined;
  return data.systems.map((_, i) => i).sort((i, j) => {
    const a = sortKey(i), b = sortKey(j);
    if (missing(a) || missing(b)) return missing(a) - missing(b) || i - j;  // unknown stands last either way
    const order = a < b ? -1 : a > b ? 1 : 0;
    return (state.falling ? -order : order) || i - j;
  });
}

function headerCell(key, text, first) {
  const cell = element("th", {scope: "col"});
  if (key === "system") cell.className = "name";
  const button = element("button", {type: "button"}, text);
  if (state.sort === key) cell.setAttribute("aria-sort", state.falling ? "descending" : "ascending");
  button.addEventListener("click", () => {
    state.falling = state.sort === key ? !state.falling : key !== "system";
    state.sort = key;
    drawTable();
    [...at("table").querySelectorAll("th button")].find((other) => other.textContent === text).focus();
  });
  cell.append(button);
  return cell;
}

function drawTable() {
  const head = element("tr");
  head.append(headerCell("rank", "rank"), headerCell("system", "system"));
  for (const measure of data.measures) head.append(headerCell(measure, measure));
  for (const fact of facts) head.append(headerCell(fact, factNames[fact] || fact));
  const marks = Object.fromEntries(data.measures.map((measure) => [measure, corrected(measure)]));
  const best = Object.fromEntries(data.measures.map(
    (measure) => [measure, Math.max(...data.systems.map((s) => s.values[measure] ?? -Infinity))]));
  const body = element("tbody");
  for (const i of sortedSystems()) {
    const system = data.systems[i], row = element("tr");
    if (i === state.baseline) row.className = "baseline";
    const [low, high] = data.ranks[data.measures[0]][i];
    row.append(element("td", {}, low === high ? String(low) : low + "–" + high));
    row.append(element("td", {class: "name"}, system.name));
    for (const measure of data.measures) {
      const cell = element("td"), value = system.values[measure];
      cell.append(element(value !== null && value === best[measure] ? "strong" : "span", {}, number(value)));
      const p = marks[measure][i];
      cell.append(element("span", {class: "mark"}, mark(p)));
      if (p !== null) cell.title = "p = " + p.toPrecision(3) + " against " + data.systems[state.baseline].name;
      row.append(cell);
    }
    for (const fact of facts) row.append(element("td", {}, count(system.facts[fact])));
    body.append(row);
  }
  const table = element("table"), thead = element("thead");
  thead.append(head);
  table.append(thead, body);
  at("table").replaceChildren(table);
  const lines = [
    data.queries.length.toLocaleString("en") + " " + many + "; the best value of each measure is bold. Ranks by " +
      data.measures[0] + ", as an interval where no difference is significant (p < .05, Holm correction for all pairs)."];
  if (state.baseline !== null && data.systems.length > 1) {
    lines.push("Different from " + data.systems[state.baseline].name + ": † p < .05, ‡ p < .01 (" + data.test +
      "; Holm correction for the number of systems, " + (data.systems.length - 1) + ").");
  }
  for (const system of data.systems) {
    if (system.missing) lines.push(system.name + ": " + system.missing + " judged queries are not in the run and count as 0.");
  }
  at("legend").replaceChildren(...lines.map((line) => element("p", {}, line)));
}

// -- quality against cost -------------------------------------------------------------------------------------------

const costs = ["pairs_per_second", "parameters"].filter((fact) => facts.includes(fact));

function ticks(low, high, n) {
  const step = 10 ** Math.floor(Math.log10((high - low) / n || 1));
  const width = [1, 2, 5, 10].map((x) => x * step).find((x) => (high - low) / x <= n);
  const found = [];
  for (let x = Math.ceil(low / width) * width; x <= high + width * 1e-9; x += width) found.push(x);
  return found;
}

function drawCost() {
  const measure = at("cost-measure").value, fact = at("cost-fact").value, fasterIsBetter = fact === "pairs_per_second";
  const points = data.systems
    .map((system, i) => ({i, name: system.name, x: system.facts[fact], y: system.values[measure]}))
    .filter((point) => typeof point.x === "number" && point.x > 0 && point.y !== null);
  const width = Math.max(320, Math.min(900, at("cost").clientWidth || 900)), height = 340;
  const svg = drawn("svg", {viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": measure + " against " + factNames[fact]});
  at("cost-plot").replaceChildren(svg);
  if (!points.length) return;
  const logs = points.map((point) => Math.log10(point.x)), ys = points.map((point) => point.y);
  const spread = (values, share) => {
    const low = Math.min(...values), high = Math.max(...values), pad = (high - low) * share || 0.1;
    return [low - pad, high + pad];
  };
  const [x0, x1] = spread(logs, 0.12), [y0, y1] = spread(ys, 0.15);
  const left = 60, right = width - 12, top = 12, bottom = height - 40;
  const px = (x) => left + ((Math.log10(x) - x0) / (x1 - x0)) * (right - left);
  const py = (y) => bottom - ((y - y0) / (y1 - y0)) * (bottom - top);
  for (const y of ticks(y0, y1, 5)) {
    svg.append(drawn("line", {class: "axis", x1: left, x2: right, y1: py(y), y2: py(y)}));
    svg.append(drawn("text", {class: "soft", x: left - 6, y: py(y) + 4, "text-anchor": "end"}, y.toFixed(3)));
  }
  for (let e = Math.floor(x0); e <= x1; e++) {
    for (const digit of x1 - x0 > 2.5 ? [1] : x1 - x0 > 0.8 ? [1, 2, 5] : [1, 1.2, 1.4, 1.6, 1.8, 2, 2.5, 3, 4, 5, 6, 7, 8, 9]) {
      const x = digit * 10 ** e;
      if (Math.log10(x) < x0 || Math.log10(x) > x1) continue;
      svg.append(drawn("line", {class: "axis", x1: px(x), x2: px(x), y1: top, y2: bottom}));
      svg.append(drawn("text", {class: "soft", x: px(x), y: bottom + 16, "text-anchor": "middle"}, count(x)));
    }
  }
  svg.append(drawn("text", {class: "soft", x: (left + right) / 2, y: height - 6, "text-anchor": "middle"}, factNames[fact]));
  const beaten = (p) => points.some((q) => q !== p && q.y >= p.y && (fasterIsBetter ? q.x >= p.x : q.x <= p.x) && (q.y > p.y || q.x !== p.x));
  const frontier = points.filter((point) => !beaten(point)).sort((p, q) => p.x - q.x);
  svg.append(drawn("polyline", {class: "frontier", points: frontier.map((p) => px(p.x) + "," + py(p.y)).join(" ")}));
  const taken = [];
  for (const point of points.sort((p, q) => q.y - p.y)) {
    const x = px(point.x), y = py(point.y);
    const circle = drawn("circle", {class: "point", cx: x, cy: y, r: 4.5});
    circle.append(drawn("title", {}, `${point.name}: ${number(point.y)}, ${count(point.x)} ${factNames[fact]}`));
    svg.append(circle);
    const onRight = x < right - 7 * Math.min(point.name.length, 24) - 10;
    let labelY = y + 4;
    while (taken.some((other) => Math.abs(other.y - labelY) < 13 && Math.abs(other.x - x) < 150)) labelY += 13;
    taken.push({x, y: labelY});
    const name = point.name.length > 24 ? point.name.slice(0, 23) + "…" : point.name;
    svg.append(drawn("text", {x: onRight ? x + 8 : x - 8, y: labelY, "text-anchor": onRight ? "start" : "end"}, name));
  }
}

// -- differences query by query --------------------------------------------------------------------------------------

const compared = () => ({a: Number(at("a").value), b: Number(at("b").value), measure: at("measure").value});

function differences() {
  const {a, b, measure} = compared(), values = each(measure);
  return data.queries.map((_, q) => (values[a][q] === null || values[b][q] === null ? 0 : values[a][q] - values[b][q]));
}

function drawDifferences() {
  const {a, b, measure} = compared(), deltas = differences();
  state.order = deltas.map((_, q) => q).sort((i, j) => deltas[j] - deltas[i] || i - j);
  state.chosen = Math.min(state.chosen, state.order.length - 1);
  const width = 900, height = 240, middle = height / 2, reach = Math.max(...deltas.map(Math.abs)) || 1;
  const svg = drawn("svg", {viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", "aria-hidden": "true"});
  const bar = width / state.order.length;
  state.order.forEach((q, nth) => {
    const size = Math.abs(deltas[q]) / reach * (middle - 6);
    if (size === 0 && nth !== state.chosen) return;
    svg.append(drawn("rect", {
      class: (deltas[q] >= 0 ? "a" : "b") + (nth === state.chosen ? " chosen" : ""), "data-nth": nth,
      x: nth * bar, width: Math.max(bar * 0.9, 0.5), y: deltas[q] >= 0 ? middle - size : middle, height: Math.max(size, 0.5)}));
  });
  svg.append(drawn("line", {class: "axis", x1: 0, x2: width, y1: middle, y2: middle}));
  at("difference-plot").replaceChildren(svg);
  const wins = deltas.filter((d) => d > 0).length, losses = deltas.filter((d) => d < 0).length;
  const p = data.p[measure][a][b], q = state.order[state.chosen];
  at("summary").textContent = `${data.systems[a].name} is better on ${wins} ${many}, ${data.systems[b].name} on ${losses}, ` +
    `equal on ${deltas.length - wins - losses}` + (p === null ? "" : ` (p = ${p.toPrecision(3)}, uncorrected)`) +
    `. Chosen: ${data.queries[q]}, ${signed(deltas[q])}.`;
  const plot = at("difference-plot");
  for (const [name, value] of Object.entries({valuemin: 1, valuemax: state.order.length, valuenow: state.chosen + 1,
    valuetext: `${data.queries[q]}: ${signed(deltas[q])}`})) plot.setAttribute("aria-" + name, value);
}

function choose(nth) {
  state.chosen = Math.max(0, Math.min(state.order.length - 1, nth));
  drawDifferences();
}

function nthAt(event) {
  const box = at("difference-plot").getBoundingClientRect();
  return Math.floor((event.clientX - box.left) / box.width * state.order.length);
}

// -- a query --------------------------------------------------------------------------------------------------------

function listOf(entry, mine, other) {
  const list = element("ol");
  entry.tops[mine].forEach((doc, rank) => {
    const item = element("li"), label = entry.labels[doc], elsewhere = entry.tops[other].indexOf(doc);
    if (label > 0) item.className = "relevant";
    item.append(element("span", {class: "id"}, entry.docs[doc]), " ");
    item.append(element("span", {class: "label"}, label === null ? "unjudged" : "label " + label), " ");
    if (mine !== other) {
      const move = elsewhere - rank;
      item.append(element("span", {class: "soft"}, elsewhere < 0 ? "not among the other's best " + data.top : move === 0 ? "same rank" :
        `there ${elsewhere + 1}`));
    }
    if (entry.texts) item.append(element("span", {class: "text"}, entry.texts[doc]));
    list.append(item);
  });
  return entry.tops[mine].length ? list : element("p", {}, "nothing found");
}

// What a system answered to a pair, beside the label.
function answerOf(entry, mine) {
  const right = entry.answers[mine] === entry.label, box = element("p", right ? {class: "relevant"} : {});
  box.append(element("span", {class: "label"}, entry.answers[mine]), " ",
    element("span", {class: "soft"}, right ? "as labelled" : "label " + entry.label));
  return box;
}

function openQuery(q, move = true) {
  const {a, b, measure} = compared(), entry = data.lists[q];
  at("query").hidden = false;
  at("query-heading").textContent = Unit + " " + data.queries[q];
  const shown = [data.queryTexts ? data.queryTexts[q] : "", ...(entry.second === undefined ? [] : [entry.second])];
  at("query-text").replaceChildren(...shown.flatMap((text, i) => (i ? [element("br"), text] : [text])));
  const columns = [[a, b], [b, a]].map(([mine, other]) => {
    const column = element("div");
    const value = ofPairs ? "" : `: ${measure} ${number(data.values[measure][mine][q])}`;
    column.append(element("h3", {}, data.systems[mine].name + value));
    column.append(ofPairs ? answerOf(entry, mine) : listOf(entry, mine, other));
    return column;
  });
  at("lists").replaceChildren(...columns);
  state.open = q;
  at("query-id").value = data.queries[q];
  history.replaceState(null, "", "#query=" + encodeURIComponent(data.queries[q]));
  if (move) {
    at("query").scrollIntoView();
    at("query").focus();
  }
}

// -- beginning ------------------------------------------------------------------------------------------------------

const byName = data.systems.map((system, i) => [i, system.name]);
const measureNames = data.measures.map((measure) => [measure, measure]);
at("baseline-form").hidden = false;
options(at("baseline"), [["", "none"], ...byName], state.baseline ?? "");
at("baseline").addEventListener("change", () => {
  state.baseline = at("baseline").value === "" ? null : Number(at("baseline").value);
  drawTable();
});
drawTable();

if (costs.length) {
  at("cost").hidden = false;
  options(at("cost-measure"), measureNames, data.measures[0]);
  options(at("cost-fact"), costs.map((fact) => [fact, factNames[fact]]), costs[0]);
  for (const id of ["cost-measure", "cost-fact"]) at(id).addEventListener("change", drawCost);
  addEventListener("resize", drawCost);
  drawCost();
}

at("differences").hidden = false;
at("differences-heading").textContent = `${Unit} by ${data.unit}`;
at("difference-plot").setAttribute("aria-label", `Differences, a bar a ${data.unit}; arrow keys choose one, Enter opens it`);
at("find").querySelector("label").firstChild.textContent = `Open ${data.unit} `;
const second = data.systems.length > 1 ? 1 : 0;
const reference = state.baseline === null || state.baseline === 0 ? second : state.baseline;
options(at("a"), byName, 0);
options(at("b"), byName, reference);
options(at("measure"), measureNames, data.measures[0]);
at("query-ids").append(...data.queries.map((query) => element("option", {value: query})));
for (const id of ["a", "b", "measure"]) {
  at(id).addEventListener("change", () => {
    drawDifferences();
    if (state.open !== undefined) openQuery(state.open, false);
  });
}
drawDifferences();
const plot = at("difference-plot");
plot.addEventListener("pointermove", (event) => { if (event.pointerType === "mouse") choose(nthAt(event)); });
plot.addEventListener("click", (event) => { choose(nthAt(event)); openQuery(state.order[state.chosen]); });
plot.addEventListener("keydown", (event) => {
  const steps = {ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20, Home: -1e9, End: 1e9};
  if (event.key in steps) choose(state.chosen + steps[event.key]);
  else if (event.key === "Enter" || event.key === " ") openQuery(state.order[state.chosen]);
  else return;
  event.preventDefault();
});
at("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const q = data.queries.indexOf(at("query-id").value);
  at("query-id").setCustomValidity(q < 0 ? "there is no such " + data.unit : "");
  if (q < 0) at("query-id").reportValidity();
  else openQuery(q);
});
at("query-id").addEventListener("input", () => at("query-id").setCustomValidity(""));
const linked = data.queries.indexOf(decodeURIComponent(location.hash.replace(/^#query=/, "")));
if (location.hash && linked >= 0) openQuery(linked, false);
