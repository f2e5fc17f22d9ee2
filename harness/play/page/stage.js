// The cluster: nodes on a circle, links between them, messages on their way, ops that wait for an answer.

import { calm, clamp, el, name, opWords, svg } from "./dom.js";

const FALL_MS = 900, TOOLS = 252; // the tools cover so much of the left upper corner
const PALETTE = ["#58a6ff", "#3fb9a5", "#d2a8ff", "#f778ba", "#e3b341", "#79c0ff", "#7ee787", "#ffa28b", "#a5b4fc", "#c9d1d9"];
const INK = ["#0969da", "#0b7a6b", "#8250df", "#bf3989", "#9a6700", "#1168b8", "#1a7f37", "#bc4c00", "#4f46e5", "#57606a"];

export const colourOf = (names, message) => {
  const light = document.documentElement.dataset.theme === "light";
  const place = Math.max(0, names.indexOf(message));
  return (light ? INK : PALETTE)[place % PALETTE.length];
};

export class Stage {
  constructor(root, onChoose) {
    this.root = root;
    this.onChoose = onChoose;
    this.mails = new Map();
    this.layers = ["links", "marks", "asks", "mail", "nodes", "falling"].map((layer) => svg("g", { class: `layer-${layer}` }));
    [this.links, this.marks, this.asks, this.mail, this.nodes, this.falling] = this.layers;
    root.replaceChildren(...this.layers);
    new ResizeObserver(() => this.about && this.build(this.about)).observe(root);
  }

  // --- what stands still -----------------------------------------------------------------------------

  build(about) {
    this.about = about;
    const { width, height } = this.root.getBoundingClientRect();
    const [w, h] = [Math.max(width, 320), Math.max(height, 240)];
    this.root.setAttribute("viewBox", `0 0 ${w} ${h}`);
    const left = w > 720 ? 240 : 0; // where the tools are
    this.r = clamp(Math.min(40, (Math.min(w, h) * 1.05) / about.nodes), 13, 40);
    const room = { x: (w - left) / 2 - this.r - 128, y: h / 2 - this.r - 30 };
    const size = clamp(room.y, 70, 330);
    const [cx, cy] = [left + (w - left) / 2, h / 2 + (about.nodes === 3 ? size * 0.14 : 6)];
    const wide = clamp(room.x, 70, size * 1.35);
    this.centre = { x: cx, y: cy };
    this.at = Array.from({ length: about.nodes }, (_, i) => {
      const angle = -Math.PI / 2 + (2 * Math.PI * i) / about.nodes;
      return { x: cx + wide * Math.cos(angle), y: cy + size * Math.sin(angle) };
    });
    if (about.nodes === 1) this.at = [{ x: cx, y: cy }];
    this.mails.clear();
    this.mail.replaceChildren();
    this.buildLinks();
    this.nodes.replaceChildren(...this.at.map((at, i) => this.buildNode(at, i)));
    if (this.shown) this.show(...this.shown);
  }

  buildLinks() {
    this.links.replaceChildren();
    this.linkOf = new Map();
    for (let a = 0; a < this.at.length; a++) {
      for (let b = a + 1; b < this.at.length; b++) {
        const [from, to] = [this.at[a], this.at[b]], length = Math.hypot(to.x - from.x, to.y - from.y) || 1;
        const [ux, uy] = [(to.x - from.x) / length * this.r, (to.y - from.y) / length * this.r];
        const ends = { x1: from.x + ux, y1: from.y + uy, x2: to.x - ux, y2: to.y - uy };
        const line = svg("line", { class: "link", ...ends });
        const choose = (event) => { event.stopPropagation(); this.onChoose({ link: [a, b] }, event); };
        const group = svg("g", {
          class: "link-group", tabindex: 0, role: "button", "aria-label": `the link between ${name(a)} and ${name(b)}`,
          "data-link": `${a}-${b}`, onclick: choose, onkeydown: (e) => e.key === "Enter" && choose(e),
        }, line, svg("line", { class: "link-hit", ...ends }));
        this.links.append(group);
        this.linkOf.set(`${a}-${b}`, { group, line, a, b });
      }
    }
  }

