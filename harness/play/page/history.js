// The history of the ops: bars on the lines of their clients, faults behind them, and what contradicts in red.

import { clamp, ms, opWords, svg } from "./dom.js";

const LEFT = 4, NAMES = 74, ROW = 32, TOP = 16, BAR = 13, CHAR = 6.9, MOST_OPS = 50;
const TYPES = ["open", "ok", "fail", "info"];

/** The ops among rows of the history that are not later than `upto`, in order. */
export function opsOf(rows, upto) {
  const open = new Map(), ops = [];
  for (const row of rows) {
    if (row.row >= upto || row.nemesis) continue;
    if (row.type === 0) {
      const op = { row: row.row, process: row.process, thread: row.thread, f: row.f, key: row.key, asked: row.value, node: row.node, begin: row.time_ns, end: null, type: 0 };
      open.set(row.process, op);
      ops.push(op);
    } else {
      const op = open.get(row.process);
      if (op) Object.assign(op, { end: row.time_ns, type: row.type, value: row.value, error: row.error });
      open.delete(row.process);
    }
  }
  return ops;
}

function faultsOf(rows, upto, now) {
  const bands = new Map();
  for (const row of rows) {
    if (!row.nemesis || row.row >= upto) continue;
    if (row.phase === "begin") bands.set(row.window, { name: row.f, begin: row.time_ns, end: now });
    else if (row.phase === "end" && bands.has(row.window)) bands.get(row.window).end = row.time_ns;
  }
  return [...bands.values()];
}

/** Where each moment stands: in proportion to time, but no gap is long, and no words stand on others. */
function scale(ops, faults, now, wrong) {
  const apart = new Set(ops.filter((op) => wrong.has(op.row)).map((op) => op.begin)); // room for what points there
  const times = [...new Set([...ops.flatMap((op) => [op.begin, op.end ?? now]), ...faults.flatMap((f) => [f.begin, f.end]), now])].sort((a, b) => a - b);
  const begins = new Map();
  for (const op of ops) begins.set(op.begin, [...(begins.get(op.begin) ?? []), op]);
  const free = new Map(), x = new Map();
  let at = LEFT + 8, before = times[0];
  for (const time of times) {
    at += time === before ? 0 : clamp(((time - before) / 1e6) * 9, apart.has(time) ? 64 : 12, 84);
    for (const op of begins.get(time) ?? []) at = Math.max(at, free.get(op.thread) ?? 0);
    for (const op of begins.get(time) ?? []) free.set(op.thread, at + opWords(op).length * CHAR + 14);
    x.set(time, at);
    before = time;
  }
  return { x, right: Math.max(at, ...free.values()) + 30, times };
}

export class History {
  constructor(root, scroll, names) {
    Object.assign(this, { root, scroll, names });
  }

  draw(rows, moment, verdict) {
    const wrong = new Set((verdict?.anomalies ?? []).flatMap((anomaly) => anomaly.ops));
    const all = opsOf(rows, moment.rows);
    const ops = all.filter((op, place) => place >= all.length - MOST_OPS || wrong.has(op.row));
    const first = ops.length ? ops[0].begin : moment.time_ns;
    const faults = faultsOf(rows, moment.rows, moment.time_ns).filter((fault) => fault.end >= first);
    for (const fault of faults) fault.begin = Math.max(fault.begin, first);
    const lanes = [...new Set(ops.map((op) => op.thread))].sort((a, b) => a - b);
    const { x, right } = scale(ops, faults, moment.time_ns, wrong);
    const [width, height] = [Math.max(right, this.scroll.clientWidth - NAMES - 4), TOP + ROW * Math.max(1, lanes.length) + 8];
    const y = (op) => TOP + ROW * lanes.indexOf(op.thread) + 17;
    this.root.setAttribute("width", width);
    this.root.setAttribute("height", height);
    this.root.setAttribute("viewBox", `0 0 ${width} ${height}`);
    this.root.setAttribute("aria-label", `${all.length} ops, ${all.filter((op) => op.end === null).length} of them open`);
    const now = x.get(moment.time_ns);
    this.root.replaceChildren(
      ...this.bands(faults, x, height),
      ...lanes.map((_, place) => svg("line", { class: "lane", x1: LEFT, x2: width - 8, y1: TOP + ROW * place + 24, y2: TOP + ROW * place + 24 })),
      svg("line", { class: "now", x1: now, x2: now, y1: 4, y2: height }), 
      ...ops.map((op) => this.bar(op, x, y(op), now, wrong)),
      ...(verdict?.anomalies ?? []).slice(0, 1).flatMap((anomaly) => this.edges(anomaly, ops, x, y, now)));
    if (!ops.length) this.root.append(svg("text", { class: "lane-name", x: LEFT, y: TOP + 28 }, "No op yet: click a node and ask it something."));
    this.names.setAttribute("height", height);
    this.names.replaceChildren(...lanes.map((lane, place) => svg("text", { class: "lane-name", x: 4, y: TOP + ROW * place + 28 }, `client ${lane}`)));
    this.scroll.scrollLeft = Math.max(0, now - this.scroll.clientWidth + 120);
  }

