// What stands at the side: the nodes' cards, the events, and the dialogs.

import { byId, el, eventWords, ms, name } from "./dom.js";

// --- nodes ---------------------------------------------------------------------------------------------

const HIDDEN = "…";

/** The cards of a moment; `initial` are the fields at the beginning, so that what never changed is not shown. */
export class Cards {
  constructor(root, onChoose, onWhole) {
    Object.assign(this, { root, onChoose, onWhole, before: [], open: new Set() });
  }

  show(moment, initial, chosen) {
    this.root.replaceChildren(...moment.nodes.map((node, i) => this.card(node, initial?.[i], this.before[i], chosen)));
    this.before = moment.nodes;
  }

  card(node, initial, before, chosen) {
    const lines = [];
    const line = (label, value, old, wrap) => lines.push(el("dt", { title: label }, label),
      el("dd", { class: `${wrap ? "wrap" : ""}${old !== undefined && JSON.stringify(old) !== JSON.stringify(value) ? " new" : ""}` }, ...[].concat(this.value(label, value))));
    if (node.ballot) line(node.ballot[0], node.ballot[1], before?.ballot?.[1]);
    if (node.log) {
      line("log", node.log.marks || "empty", before?.log?.marks);
      if (node.log.entries.length) line("", { slots: node.log.entries }, before?.log && { slots: before.log.entries }, true);
    }
    if (node.data?.length) line("data", { pairs: node.data, old: before?.data }, undefined, true);
    const fields = Object.entries(node.fields).filter(([field, value]) => initial && initial.fields[field] !== value);
    if (!lines.length) for (const [field, value] of fields.splice(0, 5)) line(field, value, before?.fields[field]);
    const more = el("details", { open: this.open.has(node.id), ontoggle: (e) => this.open[e.target.open ? "add" : "delete"](node.id) },
      el("summary", {}, `${fields.length ? `${fields.length} more that changed, ` : ""}timers, disk`),
      el("dl", {}, ...fields.flatMap(([field, value]) => [el("dt", { title: field }, field),
        el("dd", { class: before && before.fields[field] !== value ? "new" : "", title: value }, value)]),
      ...Object.entries(node.timers).flatMap(([timer, due]) => [el("dt", {}, `⏲ ${timer}`), el("dd", {}, `due at ${ms(due, 1)} ms`)]),
      el("dt", {}, "disk"), el("dd", {}, `${node.durable} keys, incarnation ${node.incarnation}`)),
      el("button", { type: "button", onclick: () => this.onWhole(node.id) }, "The whole state"));
    const role = !node.up ? (node.damaged ? "down, its disk is damaged" : "down") : node.paused ? `paused, ${node.waiting} wait` : node.role || "up";
    return el("article", { class: `card${node.up && node.role === "leader" ? " leader" : ""}${node.up ? "" : " down"}${chosen.nodes.includes(node.id) ? " chosen" : ""}`, "data-card": node.id, "aria-label": name(node.id) },
      el("header", {}, el("button", { type: "button", onclick: (e) => this.onChoose({ node: node.id }, e) }, el("b", {}, name(node.id))), el("span", { class: "role" }, role)),
      node.up ? el("dl", {}, ...lines) : null, node.up ? more : null);
  }

  value(label, value) {
    if (value?.slots) return value.slots.map(([slot, words]) => el("span", { class: "slot", title: words }, el("b", {}, slot), ` ${words}`));
    const known = new Map(value?.old ?? value?.pairs ?? []);
    if (value?.pairs) return value.pairs.map(([key, words]) => el("span", { class: `value${known.get(key) === words ? "" : " new"}` }, el("b", {}, key), key === HIDDEN ? ` ${words}` : `=${words}`));
    return value;
  }
}

// --- events --------------------------------------------------------------------------------------------

const AROUND = 70;

export function showEvents(root, player) {
  const items = [];
  const first = Math.max(0, player.step - AROUND);
  for (let step = first; step <= player.step + 12; step++) {
    const moment = player.moments.get(step);
    if (!moment || (step > player.step && step > player.furthest)) continue;
    const what = moment.events.length ? moment.events.map((event) => el("div", { class: `what ${event.kind.replaceAll(" ", "-")}`, title: eventWords(event) }, eventWords(event)))
      : [el("div", { class: "what timer" }, step === 0 ? "the nodes have started" : moment.over ? "it is over" : "time passes")];
    items.push(el("li", { class: step === player.step ? "here" : "", style: step > player.step ? "opacity:.5" : "", "data-step": step,
      "aria-current": step === player.step ? "step" : null, onclick: () => player.goTo(step) }, el("time", {}, ms(moment.time_ns)), el("div", {}, ...what)));
  }
  root.replaceChildren(...items);
  const here = root.querySelector(".here");
  if (here) root.scrollTop = here.offsetTop - root.offsetTop - root.clientHeight * 0.7;
}

// --- dialogs -------------------------------------------------------------------------------------------

export function dialog(title, ...content) {
  byId("dialog-title").textContent = title;
  byId("dialog-body").replaceChildren(...content);
  if (!byId("dialog").open) byId("dialog").showModal();
}

export const KEYS = [
  ["space", "run, or pause"], ["→  ←", "one event on, one back"], ["shift → ←", "ten of them"], ["n", "on to what next happens to a client"],
  ["Home", "to the beginning"], ["1 … 9", "choose a node; with shift also another"], ["Esc", "choose nothing"],
  ["k", "kill or restart the chosen nodes"], ["p", "pause or resume them"], ["c", "cut them off, or the chosen link; mend it"],
  ["l", "have the chosen node lead, where leaders hand over"], ["o", "ask the chosen node something"], ["e", "the clients stop, all is healed, final reads"], ["s", "save it as a run"], ["t", "dark or light"], ["?", "this"],
];

export function help(player) {
  dialog("Keys", el("table", {}, ...KEYS.map(([key, words]) => el("tr", {}, el("td", {}, el("kbd", {}, key)), el("td", {}, words)))),
    el("p", {}, "What you do happens at the next whole millisecond of virtual time; going back before it and doing something else forgets it."),
    el("h3", {}, "The trial so far"), el("pre", {}, player.command));
}