  buildNode({ x, y }, i) {
    const choose = (event) => { event.stopPropagation(); this.onChoose({ node: i }, event); };
    const { r } = this;
    return svg("g", {
      class: "node", transform: `translate(${x} ${y})`, tabindex: 0, role: "button", "data-node": i, "aria-label": name(i),
      onclick: choose, onkeydown: (e) => e.key === "Enter" && choose(e),
    },
    svg("circle", { class: "pulse", r }), svg("circle", { class: "chosen-ring", r: r + 7 }), svg("circle", { class: "body", r }),
    svg("path", { class: "crown", d: "M-9 4 L-9 -5 L-4 -1 L0 -7 L4 -1 L9 -5 L9 4 Z", transform: `translate(0 ${-r - 4})`, visibility: "hidden" }),
    svg("text", { class: "name", y: r < 30 ? 5 : -6 }, name(i)), svg("text", { class: "role", y: 10 }), svg("text", { class: "ballot", y: 24 }),
    this.about.zones.length ? svg("text", { class: "zone", y: r + 14 }, this.about.zones[i]) : null,
    svg("title"));
  }

  // --- a moment --------------------------------------------------------------------------------------

  show(moment, chosen, ops, pending) {
    this.shown = [moment, chosen, ops, pending];
    moment.nodes.forEach((node, i) => this.showNode(this.nodes.children[i], node, chosen));
    this.showLinks(moment, chosen);
    this.showAsks(moment, ops);
    this.showPending(pending);
  }

  showNode(group, node, chosen) {
    const role = !node.up ? (node.damaged ? "damaged" : "down") : node.paused ? "paused" : node.role;
    group.classList.toggle("down", !node.up);
    group.classList.toggle("paused", node.paused);
    group.classList.toggle("leader", node.up && node.role === "leader");
    group.classList.toggle("chosen", chosen.nodes.includes(node.id));
    group.querySelector(".crown").setAttribute("visibility", node.up && node.role === "leader" ? "visible" : "hidden");
    const small = this.r < 30;
    group.querySelector(".role").textContent = small ? "" : role;
    group.querySelector(".name").setAttribute("y", small || !(role || node.ballot) ? 6 : -6);
    group.querySelector(".ballot").textContent = small || !node.up ? "" : node.paused ? `${node.waiting} wait` : node.ballot ? node.ballot.join(" ").replace("ballot ", "").slice(0, 11) : "";
    group.setAttribute("aria-label", `${name(node.id)}, ${role || "up"}`);
    group.querySelector("title").textContent = `${name(node.id)} ${role}: incarnation ${node.incarnation}`;
  }

  showLinks(moment, chosen) {
    const bad = new Map();
    for (const link of moment.links) {
      const key = link.src < link.dst ? `${link.src}-${link.dst}` : `${link.dst}-${link.src}`;
      bad.set(key, [...(bad.get(key) ?? []), link]);
    }
    this.marks.replaceChildren();
    for (const [key, { group, line, a, b }] of this.linkOf) {
      const ways = bad.get(key) ?? [];
      const cuts = ways.filter((way) => way.cut);
      line.setAttribute("class", `link${cuts.length === 2 ? " cut" : ways.length ? " weather" : ""}`);
      group.classList.toggle("chosen", chosen.link?.[0] === a && chosen.link?.[1] === b);
      if (ways.length) this.marks.append(...this.linkMarks(this.at[a], this.at[b], ways, cuts));
    }
  }

  linkMarks(from, to, ways, cuts) {
    const [x, y] = [(from.x + to.x) / 2, (from.y + to.y) / 2];
    const words = [
      cuts.length === 1 ? `${name(cuts[0].src)}→${name(cuts[0].dst)} cut` : "",
      ...new Set(ways.map((way) => way.weather)),
    ].filter(Boolean).join(", ");
    const cross = cuts.length ? svg("path", { class: "cut-mark", d: `M${x - 6} ${y - 6} L${x + 6} ${y + 6} M${x + 6} ${y - 6} L${x - 6} ${y + 6}` }) : null;
    return [cross, words ? svg("text", { class: "link-words", x, y: y - 11 }, words) : null].filter(Boolean);
  }