  /** Faults while they are on; the names of those that begin together are one. */
  bands(faults, x, height) {
    let free = 0;
    const named = new Map();
    for (const fault of faults) named.set(fault.begin, [...(named.get(fault.begin) ?? []), fault.name]);
    const boxes = faults.map((fault) => svg("rect", { class: "band", x: x.get(fault.begin), y: 15, width: Math.max(3, x.get(fault.end) - x.get(fault.begin)), height: height - 15 }, svg("title", {}, fault.name)));
    const words = [...named].flatMap(([begin, names]) => {
      const at = Math.max(x.get(begin) + 2, free), said = names.join(", ").slice(0, 60);
      free = at + said.length * 6.4 + 12;
      return at - x.get(begin) > 160 ? [] : [svg("text", { class: "band-name", x: at, y: 11 }, said)];
    });
    return [...boxes, ...words];
  }

  bar(op, x, y, now, wrong) {
    const [from, to] = [x.get(op.begin), op.end === null ? now : x.get(op.end)];
    const kind = `${TYPES[op.type]}${wrong.has(op.row) ? " against" : ""}`;
    const how = op.end === null ? "no answer yet" : ["", "ok", `refused: ${op.error}`, `nobody knows: ${op.error}`][op.type];
    return svg("g", { "data-row": op.row }, svg("rect", { class: `bar ${kind}`, x: from, y: y + 1, width: Math.max(5, to - from), height: BAR, rx: 3 }),
      svg("text", { x: from, y: y - 3 }, opWords(op)),
      svg("title", {}, `client ${op.thread}, process ${op.process}, at n${op.node + 1}: ${opWords(op)}\n${ms(op.begin)} to ${op.end === null ? "…" : ms(op.end)} ms: ${how}`));
  }

  edges(anomaly, ops, x, y, now) {
    const byRow = new Map(ops.map((op) => [op.row, op]));
    return anomaly.edges.flatMap((edge, place) => {
      const [tail, head] = [byRow.get(edge.tail), byRow.get(edge.head)];
      if (!tail || !head) return [];
      const kind = edge.against ? "" : " along";
      const [ended, begun] = [tail.end === null ? now : x.get(tail.end), x.get(head.begin)];
      const back = ended > begun && tail.begin > head.begin; // what should come first came later
      const from = { x: back ? x.get(tail.begin) : ended, y: y(tail) + 8 };
      const to = { x: back ? (head.end === null ? now : x.get(head.end)) : begun, y: y(head) + 8 };
      const lift = from.y === to.y ? -24 - 5 * place : back ? 20 : -9;
      const middle = { x: (from.x + to.x) / 2 + 22 * (place % 3 - 1), y: (from.y + to.y) / 2 + lift };
      const control = { x: 2 * middle.x - (from.x + to.x) / 2, y: 2 * middle.y - (from.y + to.y) / 2 };
      const angle = (Math.atan2(to.y - control.y, to.x - control.x) * 180) / Math.PI;
      return [
        svg("path", { class: `edge${kind}`, d: `M${from.x} ${from.y} Q${control.x} ${control.y} ${to.x} ${to.y}` }),
        svg("path", { class: "edge-end", d: "M0 0 L-8 -4 L-8 4 Z", transform: `translate(${to.x} ${to.y}) rotate(${angle})`, style: edge.against ? "" : "fill:var(--soft)" }),
        svg("circle", { class: `number-disc${kind}`, cx: middle.x, cy: middle.y, r: 8 }),
        svg("text", { class: "number", x: middle.x, y: middle.y + 3.5 }, String(edge.number))];
    });
  }
}
