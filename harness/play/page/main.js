// The page: what happens where somebody clicks or types, and what is drawn when something has changed.

import { get, post } from "./api.js";
import { byId, calm, clamp, el, eventWords, ms, svg } from "./dom.js";
import { History, opsOf } from "./history.js";
import { Cards, dialog, help, showEvents } from "./panel.js";
import { Player, SPEEDS } from "./player.js";
import { Stage, legend } from "./stage.js";
import { Tools } from "./tools.js";

const ANSWERED_FOR_NS = 30e6; // an op stays beside its node so long after its end
const player = new Player();
const tools = new Tools(byId("tools"), byId("faults"), player, attempt);
const choose = (what, event) => tools.choose(what, event);
const stage = new Stage(byId("stage"), choose);
const history = new History(byId("history"), byId("past-scroll"), byId("lanes"));
const cards = new Cards(byId("nodes"), choose, whole);
let initial = null, verdict = null, judged = null, judging = false, toasting = null;

// --- what is drawn -------------------------------------------------------------------------------------

function draw(passed = []) {
  const { now } = player;
  const ops = opsOf(player.rows, now.rows).filter((op) => op.end === null || op.end > now.time_ns - ANSWERED_FOR_NS);
  const pending = tools.mine().filter((input) => input.time_ns > now.time_ns);
  stage.show(now, tools.chosen, ops, pending);
  stage.happen(passed);
  cards.show(now, initial, tools.chosen);
  if (!byId("events").hidden) showEvents(byId("events"), player);
  tools.show();
  history.draw(player.rows, now, judged === key() ? verdict : null);
  drawLine();
  byId("event").value = now.step;
  byId("back").disabled = byId("first").disabled = now.step === 0;
  byId("step").disabled = byId("skip").disabled = player.now.over;
  byId("finish").disabled = now.phase !== "main";
  byId("save").disabled = player.inputs.length === 0;
  byId("stage").dataset.step = now.step;
  byId("stage").setAttribute("aria-label", `Event ${now.step} at ${ms(now.time_ns)} ms: ${now.events.map(eventWords).join("; ")}`);
  window.history.replaceState(null, "", `#event=${now.step}`);
  judge();
}

function drawTime() {
  stage.fly(player.now, player.time);
  const phase = { main: "", heal: "all healed · ", final: "final reads · " }[player.now.phase];
  byId("clock").textContent = player.now.over ? `over · ${ms(player.time)} ms` : `${phase}${ms(player.time)} ms`;
}

function drawLine() {
  const line = byId("line"), width = line.clientWidth || 800;
  const end = Math.max(player.visited, 1);
  const x = (step) => 9 + ((width - 18) * Math.min(step, end)) / end;
  line.setAttribute("viewBox", `0 0 ${width} 26`);
  line.setAttribute("aria-valuemax", end);
  line.setAttribute("aria-valuenow", player.step);
  line.setAttribute("aria-valuetext", `event ${player.step}, ${ms(player.now.time_ns)} ms`);
  line.replaceChildren(
    svg("rect", { class: "rail", x: 9, y: 11, width: width - 18, height: 4, rx: 2 }),
    svg("rect", { class: "done", x: 9, y: 11, width: x(player.step) - 9, height: 4, rx: 2 }),
    ...player.inputs.map((input) => svg("path", { class: `mark ${input.kind}`, d: "M0 9 L-4 1 L4 1 Z", transform: `translate(${x(input.step)} 0)`, opacity: input.step > player.step ? 0.45 : 1 },
      svg("title", {}, `event ${input.step}: ${input.words}`))),
    svg("circle", { class: "head", cx: x(player.step), cy: 13, r: 7 }));
  player.stepAt = (at) => Math.round(clamp((at - 9) / (width - 18), 0, 1) * end);
}

// --- what is wrong -------------------------------------------------------------------------------------

const key = () => `${player.version}/${player.now.rows}`;

