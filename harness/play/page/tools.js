// Faults and ops by mouse: what can be done to what is chosen.

import { el, name } from "./dom.js";

const allOthers = (nodes, chosen) => Array.from({ length: nodes }, (_, i) => i).filter((i) => !chosen.includes(i));
const between = (some, others) => some.flatMap((a) => others.flatMap((b) => [[a, b], [b, a]]));

/** A value as people type it: JSON if it is such, else text. */
export function typed(text) {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  try { return JSON.parse(trimmed); } catch { return trimmed; }
}

export class Tools {
  constructor(root, faults, player, attempt) {
    Object.assign(this, { root, faults, player, attempt });
    this.chosen = { nodes: [], link: null };
    this.serial = 1;
  }

  // --- what is chosen --------------------------------------------------------------------------------

  choose(what, event) {
    const { nodes } = this.chosen;
    if (what.link) this.chosen = { nodes: [], link: what.link };
    else if (what.node === undefined) this.chosen = { nodes: [], link: null };
    else if (event?.shiftKey) this.chosen = { link: null, nodes: nodes.includes(what.node) ? nodes.filter((n) => n !== what.node) : [...nodes, what.node] };
    else this.chosen = { link: null, nodes: nodes.length === 1 && nodes[0] === what.node ? [] : [what.node] };
    this.player.say("chosen");
  }

  /** The faults made by hand that are on, or come soon. */
  mine() {
    return this.player.inputs.filter((input) => input.kind === "break" && input.step <= this.player.step && input.until_ms === null);
  }

  ofNode(node, ...sorts) {
    return this.mine().find((input) => sorts.includes(input.sort) && input.nodes.includes(node));
  }

  ofLinks(links, sort) {
    const wanted = new Set(links.map(String));
    return this.mine().filter((input) => input.sort === sort && input.links.some((link) => wanted.has(String(link))));
  }

  // --- what can be done ------------------------------------------------------------------------------

  act(act) { return this.attempt(() => this.player.act(act)); }

  async each(acts) {
    for (const act of acts) await this.act(act);
  }

  cure(input) { return this.act({ do: "cure", at_ms: input.at_ms, name: input.words }); }

  kill() {
    return this.each(this.chosen.nodes.map((node) => {
      const on = this.ofNode(node, "kill", "loseunsynced");
      return on ? { do: "cure", at_ms: on.at_ms, name: on.words } : { do: "kill", node };
    }));
  }

  pause() {
    return this.each(this.chosen.nodes.map((node) => {
      const on = this.ofNode(node, "pause");
      return on ? { do: "cure", at_ms: on.at_ms, name: on.words } : { do: "pause", node };
    }));
  }

  /** Whoever leads is asked to let the chosen node lead. */
  lead() {
    const [node] = this.chosen.nodes;
    return this.chosen.nodes.length === 1 && this.player.about.hands_over ? this.act({ do: "lead", node }) : undefined;
  }

  links() {
    const { nodes, link } = this.chosen;
    return link ? between([link[0]], [link[1]]) : between(nodes, allOthers(this.player.about.nodes, nodes));
  }

  cut() {
    const links = this.links();
    if (!links.length) return undefined;
    const on = this.ofLinks(links, "cut");
    return on.length ? this.each(on.map((input) => ({ do: "cure", at_ms: input.at_ms, name: input.words }))) : this.act({ do: "cut", links });
  }

  weather(weather, links = this.links()) {
    const on = this.ofLinks(links, "shape");
    return this.each([...on.map((input) => ({ do: "cure", at_ms: input.at_ms, name: input.words })), ...(weather ? [{ do: "shape", links, weather }] : [])]);
  }

  // --- what it looks like ----------------------------------------------------------------------------

  show() {
    const { nodes, link } = this.chosen;
    this.showFaults();
    const key = JSON.stringify([this.chosen, this.mine().length, this.player.now?.phase, this.player.version]);
    if (key === this.shown) return; // typing goes on
    this.shown = key;
    const held = this.typed();
    if (link) this.root.replaceChildren(...this.forLink(link));
    else if (nodes.length > 1) this.root.replaceChildren(...this.forGroup(nodes));
    else if (nodes.length === 1) this.root.replaceChildren(...this.forNode(nodes[0], held));
    else this.root.replaceChildren(el("p", { class: "hint" }, "Click a node or a link to break it or to ask it. Shift-click several nodes to cut them off together. ", el("kbd", {}, "space"), " runs, ", el("kbd", {}, "→"), " steps."));
  }

  title(words) {
    return el("h3", {}, words, el("button", { type: "button", "aria-label": "Choose nothing", onclick: () => this.choose({}) }, "✕"));
  }

  key(words, does, on, title) {
    return el("button", { type: "button", "aria-pressed": on === undefined ? null : String(Boolean(on)), title, onclick: does }, words);
  }