  /** Ops beside the nodes that they ask: those that wait, and those that have just been answered. */
  showAsks(moment, ops) {
    this.asks.replaceChildren();
    const byNode = new Map();
    for (const op of ops) byNode.set(op.node, [...(byNode.get(op.node) ?? []), op]);
    for (const [node, some] of byNode) {
      const at = this.at[node];
      if (!at) continue;
      const [dx, dy] = [at.x - this.centre.x, at.y - this.centre.y];
      const side = Math.abs(dx) < 30 ? 1 : Math.sign(dx);
      some.slice(-3).forEach((op, place) => {
        const words = `c${op.process} ${opWords(op)}${op.end === null ? " …" : op.type === 1 ? " ✓" : op.type === 2 ? " refused" : " ?"}`.slice(0, 30);
        const width = words.length * 6.7 + 14;
        let x = at.x + side * (this.r + 18) - (side < 0 ? width : 0);
        let y = at.y + (dy < 0 ? -10 : 10) + (place - (Math.min(3, some.length) - 1) / 2) * 25 - 10;
        if (x < TOOLS && y < TOOLS && side < 0) [x, y] = [at.x - width / 2, at.y + this.r + 10 + 25 * place];
        const kind = op.end === null ? "" : ["", "ok", "fail", "info"][op.type];
        this.asks.append(svg("g", { class: `ask ${kind}` },
          y > at.y + this.r ? null : svg("path", { d: `M${at.x + side * this.r} ${at.y} L${side < 0 ? x + width : x} ${y + 10}` }),
          svg("rect", { x, y, width, height: 20, rx: 6 }), svg("text", { x: x + 7, y: y + 14 }, words)));
      });
    }
  }

  /** What was done by hand and comes in a moment. */
  showPending(pending) {
    for (const input of pending) {
      for (const node of input.nodes ?? []) {
        this.marks.append(svg("text", { class: "pending", x: this.at[node].x, y: this.at[node].y + this.r + 26 }, `soon: ${input.words}`));
      }
    }
  }

  // --- messages --------------------------------------------------------------------------------------

  path(src, dst) {
    const [from, to] = [this.at[src], this.at[dst]];
    const [dx, dy] = [to.x - from.x, to.y - from.y];
    const length = Math.hypot(dx, dy) || 1;
    const [ux, uy] = [dx / length, dy / length];
    const aside = 6; // what goes the other way keeps to its own side
    return (share) => {
      const along = this.r + (length - 2 * this.r) * share;
      return { x: from.x + ux * along - uy * aside, y: from.y + uy * along + ux * aside };
    };
  }

  place(flight, time) {
    const share = clamp((time - flight.sent_ns) / Math.max(1, flight.due_ns - flight.sent_ns), 0, 1);
    if (flight.src === flight.dst) {
      const angle = -Math.PI / 4 + share * 1.2;
      return { x: this.at[flight.src].x + (this.r + 9) * Math.cos(angle), y: this.at[flight.src].y + (this.r + 9) * Math.sin(angle) };
    }
    return this.path(flight.src, flight.dst)(flight.doomed ? Math.min(share, 0.5) : share);
  }

  fly(moment, time) {
    const labels = moment.flights.length <= 14;
    const there = new Set();
    for (const flight of moment.flights) {
      there.add(flight.id);
      let group = this.mails.get(flight.id);
      if (!group) {
        group = this.letter(flight, flight.double ? "double" : flight.src === flight.dst ? "own" : "");
        this.mails.set(flight.id, group);
        this.mail.append(group);
      }
      const { x, y } = this.place(flight, time), before = this.place(flight, time - (flight.due_ns - flight.sent_ns) * 0.09);
      group.setAttribute("transform", `translate(${x.toFixed(1)} ${y.toFixed(1)})`);
      group.firstElementChild.setAttribute("x2", (before.x - x).toFixed(1));
      group.firstElementChild.setAttribute("y2", (before.y - y).toFixed(1));
      group.lastElementChild.setAttribute("visibility", labels && flight.src !== flight.dst ? "inherit" : "hidden");
    }
    for (const [id, group] of this.mails) {
      if (!there.has(id)) { group.remove(); this.mails.delete(id); }
    }
  }