async function judge() {
  const wanted = key();
  if (judged === wanted || judging) return;
  judging = true;
  try {
    const told = await player.read("verdict", { step: player.step });
    if (!told) return;
    verdict = told;
    judged = wanted;
    showVerdict();
    if (judged === key()) history.draw(player.rows, player.now, verdict);
  } catch (error) {
    trouble(error);
  } finally {
    judging = false;
    if (judged !== key()) setTimeout(judge, player.running ? 500 : 60);
  }
}

function showVerdict() {
  const { outcome, checks, anomalies } = verdict;
  const words = outcome === "vacuous" ? "nothing to judge yet" : player.now.over ? outcome : `${outcome} so far`;
  Object.assign(byId("verdict"), { textContent: words, className: `badge ${outcome}` });
  const said = checks.find((check) => check.outcome === outcome && check.name !== "stats") ?? checks[0];
  const past = byId("past-words");
  past.textContent = said.summary.includes(said.name) ? said.summary : `${said.name}: ${said.summary}`;
  past.className = outcome;
  byId("edges").replaceChildren(...anomalies.slice(0, 1).flatMap((anomaly) => [
    ...anomaly.edges.map((edge) => el("li", {}, el("b", { class: edge.against ? "" : "along" }, String(edge.number)), edge.sentence)),
    ...anomaly.sentences.slice(anomaly.edges.length).map((sentence) => el("li", {}, sentence))]));
}

function verdicts() {
  if (!verdict) return;
  dialog("What the checks say so far", el("table", {}, ...verdict.checks.map((check) => el("tr", {}, el("td", {}, check.name), el("td", {}, el("span", { class: `badge ${check.outcome}` }, check.outcome)), el("td", {}, check.summary)))));
}

async function whole(node) {
  const { state } = await get("node", { step: player.step, node });
  dialog(`n${node + 1} after event ${player.step}`, el("pre", {}, JSON.stringify(state, null, 1)));
}

// --- what is done --------------------------------------------------------------------------------------

async function attempt(does) {
  try {
    return await does();
  } catch (error) {
    trouble(error);
    return undefined;
  }
}

function trouble(error) { toast(error.message, true); }

function toast(words, bad = false) {
  const place = byId("toast");
  place.textContent = words;
  place.className = `shown${bad ? " bad" : ""}`;
  clearTimeout(toasting);
  toasting = setTimeout(() => { place.className = bad ? "bad" : ""; }, 5000);
}

async function save() {
  if (byId("save").disabled) { toast("Nothing was done by hand: there is nothing to save."); return; }
  toast("Playing it to its end …");
  await player.changing;
  const { path, outcome, reproduce, replay } = await post("save", { version: player.version, step: player.step });
  toast(`Saved: ${path}`);
  dialog("Saved as a run", el("p", {}, el("span", { class: `badge ${outcome}` }, outcome), ` ${path}`), el("h3", {}, "Play it again, byte for byte"),
    el("pre", { id: "replay" }, replay), el("h3", {}, "The same from nothing"), el("pre", { id: "reproduce" }, reproduce),
    el("p", {}, "Also: harness report, harness shrink, and harness replay --trace of it."));
}

const toggle = () => (player.running && !player.single ? player.pause() : (player.pause(), player.run()));

async function skip() {
  const before = player.now.rows;
  const isNews = (moment) => moment.events.some((event) => ["reply", "request", "nemesis"].includes(event.kind)) || moment.rows > before;
  player.pause();
  player.run(isNews);
}

function theme() {
  const next = document.documentElement.dataset.theme === "light" ? "dark" : "light";
  setTheme(next);
  localStorage.setItem("theme", next);
}

function setTheme(to) {
  document.documentElement.dataset.theme = to;
  if (player.about) {
    byId("legend").replaceChildren(...legend(player.about));
    stage.build(player.about);
    stage.fly(player.now, player.time);
  }
}

function setSpeed(place) {
  player.speed = SPEEDS[place];
  byId("speed-words").textContent = `${SPEEDS[place]} ms a second`;
}

