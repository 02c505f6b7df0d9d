// Drawing: rows of marks on one canvas. Colours are the page's own, read from its style.

function colours() {
  const style = getComputedStyle(document.documentElement), of = name => style.getPropertyValue('--' + name).trim();
  const c = {};
  for (const name of ['bg', 'panel', 'ink', 'ink2', 'line', 'line2', 'ok', 'oksoft', 'okmid', 'bad', 'badsoft', 'warn', 'warnsoft', 'accent', 'who1', 'who2', 'who3', 'who4']) c[name] = of(name);
  c.font = style.fontFamily;
  return c;
}

// sized fits a canvas to its place on the page and the screen's pixels.
function sized(canvas, width, height) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = width + 'px';
  canvas.style.height = height + 'px';
  const g = canvas.getContext('2d');
  g.setTransform(ratio, 0, 0, ratio, 0, 0);
  return g;
}

class Painter {
  constructor(g, view, width, c) {
    Object.assign(this, { g, view, width, c });
  }

  x(at) { return (at - this.view.from) / this.view.length * this.width; }

  // grid draws the steps of the axis and the windows of faults, through all rows.
  grid(zero, step, height, faults) {
    const { g, c } = this;
    for (const f of faults) {
      const a = this.x(f.from), b = Math.max(this.x(f.until), a + 1);
      if (b < 0 || a > this.width) continue;
      g.fillStyle = c.warnsoft;
      g.fillRect(a, 0, b - a, height);
      g.fillStyle = c.warn;
      g.fillRect(Math.round(a), 0, 1, height);
    }
    g.fillStyle = c.line;
    for (let t = Math.ceil((this.view.from - zero) / step) * step + zero; t < this.view.until; t += step) g.fillRect(Math.round(this.x(t)), 0, 1, height);
  }

  axis(zero, step, height) {
    const { g, c } = this;
    g.font = '11px ' + c.font;
    g.textBaseline = 'middle';
    for (let t = Math.ceil((this.view.from - zero) / step) * step + zero; t < this.view.until; t += step) {
      const x = this.x(t), text = Math.abs(t - zero) < step / 1e6 ? '0' : offset(t - zero, step), half = g.measureText(text).width / 2;
      g.fillStyle = c.line2;
      g.fillRect(Math.round(x), height - 5, 1, 5);
      if (x - half < 0 || x + half > this.width) continue;
      g.fillStyle = text === '0' ? c.ink : c.ink2;
      g.textAlign = 'center';
      g.fillText(text, x, height / 2 - 2);
    }
  }

  // flow draws a strip: the height of a bar is the logarithm of the answer's time; the line below shows the answering pod.
  flow(f, y, height) {
    const { g, c, view } = this;
    const first = Math.max(0, below(f.sent, view.from) - 1), last = Math.min(f.sent.length, below(f.sent, view.until) + 1);
    const each = f.interval / view.length * this.width, wide = Math.max(1, Math.min(each * 0.7, 6));
    const foot = 3, room = height - foot - 1;
    if (last > first) {
      const a = Math.max(0, this.x(f.sent[first])), b = Math.min(this.width, this.x(f.sent[last - 1]) + Math.max(1, each));
      g.fillStyle = c.oksoft;
      g.fillRect(a, y, Math.max(1, b - a), height);
    }
    const columns = new Float32Array(Math.ceil(this.width) + 1).fill(-2), who = new Int16Array(columns.length).fill(-1);
    for (let i = first; i < last; i++) {
      const column = Math.floor(this.x(f.sent[i]));
      if (column < 0 || column >= columns.length) continue;
      if (f.took[i] > columns[column]) columns[column] = f.took[i];
      if (f.took[i] >= 0) who[column] = f.who[i];
    }
    for (let x = 0; x < columns.length; x++) {
      if (columns[x] < 0) continue;
      const part = Math.min(1, Math.max(0.08, Math.log10(columns[x] / 0.03) / 4)); // 30 µs to 300 ms
      g.fillStyle = c.okmid;
      g.fillRect(x, y + 1 + room * (1 - part), wide, room * part);
      g.fillStyle = c['who' + (who[x] % 4 + 1)];
      g.fillRect(x, y + height - foot, wide > 2 ? wide : 1, foot);
    }
    this.stalls(f, y, height);
  }

  stalls(f, y, height) {
    const { g, c } = this;
    for (const s of f.stalls) {
      const a = this.x(s.from), b = this.x(s.until);
      if (b < 0 || a > this.width || b - a < 3) continue;
      g.save();
      g.beginPath();
      g.rect(a, y, b - a, height);
      g.clip();
      g.fillStyle = c.panel;
      g.fillRect(a, y, b - a, height);
      g.strokeStyle = c.line2;
      g.beginPath();
      for (let x = a - height; x < b; x += 5) { g.moveTo(x, y + height); g.lineTo(x + height, y); }
      g.stroke();
      g.restore();
    }
  }

  // outages draws all outages in full height, even short outages, each with its length if there is room.
  outages(list, y, height) {
    const { g, c } = this;
    let free = -Infinity; // where the last label ended
    g.font = '600 11px ' + c.font;
    g.textBaseline = 'middle';
    list.forEach((o, i) => {
      const a = this.x(o.from), b = Math.max(this.x(o.until), a + (o.lost > 1 ? 3 : 2));
      if (b < 0 || a > this.width) return;
      g.fillStyle = c.bad;
      g.fillRect(a, y, b - a, height);
      const text = (o.openStart || o.openEnd ? '≥ ' : '') + span(o.until - o.from), wide = g.measureText(text).width;
      if (o.lost < 2 && this.view.length > 2000) return;
      const left = Math.max(a, 0), right = Math.min(b, this.width);
      if (right - left > wide + 10) {
        g.fillStyle = c.panel;
        g.textAlign = 'left';
        g.fillText(text, (left + right - wide) / 2, y + height / 2);
        return;
      }
      const next = list.slice(i + 1).find(n => n.lost > 1), end = b + 4 + wide;
      if (b + 4 < free || end > this.width || next && this.x(next.from) < end + 2) return;
      g.fillStyle = c.panel;
      g.globalAlpha = 0.85;
      g.fillRect(b + 1, y + height / 2 - 8, wide + 6, 16);
      g.globalAlpha = 1;
      g.fillStyle = c.bad;
      g.textAlign = 'left';
      g.fillText(text, b + 4, y + height / 2);
      free = end;
    });
  }

