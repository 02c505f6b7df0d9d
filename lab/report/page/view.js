// The visible part of the run, and the ways to change this part.

class View {
  constructor(end, changed) {
    this.full = { from: -end * 0.01 - 1, until: end * 1.01 + 1 };
    this.from = this.full.from;
    this.until = this.full.until;
    this.changed = changed;
  }

  get length() { return this.until - this.from; }

  // set shows a span, no shorter than a tenth of a millisecond and within the run.
  set(from, until) {
    let length = Math.min(Math.max(until - from, 0.1), this.full.until - this.full.from);
    from = Math.max(this.full.from, Math.min(from, this.full.until - length));
    if (Math.abs(from - this.from) < 1e-9 && Math.abs(length - this.length) < 1e-9) return false;
    this.from = from;
    this.until = from + length;
    this.changed();
    return true;
  }

  // zoom makes the span factor times as long around an instant; the instant stays in place.
  zoom(factor, around = (this.from + this.until) / 2) {
    const length = Math.min(Math.max(this.length * factor, 0.1), this.full.until - this.full.from);
    const part = (around - this.from) / this.length;
    return this.set(around - part * length, around - part * length + length);
  }

  pan(part) { return this.set(this.from + part * this.length, this.until + part * this.length); }
  fit() { return this.set(this.full.from, this.full.until); }

  // reveal moves as little as needed for an instant to be well inside.
  reveal(at) {
    const margin = this.length * 0.08;
    if (at < this.from + margin) this.set(at - this.length * 0.3, at + this.length * 0.7);
    else if (at > this.until - margin) this.set(at - this.length * 0.7, at + this.length * 0.3);
  }
}

// ticks are round steps for an axis of the given width in pixels, a step about every want pixels.
function tickStep(length, pixels, want) {
  const raw = length * want / pixels, power = 10 ** Math.floor(Math.log10(raw));
  if (raw > 30e3) {
    for (const s of [60e3, 120e3, 300e3, 600e3, 1800e3, 3600e3]) if (s >= raw) return s;
    return Math.ceil(raw / 3600e3) * 3600e3;
  }
  for (const m of [1, 2, 5, 10]) if (m * power >= raw) return m * power;
  return 10 * power;
}

// gestures wires wheel, drag and pinch over an element to a view. at(x) is the instant at a client x.
function gestures(element, view, at, tapped) {
  element.addEventListener('wheel', e => {
    const sideways = Math.abs(e.deltaX) > Math.abs(e.deltaY) || e.shiftKey;
    const done = sideways ? view.pan((e.deltaX || e.deltaY) / 1200) : view.zoom(Math.exp(Math.max(-120, Math.min(120, e.deltaY)) / 400), at(e.clientX));
    if (done) e.preventDefault(); // fully zoomed out, the page scrolls on
  }, { passive: false });
  const down = new Map();
  let moved = 0;
  element.addEventListener('pointerdown', e => {
    if (e.button) return;
    down.set(e.pointerId, e.clientX);
    moved = 0;
    element.setPointerCapture(e.pointerId);
  });
  element.addEventListener('pointermove', e => {
    if (!down.has(e.pointerId)) return;
    const before = down.get(e.pointerId), width = element.clientWidth;
    moved += Math.abs(e.clientX - before);
    if (down.size === 1) {
      view.pan((before - e.clientX) / width);
    } else {
      const other = [...down].find(([id]) => id !== e.pointerId)[1];
      const was = Math.abs(before - other), is = Math.abs(e.clientX - other);
      if (was > 8 && is > 8) view.zoom(was / is, at((e.clientX + other) / 2));
    }
    down.set(e.pointerId, e.clientX);
    element.classList.toggle('dragged', moved > 4);
  });
  const up = e => {
    if (down.delete(e.pointerId) && e.type === 'pointerup' && moved <= 4) tapped(e);
    if (!down.size) element.classList.remove('dragged');
  };
  element.addEventListener('pointerup', up);
  element.addEventListener('pointercancel', up);
}