function tab(chosen) {
  for (const one of ["nodes", "events", "legend"]) {
    byId(one).hidden = one !== chosen;
    byId(`tab-${one}`).setAttribute("aria-selected", String(one === chosen));
  }
  if (chosen === "events") showEvents(byId("events"), player);
}

const DOES = {
  " ": toggle, n: skip, s: save, t: theme, "?": () => help(player), e: () => player.act({ do: "finish" }),
  k: () => tools.kill(), p: () => tools.pause(), c: () => tools.cut(), l: () => tools.lead(), o: () => tools.focusForm(),
  Home: () => player.goTo(0), Escape: () => tools.choose({}),
};

function typedKey(event) {
  if (event.target.matches("input, select, textarea") || byId("dialog").open || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === " " && event.target.matches("button, summary, [role=button]")) event.preventDefault();
  const node = /^Digit([1-9])$/.exec(event.code);
  const does = event.key === "ArrowRight" ? () => (event.shiftKey ? player.goTo(player.step + 10) : player.stepOn())
    : event.key === "ArrowLeft" ? () => player.stepBack(event.shiftKey ? 10 : 1)
      : node && Number(node[1]) <= player.about.nodes ? () => tools.choose({ node: Number(node[1]) - 1 }, event) : DOES[event.key];
  if (!does) return;
  event.preventDefault();
  attempt(does);
}

function connect() {
  const clicks = {
    first: () => player.goTo(0), back: () => player.stepBack(), run: toggle, step: () => player.stepOn(), skip,
    save, theme, help: () => help(player), verdict: verdicts, finish: () => player.act({ do: "finish" }),
  };
  for (const [id, does] of Object.entries(clicks)) byId(id).addEventListener("click", () => attempt(does));
  for (const one of ["nodes", "events", "legend"]) byId(`tab-${one}`).addEventListener("click", () => tab(one));
  byId("stage").addEventListener("click", () => tools.choose({}));
  byId("speed").addEventListener("input", (event) => setSpeed(Number(event.target.value)));
  byId("event").addEventListener("change", (event) => attempt(() => player.goTo(Number(event.target.value) || 0)));
  document.addEventListener("keydown", typedKey);
  const drag = (event) => attempt(() => player.goTo(player.stepAt(event.clientX - byId("line").getBoundingClientRect().left)));
  byId("line").addEventListener("pointerdown", drag);
  byId("line").addEventListener("pointermove", (event) => event.buttons && drag(event));
  player.addEventListener("event", ({ detail }) => draw(detail.passed));
  player.addEventListener("time", drawTime);
  player.addEventListener("chosen", () => draw());
  player.addEventListener("changed", () => draw());
  player.addEventListener("trouble", ({ detail }) => trouble(detail));
  player.addEventListener("waits", () => { if (!player.now.over) toast("Nothing more happens by itself: ask a node something, break something, or end it."); });
  player.addEventListener("running", () => {
    const running = player.running && !player.single;
    byId("run").querySelector("path").setAttribute("d", running ? "M4 3v10h2.5V3zM9.5 3v10H12V3z" : "M4 2.5v11l9-5.5z");
    byId("run").setAttribute("aria-label", running ? "Pause" : "Run");
  });
}

async function begin() {
  const preferred = localStorage.getItem("theme") ?? (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");
  document.documentElement.dataset.theme = preferred;
  connect();
  setSpeed(Number(byId("speed").value));
  const from = /^#event=(\d+)$/.exec(window.location.hash);
  const about = await get("about", from ? { step: from[1] } : {});
  player.about = about;
  byId("title").textContent = about.protocol;
  byId("subtitle").textContent = `${about.workload} · ${about.nodes} nodes · seed ${about.seed} · ${about.about.split("\n")[0]}`;
  document.title = `${about.protocol} · harness play`;
  initial = about.initial.map((fields) => ({ fields }));
  byId("legend").replaceChildren(...legend(about));
  stage.build(about);
  player.take(about, true);
  player.stand(about.moments[0].step);
  document.body.dataset.ready = calm() ? "calm" : "true";
}

attempt(begin);