  // events draws a row's marks; marks closer than a mark's width become one mark with a number. events returns the marks' positions.
  events(list, y, height, chosen) {
    const marks = [];
    const first = this.spansBefore(list), last = below(list, this.view.until, e => e.at);
    let mark = null;
    for (let i = first; i < last; i++) {
      const e = list[i], x = this.x(e.at);
      if (this.x(e.until) < -4) continue;
      if (e.until > e.at && this.x(e.until) - x > 9) {
        marks.push({ x: Math.max(0, x), right: Math.min(this.width, this.x(e.until)), events: [e], bar: true });
        continue;
      }
      if (x < -4) continue;
      if (mark && x - mark.x < 6) mark.events.push(e);
      else marks.push(mark = { x, right: x, events: [e] });
    }
    const bars = marks.filter(m => m.bar), points = marks.filter(m => !m.bar);
    for (const m of bars) this.bar(m, y, height);
    points.forEach((m, i) => {
      const room = Math.min(m.x - (i ? points[i - 1].x : -99), (points[i + 1] || { x: 1e9 }).x - m.x);
      this.point(m, y, height, room, m.events.includes(chosen));
    });
    if (chosen) for (const m of bars) if (m.events[0] === chosen) this.ring(m.x - 2, y + 1, m.right - m.x + 4, height - 2);
    return marks;
  }

  // spansBefore is the first event that can reach into the view.
  spansBefore(list) {
    if (list.longest === undefined) list.longest = list.reduce((most, e) => Math.max(most, e.until - e.at), 0);
    return below(list, this.view.from - list.longest - 6 / this.width * this.view.length, e => e.at);
  }

  tone(events) {
    if (events.some(e => e.tone === 'bad')) return this.c.ink;
    if (events.some(e => e.tone === 'good')) return this.c.ok;
    return this.c.ink2;
  }

  bar(m, y, height) {
    const { g, c } = this, e = m.events[0];
    const fill = { fault: c.warn, check: e.kind === 'failed' ? c.bad : e.kind === 'held' ? c.ok : c.ink2, probe: e.kind === 'outage' ? c.bad : c.line2 }[e.lane] || this.tone(m.events);
    g.globalAlpha = 0.22;
    g.fillStyle = fill;
    g.fillRect(m.x, y + 3, m.right - m.x, height - 6);
    g.globalAlpha = 1;
    g.fillRect(m.x, y + 3, 2, height - 6);
    let text = e.lane === 'check' ? e.subject : e.text || e.kind;
    g.font = '11px ' + c.font;
    g.textBaseline = 'middle';
    g.textAlign = 'left';
    g.fillStyle = c.ink;
    if (g.measureText(text).width > m.right - m.x - 10) text = text.replace(/^\w+: /, ''); // failover: kill r1
    const cut = this.cut(text, m.right - m.x - 10);
    if (cut) g.fillText(cut, m.x + 6, y + height / 2 + 0.5);
  }

  // cut shortens a text to the given width, or to '' if the rest would be too short to read.
  cut(text, room) {
    const { g } = this;
    if (g.measureText(text).width <= room) return text;
    let n = Math.floor(room / 6);
    while (n > 3 && g.measureText(text.slice(0, n) + '…').width > room) n--;
    return n > 3 ? text.slice(0, n) + '…' : '';
  }

  // point draws one event as a sign. Several events, or events without room for a sign, are a bar; more events make a higher bar.
  point(m, y, height, room, chosen) {
    const { g, c } = this, mid = y + height / 2;
    if (chosen) this.ring(m.x - 9, mid - 9, 18, 18);
    if (m.events.length > 1 || room < 11) {
      const tall = Math.min(height - 4, 3 + 4 * Math.log2(m.events.length + 1)), one = tall / m.events.length;
      let foot = mid + tall / 2;
      for (const [tone, colour] of [['good', c.ok], ['plain', c.ink2], ['bad', c.ink]]) {
        const part = m.events.filter(e => e.tone === tone).length * one;
        g.fillStyle = colour;
        g.fillRect(Math.round(m.x - 2), foot - part, 4, part);
        foot -= part;
      }
      return;
    }
    g.fillStyle = this.tone(m.events);
    g.beginPath();
    switch (m.events[0].tone) {
      case 'bad': g.moveTo(m.x - 5, mid - 4); g.lineTo(m.x + 5, mid - 4); g.lineTo(m.x, mid + 5); break;
      case 'good': g.moveTo(m.x - 5, mid + 4); g.lineTo(m.x + 5, mid + 4); g.lineTo(m.x, mid - 5); break;
      default: g.arc(m.x, mid, 3.5, 0, 7);
    }
    g.fill();
  }

  box(x, y, w, h, r) {
    this.g.beginPath();
    if (this.g.roundRect) this.g.roundRect(x, y, w, h, r); else this.g.rect(x, y, w, h);
  }

  ring(x, y, w, h) {
    const { g, c } = this;
    g.strokeStyle = c.accent;
    g.lineWidth = 2;
    this.box(x, y, w, h, 5);
    g.stroke();
    g.lineWidth = 1;
  }
}
