// Where we stand: the moments that the server told, the event that is shown, and the virtual time that runs on from it.

import { get, post } from "./api.js";
import { calm, clamp } from "./dom.js";

export const SPEEDS = [1, 4, 10, 25, 100, 500, 2500]; // virtual ms in a second
const AHEAD = 40;
const LONGEST_MS = { flights: 1400, idle: 420, step: 320 }; // of a gap between two events, in real time

export class Player extends EventTarget {
  constructor() {
    super();
    this.moments = new Map();
    this.rows = [];
    this.rowsFrom = 0;
    this.step = 0;
    this.time = 0;
    this.speed = SPEEDS[2];
    this.running = false;
    this.stopAfter = null; // pause when this says so of a moment
    this.frame = null;
    this.passed = []; // the events since we last told of some
    this.changing = Promise.resolve(); // over when all that was done has been answered
    this.furthest = 0; // of the moments that are known
    this.visited = 0; // of those where we stood
  }

  get now() { return this.moments.get(this.step); }
  get next() { return this.moments.get(this.step + 1); }
  get atEnd() { return this.last !== null && this.step >= this.last; }

  say(kind, detail) {
    if (kind === "event") this.told = this.step; this.dispatchEvent(new CustomEvent(kind, { detail })); }

  // --- what the server tells -------------------------------------------------------------------------

  /** The trial is another from this moment on: what we knew of later ones is void. */
  take(told, anew) {
    if (anew) {
      this.version = told.version;
      this.inputs = told.inputs;
      this.command = told.command;
      this.timeMs = told.time_ms;
      this.visited = told.moments[0].step;
      for (const step of [...this.moments.keys()]) if (step >= told.moments[0].step) this.moments.delete(step);
      this.rows = this.rows.slice(0, Math.max(0, told.moments[0].rows - this.rowsFrom));
    }
    for (const moment of told.moments) this.moments.set(moment.step, moment);
    this.last = told.last;
    this.takeRows(told.rows);
    this.furthest = Math.max(anew ? told.moments[0].step : this.furthest, ...told.moments.map((m) => m.step));
  }

  takeRows({ from, rows }) {
    const held = this.rows.filter((row) => row.row < from);
    const joined = this.rows.length && (held.length === 0 ? from <= this.rowsFrom : true);
    this.rows = joined || !this.rows.length ? [...held, ...rows] : rows;
    this.rowsFrom = this.rows.length ? this.rows[0].row : from;
    this.haveRows = Math.max(from, ...rows.map((row) => row.row + 1), 0);
  }

  /** An answer about the trial as it is; null: we have changed it meanwhile, so this one is void. */
  async read(path, query) {
    const version = this.version;
    const told = await get(path, { version, ...query });
    await this.changing; // what we did may have overtaken the question
    if (version !== this.version) return null;
    if (told.outdated) throw new Error("the session was changed from another page: load it again");
    return told;
  }

  /** Moments from here on; whether they are known then. */
  async fetch(from, count) {
    const anew = !this.moments.has(from - 1) && !this.moments.has(from);
    const told = await this.read("moments", { from, count, have: anew ? null : this.haveRows });
    if (told) this.take(told, false);
    return told !== null;
  }

  /** The moments from here on that are not known yet, so that running does not wait for them. */
  async lookAhead() {
    if (this.asking) return this.asking;
    let from = this.step + 1;
    while (this.moments.has(from) && from < this.step + AHEAD / 2) from += 1;
    if (this.moments.has(from) || (this.last !== null && from > this.last)) return undefined;
    this.asking = this.fetch(from, AHEAD).finally(() => { this.asking = null; });
    return this.asking;
  }

  /** What is done at once is done one after the other: each of them changes what the next is done to. */
  act(act) {
    this.pause();
    const done = this.changing.then(() => this.perform(act));
    this.changing = done.catch(() => {}); // whoever did it is told
    return done;
  }

  async perform(act) {
    const told = await post("act", { version: this.version, step: this.step, act });
    this.take(told, true);
    this.stand(told.moments[0].step);
    this.say("changed");
  }

  // --- where we stand --------------------------------------------------------------------------------

  /** Be at an event at once, without what lies between. */
  stand(step) {
    this.step = step;
    this.time = this.now.time_ns;
    this.visited = Math.max(this.visited, step);
    this.say("event", {});
    this.say("time");
  }

  async goTo(step) {
    this.pause();
    const wanted = clamp(step, 0, this.last ?? Infinity);
    if (!this.moments.has(wanted)) while (!(await this.fetch(wanted, 1)));
    this.stand(this.moments.has(wanted) ? wanted : this.last);
  }

  async stepOn() {
    if (this.running && this.single) this.land();
    else this.pause();
    if (this.atEnd) { this.say("waits"); return; }
    if (!this.next) await this.lookAhead();
    if (!this.next) { this.say("waits"); this.say("event", {}); return; }
    if (calm()) { this.stand(this.step + 1); return; }
    this.single = true;
    this.run(() => true);
  }

  async stepBack(by = 1) {
    const from = this.step;
    this.pause();
    await this.goTo(Math.max(0, from - by));
  }

  // --- running ---------------------------------------------------------------------------------------

  run(stopAfter = null) {
    this.stopAfter = stopAfter;
    if (this.atEnd) { this.say("waits"); return; }
    if (this.running) return;
    this.running = true;
    this.before = performance.now();
    this.say("running");
    const tick = (at) => {
      if (!this.running) return;
      this.move(at - this.before);
      this.before = at;
      this.frame = requestAnimationFrame(tick);
    };
    this.frame = requestAnimationFrame(tick);
  }

  pause() {
    if (!this.running) return;
    cancelAnimationFrame(this.frame);
    this.running = this.single = false;
    this.stopAfter = null;
    this.say("running");
  }

  /** The end of the step that is under way. */
  land() {
    this.pause();
    if (this.next) {
      this.reach();
      this.tell();
    }
  }

  move(realMs) {
    let left = clamp(realMs, 0, 100);
    this.lookAhead().catch((error) => { this.pause(); this.say("trouble", error); });
    while (left > 0 && this.running) {
      const { now, next } = this;
      if (!next) {
        if (this.atEnd) { this.pause(); this.say("waits"); }
        break;
      }
      const gap = next.time_ns - now.time_ns;
      const most = this.single ? LONGEST_MS.step : now.flights.length ? LONGEST_MS.flights : LONGEST_MS.idle;
      const whole = Math.min(gap / (this.speed * 1e3), most);
      const done = gap ? ((this.time - now.time_ns) / gap) * whole : whole;
      if (done + left < whole) {
        this.time = now.time_ns + (gap * (done + left)) / whole;
        left = 0;
      } else {
        left -= Math.max(0, whole - done);
        this.reach();
      }
    }
    this.tell();
  }

  /** The next event happens. */
  reach() {
    this.step += 1;
    this.visited = Math.max(this.visited, this.step);
    this.time = this.now.time_ns;
    this.passed.push(this.now.events);
    if (this.stopAfter?.(this.now)) this.pause();
  }

  /** Tell once of all the events that were passed. */
  tell() {
    const passed = this.passed.splice(0);
    if (this.told !== this.step) this.say("event", { passed: passed.flat() });
    this.say("time");
  }
}