  forNode(node, held) {
    const isDown = this.ofNode(node, "kill", "loseunsynced"), isPaused = this.ofNode(node, "pause");
    const isSlow = this.ofNode(node, "slowdisk"), isFull = this.ofNode(node, "filldisk"), isWrong = this.ofNode(node, "bumpclock"), isCut = this.ofLinks(this.links(), "cut").length;
    const toggle = (on, act) => () => (on ? this.cure(on) : this.act(act));
    return [this.title(name(node)),
      el("div", { class: "keys" },
        this.key(isDown ? "Restart" : "Kill", () => this.kill(), isDown, "kill -9: what was not persisted is gone (k)"),
        this.key(isPaused ? "Resume" : "Pause", () => this.pause(), isPaused, "SIGSTOP: it stands still (p)"),
        this.player.about.hands_over && !isDown ? this.key("Have it lead", () => this.lead(), undefined, "Whoever leads is asked to hand over to it (l)") : null,
        this.key(isCut ? "Mend its links" : "Cut off", () => this.cut(), isCut, "Nothing reaches it, and it reaches nobody (c)"),
        isDown ? null : this.key("Power cut", () => this.act({ do: "lose-unsynced", node }), undefined, "As a kill, and what was not synced is lost"),
        this.key(isSlow ? "Disk as ever" : "Slow disk", toggle(isSlow, { do: "slow-disk", node, ms: 100 }), isSlow, "Each sync takes 100 ms longer"),
        this.key(isFull ? "Space again" : "Full disk", toggle(isFull, { do: "fill-disk", node, left_bytes: 0 }), isFull, "Its next write fails, and it ends by that"),
        this.key(isWrong ? "Clock right" : "Clock +1 s", toggle(isWrong, { do: "bump-clock", node, ms: 1000 }), isWrong, "Its wall clock jumps"),
        this.key("Slow links", () => this.weather({ delay_ms: 40, jitter_ms: 10 }), undefined, "40 ms more to and from it")),
      this.form(node, held)];
  }

  forGroup(nodes) {
    const isCut = this.ofLinks(this.links(), "cut").length;
    return [this.title(nodes.map(name).join(", ")), el("div", { class: "keys" },
      this.key(isCut ? "Mend" : "Cut off together", () => this.cut(), isCut, "No link between these and the others (c)"),
      this.key("Kill / restart", () => this.kill()), this.key("Pause / resume", () => this.pause()))];
  }

  forLink([a, b]) {
    const cut = this.ofLinks(this.links(), "cut"), shaped = this.ofLinks(this.links(), "shape").length;
    return [this.title(`${name(a)} — ${name(b)}`), el("div", { class: "keys" },
      this.key(cut.length ? "Mend" : "Cut", () => this.cut(), cut.length, "Nothing arrives, either way (c)"),
      cut.length ? null : this.key(`Cut ${name(a)}→${name(b)}`, () => this.act({ do: "cut", links: [[a, b]] })),
      cut.length ? null : this.key(`Cut ${name(b)}→${name(a)}`, () => this.act({ do: "cut", links: [[b, a]] })),
      this.key("+40 ms", () => this.weather({ delay_ms: 40, jitter_ms: 10 }), undefined, "Each message takes 30 to 50 ms more"),
      this.key("Lose 1 in 2", () => this.weather({ loss_permille: 500 })), this.key("Double", () => this.weather({ duplicate_permille: 1000 })),
      shaped ? this.key("Clear", () => this.weather(null)) : null)];
  }

  // --- ops -------------------------------------------------------------------------------------------

  typed() {
    const form = this.root.querySelector("form");
    return form ? { f: form.elements.f.value, key: form.elements.key.value } : {};
  }

  form(node, held) {
    const { about } = this.player;
    const f = el("select", { name: "f", "aria-label": "What to ask for" }, ...about.commands.map((command) => el("option", { selected: command === (held.f ?? "write") }, command)));
    const key = el("input", { name: "key", "aria-label": "Key", value: held.key ?? about.keys[0] ?? "", autocomplete: "off" });
    const value = el("input", { name: "value", "aria-label": "Value", autocomplete: "off" });
    const hint = () => {
      value.disabled = f.value === "read";
      value.placeholder = { read: "", write: String(this.serial), cas: "old, new", txn: '[["r","x",null]]' }[f.value] ?? "value";
    };
    f.addEventListener("change", hint);
    hint();
    return el("form", { onsubmit: (event) => { event.preventDefault(); this.ask(node, f.value, key.value, value.value); value.value = ""; hint(); } },
      f, key, value, el("button", { type: "submit", title: `Ask ${name(node)} (Enter)` }, "Ask"));
  }

  ask(node, f, key, text) {
    let value = typed(text);
    if (f === "read") value = null;
    else if (f === "cas" && !Array.isArray(value)) value = text.split(",").map(typed);
    else if (f === "write" && value === null) value = this.serial;
    this.serial += 1;
    return this.act({ do: "ask", f, key, value, node });
  }

  focusForm() { this.root.querySelector("form [name=value]:not(:disabled), form [name=f]")?.focus(); }

  // --- faults that are on ----------------------------------------------------------------------------

  showFaults() {
    const { now } = this.player;
    const mine = this.mine();
    const soon = mine.filter((input) => input.time_ns > now.time_ns);
    const cures = this.player.inputs.filter((input) => input.kind !== "break" && input.step <= this.player.step && input.time_ns > now.time_ns);
    this.faults.replaceChildren(
      ...now.faults.map((fault) => {
        const own = mine.find((input) => input.words === fault.name && input.at_ms === fault.at_ms);
        return el("span", { class: "chip" }, fault.name, own ? el("button", { type: "button", "aria-label": `End ${fault.name}`, onclick: () => this.cure(own) }, "✕") : null);
      }),
      ...soon.map((input) => el("span", { class: "chip soon" }, `at ${input.at_ms} ms: ${input.words}`, el("button", { type: "button", "aria-label": `Forget ${input.words}`, onclick: () => this.cure(input) }, "✕"))),
      ...cures.map((input) => el("span", { class: "chip soon" }, `at ${(input.time_ns / 1e6).toFixed(0)} ms: ${input.words}`)));
  }
}

