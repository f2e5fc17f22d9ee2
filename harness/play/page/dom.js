// Making elements, and words for what the server tells.

const SVG = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return node;
}

export const el = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
export const svg = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
export const byId = (id) => document.getElementById(id);
export const ms = (ns, digits = 3) => (ns / 1e6).toFixed(digits);
export const name = (node) => `n${node + 1}`;
export const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
export const clamp = (value, least, most) => Math.min(most, Math.max(least, value));

export function show(value) {
  return value === null || value === undefined ? "nothing" : typeof value === "string" ? value : JSON.stringify(value);
}

/** An op as its client knows it, in few words. */
export function opWords(op) {
  const key = op.key ? ` ${op.key}` : "";
  if (op.f === "cas" && Array.isArray(op.asked)) return `cas${key} ${show(op.asked[0])}→${show(op.asked[1])}`;
  if (op.asked !== null && op.asked !== undefined) return `${op.f}${key} ${show(op.type === 1 ? op.value : op.asked)}`;
  return op.type === 1 ? `${op.f}${key} = ${show(op.value)}` : `${op.f}${key}`;
}

/** What an event was, in a line. */
export function eventWords(event) {
  const at = event.node >= 0 ? name(event.node) : "";
  switch (event.kind) {
    case "message": return `${name(event.src)}→${at} ${event.name} ${event.words}`;
    case "lost": return `${name(event.src)}→${at} ${event.name} is lost`;
    case "cut": return `${name(event.src)}→${at} ${event.name} stops at the cut`;
    case "to dead": return `${name(event.src)}→${at} ${event.name}: nobody there`;
    case "<- itself": return `${at} to itself: ${event.name} ${event.words}`;
    case "timer": return `${at} timer ${event.name}`;
    case "request": return `${at} is asked ${event.name} ${event.words}`;
    case "reply": return `${at} answers ${event.name} ${event.words}`;
    default: return event.words || event.name;
  }
}
