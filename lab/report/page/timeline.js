// The timeline of a run: strips of flows and rows of events under one axis.

const keysHelp = 'Arrow keys go from event to event and from row to row, plus and minus zoom, shift and arrows pan, 0 shows all, O goes to the next outage, Z counts time from the event, Enter zooms in on the event.';
const listed = 200; // rows of the table below

function el(tag, attributes = {}, ...children) {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(attributes)) {
    if (k.startsWith('on')) e.addEventListener(k.slice(2), v); else if (v !== false) e.setAttribute(k, v === true ? '' : v);
  }
  e.append(...children);
  return e;
}

class Timeline {
  constructor(section, run) {
    Object.assign(this, { section, run, off: new Set(), chosen: null, zero: 0, zeroName: 'the start of the run', c: colours() });
    this.view = new View(run.end, () => this.later());
    this.faults = faultWindows(run.events);
    this.groups = groupRows(run);
    if (run.flows.length) this.off.add('probe');
    this.build();
    this.resize();
  }

  build() {
    const button = (text, label, act) => el('button', { type: 'button', 'aria-label': label, title: label, onclick: act }, text);
    this.chips = el('div', { class: 'chips', role: 'group', 'aria-label': 'Lanes' }, ...this.groups.map(group => el('button', {
      type: 'button', class: 'chip', 'data-lane': group.lane, 'aria-pressed': String(!this.off.has(group.lane)), onclick: e => this.toggle(group.lane, e.currentTarget),
    }, group.name, el('span', { class: 'unit' }, ' ' + countOf(group)))));
    this.where = el('output', { class: 'where unit' });
    const tools = el('div', { class: 'tools' }, el('div', { class: 'zoom', role: 'group', 'aria-label': 'Zoom' },
      button('−', 'Zoom out', () => this.view.zoom(2)), button('+', 'Zoom in', () => this.view.zoom(0.5, this.chosen ? this.chosen.item.at : undefined)),
      button('◂', 'Earlier', () => this.view.pan(-0.5)), button('▸', 'Later', () => this.view.pan(0.5)),
      button('All', 'Show the whole run', () => this.all()), button('Next outage', 'Go to the next outage', () => this.nextOutage())), this.where);
    this.overview = el('canvas', { class: 'overview', 'aria-hidden': 'true' });
    this.axis = el('canvas', { class: 'axis', 'aria-hidden': 'true' });
    this.canvas = el('canvas', { 'aria-hidden': 'true' });
    this.labels = el('div', { class: 'labels' });
    this.tip = el('div', { class: 'tip', hidden: true });
    this.live = el('p', { class: 'away', 'aria-live': 'polite' });
    const help = 'help-' + this.section.dataset.run;
    this.plot = el('div', { class: 'plot', tabindex: '0', role: 'application', 'aria-label': 'Timeline of events and flows', 'aria-describedby': help }, this.canvas);
    this.list = el('tbody');
    this.listed = el('h3');
    this.section.append(this.chips, tools,
      el('div', { class: 'chart' }, el('div', { class: 'sticky' }, this.overview, this.axis), el('div', { class: 'body' }, this.labels, this.plot, this.tip)),
      el('p', { class: 'unit keys', id: help }, keysHelp), legend(), this.live,
      el('div', { class: 'listing' }, this.listed, el('div', { class: 'scroll', tabindex: '0', role: 'region', 'aria-label': 'Events in view' }, el('table', {}, el('thead', {}, el('tr', {}, ...['Time', 'Of day', 'Lane', 'Subject', 'Event'].map(t => el('th', { scope: 'col' }, t)))), this.list))));
    gestures(this.plot, this.view, x => this.at(x), e => this.tap(e));
    this.plot.addEventListener('pointermove', e => this.hover(e));
    this.plot.addEventListener('pointerleave', () => this.hover(null));
    this.plot.addEventListener('keydown', e => this.key(e));
    this.plot.addEventListener('blur', () => { this.tip.hidden = true; });
    this.brush();
    new ResizeObserver(() => this.resize()).observe(this.section);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => { this.c = colours(); this.later(); });
    for (const b of document.querySelectorAll(`#run-${this.section.dataset.run} button.show`)) b.addEventListener('click', () => this.showCheck(+b.dataset.check));
  }

  // brush moves the view by clicks and drags in the overview.
  brush() {
    const go = e => {
      const box = this.overview.getBoundingClientRect(), f = this.view.full;
      const at = f.from + (e.clientX - box.left) / box.width * (f.until - f.from);
      this.view.set(at - this.view.length / 2, at + this.view.length / 2);
    };
    this.overview.addEventListener('pointerdown', e => { this.overview.setPointerCapture(e.pointerId); go(e); });
    this.overview.addEventListener('pointermove', e => { if (e.buttons & 1) go(e); });
  }

  toggle(lane, chip) {
    if (!this.off.delete(lane)) this.off.add(lane);
    chip.setAttribute('aria-pressed', String(!this.off.has(lane)));
    if (this.chosen && this.off.has(this.chosen.row.lane)) this.choose(null);
    this.layout();
  }

  all() {
    this.zero = 0;
    this.zeroName = 'the start of the run';
    if (!this.view.fit()) this.later();
  }

  showCheck(number) {
    const c = this.run.checks[number];
    if (!c || !c.known) return;
    this.zero = c.fault ?? c.from;
    this.zeroName = (c.fault === null ? 'the start of ' : 'the fault of ') + c.name;
    this.chosen = null;
    const margin = (c.until - c.from) * 0.03;
    if (!this.view.set(c.from - margin, c.until + margin)) this.later();
    this.section.scrollIntoView({ block: 'start', behavior: matchMedia('(prefers-reduced-motion: reduce)').matches ? 'auto' : 'smooth' });
    this.plot.focus({ preventScroll: true });
  }

  nextOutage() {
    const all = this.rows.filter(r => r.flow).flatMap(row => row.items.map(item => ({ row, item }))).sort((a, b) => a.item.at - b.item.at);
    const from = this.chosen ? this.chosen.item.at : this.view.from;
    const next = all.find(o => o.item.at > from) || all[0];
    if (!next) return this.say('There is no outage.');
    const length = Math.max((next.item.until - next.item.at) * 4, 20);
    if (this.view.length > length * 8 || this.view.length < length) this.view.set(next.item.at - length * 0.4, next.item.at + length * 0.6);
    this.choose(next);
  }

  // layout places the visible rows, with labels beside or, on a narrow page, above the rows.
  layout() {
    const narrow = this.section.clientWidth < 640;
    this.rows = [];
    this.labels.replaceChildren();
    let y = 0;
    for (const group of this.groups) {
      if (this.off.has(group.lane)) continue;
      y += 4;
      const slim = group.rows.length > 6;
      group.rows.forEach((row, i) => {
        const height = !row.flow ? 22 : slim ? 22 : 34, lead = narrow ? 16 : 0;
        const label = el('div', { class: 'label' + (i ? '' : ' first') + (row.flow && !slim ? ' strip' : ''), title: row.title || row.label }, el('span', { class: 'lane' }, i && !narrow ? '' : group.name), el('span', { class: 'subject' }, slim && row.flow ? sibling(row, group.rows[i - 1]) : row.flow ? row.label : shortened(row.label)));
        label.style.top = y + 'px';
        label.style.height = (narrow ? lead : height) + 'px';
        this.labels.append(label);
        this.rows.push(Object.assign(row, { y: y + lead, height }));
        y += lead + height + (!row.flow ? 0 : slim ? 2 : 5);
      });
    }
    this.height = y + 6;
    this.gutter = narrow ? 0 : 228;
    this.labels.classList.toggle('over', narrow);
    this.resize(true);
  }

  resize(laid) {
    const narrow = this.section.clientWidth < 640;
    if (!laid && (this.gutter === undefined || (this.gutter === 0) !== narrow)) return this.layout();
    this.width = Math.max(100, this.section.querySelector('.chart').clientWidth - this.gutter);
    this.section.style.setProperty('--gutter', this.gutter + 'px');
    this.section.querySelector('.body').style.height = this.height + 'px';
    this.draw();
  }

  later() {
    if (this.waiting) return;
    this.waiting = true;
    requestAnimationFrame(() => { this.waiting = false; this.draw(); });
  }

  draw() {
    const step = tickStep(this.view.length, this.width, this.width < 500 ? 70 : 100);
    const g = sized(this.canvas, this.width, this.height), p = new Painter(g, this.view, this.width, this.c);
    p.grid(this.zero, step, this.height, this.faults);
    g.fillStyle = this.c.line;
    for (const row of this.rows) {
      if (row.flow) {
        for (const f of row.flow) p.flow(f, row.y, row.height);
        p.outages(row.items, row.y, row.height); // last, so that no strip covers a label
      }
      if (!row.flow) row.marks = p.events(row.items, row.y, row.height, this.chosen && this.chosen.row === row ? this.chosen.item : null);
      g.fillStyle = this.c.line;
      if (!row.flow) g.fillRect(0, row.y + row.height - 0.5, this.width, 0.5);
    }
    if (this.chosen && this.chosen.row.flow) {
      const { row, item } = this.chosen, a = p.x(item.at);
      p.ring(a - 3, row.y - 2, Math.max(3, p.x(item.until) - a) + 6, row.height + 4);
    }
    new Painter(sized(this.axis, this.width, 24), this.view, this.width, this.c).axis(this.zero, step, 24);
    this.drawOverview();
    this.where.textContent = `${span(this.view.length)} shown, 0 is ${this.zeroName}`;
    clearTimeout(this.listing);
    this.listing = setTimeout(() => this.fillList(), 80);
  }

  drawOverview() {
    const height = 22, g = sized(this.overview, this.width, height), c = this.c, f = this.view.full;
    const x = at => (at - f.from) / (f.until - f.from) * this.width;
    g.fillStyle = c.line;
    g.fillRect(0, height / 2 - 0.5, this.width, 1);
    for (const flow of this.run.flows) {
      if (!flow.sent.length) continue;
      g.fillStyle = c.okmid;
      g.fillRect(x(flow.sent[0]), 7, Math.max(1, x(flow.sent[flow.sent.length - 1]) - x(flow.sent[0])), height - 14);
    }
    g.fillStyle = c.warn;
    for (const w of this.faults) g.fillRect(x(w.from), height - 5, Math.max(2, x(w.until) - x(w.from)), 3);
    g.fillStyle = c.bad;
    for (const flow of this.run.flows) for (const o of flow.outages) g.fillRect(x(o.from), 3, Math.max(2, x(o.until) - x(o.from)), height - 9);
    const a = x(this.view.from), b = Math.max(x(this.view.until), a + 4);
    g.fillStyle = c.accent;
    g.globalAlpha = 0.14;
    g.fillRect(a, 0, b - a, height);
    g.globalAlpha = 1;
    g.strokeStyle = c.accent;
    g.strokeRect(a + 0.5, 0.5, b - a - 1, height - 1);
  }

  at(clientX) {
    const box = this.plot.getBoundingClientRect();
    return this.view.from + (clientX - box.left) / box.width * this.view.length;
  }

  // under finds the items under a pointer: items of a row, or an attempt of a flow.
  under(e) {
    const box = this.plot.getBoundingClientRect(), x = e.clientX - box.left, y = e.clientY - box.top;
    const row = this.rows.find(r => y >= r.y - 2 && y < r.y + r.height + 3);
    if (!row) return null;
    if (!row.flow) {
      const mark = [...row.marks].reverse().find(m => x >= m.x - 8 && x <= m.right + 8 && !m.bar) || row.marks.find(m => m.bar && x >= m.x && x <= m.right);
      return mark && { row, items: mark.events, x: mark.bar ? x : mark.x };
    }
    const at = this.at(e.clientX), slack = 4 / box.width * this.view.length;
    const outage = row.items.find(o => at >= o.at - slack && at <= o.until + slack);
    if (outage) return { row, items: [outage], x };
    for (const f of row.flow) {
      const i = below(f.sent, at - slack);
      if (i < f.sent.length && f.sent[i] <= at + slack) return { row, attempt: { f, i }, x };
    }
    return null;
  }

  hover(e) {
    const hit = e && !this.plot.classList.contains('dragged') && this.under(e);
    this.plot.classList.toggle('hit', !!(hit && hit.items));
    if (hit) return this.showTip(hit.row, hit.x, hit.items ? this.describe(hit.row, hit.items) : this.describeAttempt(hit.attempt));
    if (this.chosen && document.activeElement === this.plot) return this.showChosen();
    this.tip.hidden = true;
  }

  tap(e) {
    this.plot.focus({ preventScroll: true });
    const hit = this.under(e);
    if (!hit || !hit.items) return this.choose(null);
    if (hit.items.length > 1 && this.view.length > 1) {
      const from = hit.items[0].at, until = hit.items[hit.items.length - 1].at, margin = Math.max((until - from) * 0.4, 0.5);
      if (until > from) this.view.set(from - margin, until + margin);
    }
    this.choose({ row: hit.row, item: hit.items[0] });
  }

  choose(what) {
    this.chosen = what;
    if (what) {
      this.view.reveal(what.item.at);
      this.draw();
      this.showChosen();
      this.say(`${what.row.spoken}. ${sentence(what.item)}. ${offset(what.item.at - this.zero, 1)}.`);
    } else {
      this.tip.hidden = true;
      this.later();
    }
  }

  showChosen() {
    const { row, item } = this.chosen, x = (item.at - this.view.from) / this.view.length * this.width;
    this.showTip(row, x, this.describe(row, [item]));
  }

  describe(row, items) {
    const first = items[0], out = [el('p', { class: 'when' }, offset(first.at - this.zero, Math.min(1, this.view.length / 100)) + (first.until > first.at ? ', for ' + span(first.until - first.at) : ''), el('span', { class: 'unit' }, ' ' + timeOfDay(this.run, first.at)))];
    for (const e of items.slice(0, 7)) {
      out.push(el('p', { class: e.kind === 'outage' ? 'outage' : '' }, el('b', {}, e.subject || row.label), ' ' + e.kind, el('br'), e.text || ''));
      if (items.length === 1 && e.fields && e.fields.length) {
        out.push(el('dl', {}, ...e.fields.filter(([, v]) => v !== '').slice(0, 10).flatMap(([k, v]) => [el('dt', {}, k), el('dd', {}, v)])));
      }
    }
    if (items.length > 7) out.push(el('p', { class: 'unit' }, `and ${items.length - 7} more; click to zoom in`));
    return out;
  }

  describeAttempt({ f, i }) {
    const name = f.names[f.who[i]] || '';
    return [el('p', { class: 'when' }, offset(f.sent[i] - this.zero, 0.5), el('span', { class: 'unit' }, ' ' + timeOfDay(this.run, f.sent[i]))),
      el('p', {}, el('b', {}, f.label), el('br'), f.detail), el('p', { class: f.took[i] < 0 ? 'outage' : '' }, f.took[i] < 0 ? 'lost: ' + name.replace(/^!/, '') : `${name}, ${span(f.took[i])}`)];
  }

  showTip(row, x, content) {
    this.tip.replaceChildren(...content);
    this.tip.hidden = false;
    const chart = this.gutter + this.width, wide = this.tip.offsetWidth, left = this.gutter + x + 14;
    this.tip.style.left = Math.max(0, left + wide > chart ? Math.min(this.gutter + x - wide - 14, chart - wide) : left) + 'px';
    const under = row.y + row.height + 6;
    this.tip.style.top = under + 'px';
    const box = this.tip.getBoundingClientRect();
    if (box.bottom > innerHeight && row.y - box.height - 6 > -60) this.tip.style.top = row.y - box.height - 6 + 'px';
  }

  say(text) { this.live.textContent = text; }

  key(e) {
    if (e.ctrlKey || e.metaKey || e.altKey) return;
    const act = {
      ArrowRight: () => e.shiftKey ? this.view.pan(0.25) : this.step(1), ArrowLeft: () => e.shiftKey ? this.view.pan(-0.25) : this.step(-1),
      ArrowDown: () => this.stepRow(1), ArrowUp: () => this.stepRow(-1), Home: () => this.edge(0), End: () => this.edge(-1),
      '+': () => this.zoomKey(0.5), '=': () => this.zoomKey(0.5), '-': () => this.zoomKey(2), 0: () => this.all(),
      o: () => this.nextOutage(), z: () => this.zeroHere(), Enter: () => this.zoomKey(0.2), Escape: () => this.choose(null),
    }[e.key.length === 1 ? e.key.toLowerCase() : e.key];
    if (!act) return;
    e.preventDefault();
    act();
  }

  zoomKey(factor) {
    this.view.zoom(factor, this.chosen ? this.chosen.item.at : undefined);
    if (this.chosen) { this.draw(); this.showChosen(); }
  }

  zeroHere() {
    if (!this.chosen) return;
    this.zero = this.chosen.item.at;
    this.zeroName = sentence(this.chosen.item);
    this.choose(this.chosen);
  }

  step(by) {
    const row = this.chosen ? this.chosen.row : this.rows.find(r => r.items.length);
    if (!row) return;
    const i = this.chosen ? row.items.indexOf(this.chosen.item) + by : Math.min(below(row.items, this.view.from, o => o.at), row.items.length - 1);
    if (row.items[i]) this.choose({ row, item: row.items[i] });
    else this.say(by > 0 ? 'This is the last event.' : 'This is the first event.');
  }

  // stepRow goes to the nearest event of the next row with events.
  stepRow(by) {
    const at = this.chosen ? this.chosen.item.at : this.view.from;
    for (let i = (this.chosen ? this.rows.indexOf(this.chosen.row) : by > 0 ? -1 : this.rows.length) + by; this.rows[i]; i += by) {
      const row = this.rows[i];
      if (!row.items.length) continue;
      const n = below(row.items, at, o => o.at), near = [row.items[n - 1], row.items[n]].filter(Boolean).sort((a, b) => Math.abs(a.at - at) - Math.abs(b.at - at))[0];
      return this.choose({ row, item: near });
    }
  }

  edge(which) {
    const row = this.chosen ? this.chosen.row : this.rows.find(r => r.items.length);
    if (row) this.choose({ row, item: row.items.at(which) });
  }

  fillList() {
    const shown = this.run.events.slice(below(this.run.events, this.view.from, e => e.at), below(this.run.events, this.view.until, e => e.at)).filter(e => !this.off.has(e.lane));
    this.listed.textContent = shown.length > listed ? `The first ${listed} of ${group(shown.length)} events in view` : `${group(shown.length)} event${shown.length === 1 ? '' : 's'} in view`;
    this.list.replaceChildren(...shown.slice(0, listed).map(e => el('tr', {}, el('td', {}, el('button', { type: 'button', class: 'goto', onclick: () => this.go(e) }, offset(e.at - this.zero, 1))),
      el('td', { class: 'unit' }, timeOfDay(this.run, e.at)), el('td', {}, laneNames[e.lane] || e.lane), el('td', {}, e.subject), el('td', {}, el('span', { class: 'kind' }, e.kind), ' ' + (e.text || '')))));
  }

  go(e) {
    const row = this.rows.find(r => r.items.includes(e));
    if (!row) return;
    this.plot.focus({ preventScroll: true });
    this.section.scrollIntoView({ block: 'start' });
    this.choose({ row, item: e });
  }
}

function sentence(item) { return [item.subject, item.kind, item.text].filter(Boolean).join(' '); }

function legend() {
  const item = (kind, text) => el('li', {}, el('i', { class: kind }), text);
  return el('ul', { class: 'legend' }, item('answered', 'answered; the higher, the slower'), item('outage', 'outage'), item('stall', 'the prober itself stood still'), item('good', 'gained'), item('bad', 'lost'), item('plain', 'other'), item('many', 'several close together'), item('fault', 'fault in force'));
}

for (const section of document.querySelectorAll('section.timeline')) {
  const run = unpack(JSON.parse(document.getElementById('data-' + section.dataset.run).textContent));
  section.timeline = new Timeline(section, run);
}
document.documentElement.dataset.ready = String(Math.round(performance.now()));