  letter(flight, kind) {
    const colour = colourOf(this.about.messages, flight.name);
    return svg("g", { class: `mail ${kind}` }, svg("line", { class: "tail", style: `stroke:${colour}` }),
      svg("circle", { class: "dot", r: flight.src === flight.dst ? 4 : 7, style: kind ? "" : `fill:${colour}` }),
      svg("title", {}, `${name(flight.src)}→${name(flight.dst)} ${flight.name} ${flight.words}${flight.double ? " (the same once more)" : ""}`),
      svg("text", { y: -11 }, flight.name));
  }

  /** What has just happened: nodes that it touched light up, what did not arrive falls. */
  happen(events) {
    for (const event of events.slice(-40)) {
      const group = this.nodes.children[event.node];
      if (["lost", "cut", "to dead"].includes(event.kind)) this.fall(event);
      else if (group && !calm()) {
        group.classList.remove("touched");
        void group.getBoundingClientRect();
        group.classList.add("touched");
      }
    }
  }

  fall(event) {
    if (calm() || this.falling.children.length > 40) return;
    const path = this.path(event.src, event.node);
    const ends = { lost: 0.4, cut: 0.5, "to dead": 1 }[event.kind];
    const group = this.letter({ ...event, dst: event.node }, "lost");
    group.append(svg("path", { class: "cut-mark", d: "M-4 -4 L4 4 M4 -4 L-4 4", style: "stroke:var(--bad);stroke-width:2" }));
    this.falling.append(group);
    const began = performance.now();
    const tick = (at) => {
      const share = (at - began) / FALL_MS;
      if (share >= 1) { group.remove(); return; }
      const way = event.kind === "lost" ? Math.min(1, share / 0.4) * ends : ends;
      const drop = event.kind === "lost" ? Math.max(0, share - 0.4) / 0.6 : share;
      const { x, y } = path(way);
      group.setAttribute("transform", `translate(${x} ${y + 90 * drop * drop})`);
      group.setAttribute("opacity", String(1 - drop));
      requestAnimationFrame(tick);
    };
    requestAnimationFrame(tick);
  }
}

/** What the shapes and colours mean. */
export function legend(about) {
  const sample = (...shapes) => svg("svg", { width: 60, height: 26, viewBox: "0 0 60 26", "aria-hidden": "true" }, ...shapes);
  const node = (kind) => sample(svg("g", { class: `node ${kind}`, transform: "translate(30 13)" }, svg("circle", { class: "body", r: 10 })));
  const bar = (kind) => sample(svg("g", {}, svg("rect", { class: `bar ${kind}`, x: 4, y: 7, width: 52, height: 12, rx: 3 })));
  const mail = (kind, colour) => sample(svg("g", { class: `mail ${kind}`, transform: "translate(30 13)" },
    svg("circle", { class: "dot", r: 6.5, style: colour ? `fill:${colour}` : "" }),
    kind === "lost" ? svg("path", { class: "cut-mark", style: "stroke:var(--panel);stroke-width:2", d: "M-3 -3 L3 3 M3 -3 L-3 3" }) : null));
  const link = (kind) => sample(svg("line", { class: `link ${kind}`, x1: 2, x2: 58, y1: 13, y2: 13 }));
  const rows = [
    [node("leader"), "a node that leads"], [node(""), "a node that is up"], [node("paused"), "paused: it stands still, what comes waits"],
    [node("down"), "down: only its disk is left"],
    ...about.messages.map((message) => [mail("", colourOf(about.messages, message)), `message ${message}`]),
    [mail("double"), "the same message once more"], [mail("lost"), "a message that does not arrive"],
    [link("cut"), "a link that is cut"], [link("weather"), "a link that is slow, lossy, or cut one way"],
  ];
  const ops = [[bar(""), "an op, from asked to answered"], [bar("open"), "still waits for an answer"], [bar("fail"), "refused: it has not happened"],
    [bar("info"), "nobody knows whether it happened"], [bar("against"), "an op that contradicts others"]];
  const list = (pairs, attributes = {}) => el("dl", attributes, ...pairs.flatMap(([shape, words]) => [el("dt", {}, shape), el("dd", {}, words)]));
  return [el("h3", {}, "The cluster"), list(rows), el("h3", {}, "The history"), list(ops, { class: "bars" })];
}
