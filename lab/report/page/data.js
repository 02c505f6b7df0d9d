// Unpacks the page's compact lists. Times are milliseconds since the run's time 0.

function unpack(raw) {
  const run = { wall: raw.wall, end: raw.end / 1e3, lanes: raw.lanes };
  run.checks = raw.checks.map((c, number) => ({ ...c, number, from: c.from / 1e3, until: c.until / 1e3, fault: c.fault < 0 ? null : c.fault / 1e3, known: c.from >= 0 }));
  run.flows = raw.flows.map(f => unpackFlow(f));
  run.events = unpackEvents(raw);
  return run;
}

function unpackFlow(f) {
  const n = f.took.length, sent = new Float64Array(n), took = new Float32Array(n), who = new Uint16Array(n);
  let at = f.first - f.interval;
  for (let i = 0; i < n; i++) {
    at += f.interval + f.gap[i];
    sent[i] = at / 1e3;
    took[i] = f.took[i] / 1e3;
    if (f.took[i] < 0) took[i] = -1;
  }
  for (let i = 0, r = 0; r < f.who.length; r += 2) {
    who.fill(f.who[r], i, i + f.who[r + 1]);
    i += f.who[r + 1];
  }
  return {
    check: f.check, label: f.label, detail: f.detail, names: f.names, unknown: f.unknown || [], interval: f.interval / 1e3, sent, took, who,
    outages: f.outages.map(o => ({ from: o[0] / 1e3, until: o[1] / 1e3, lost: o[2], error: o[3] / 1e3, openStart: !!(o[4] & 1), openEnd: !!(o[4] & 2) })),
    stalls: f.stalls.map(s => ({ from: s[0] / 1e3, until: s[1] / 1e3 })),
  };
}

function unpackEvents(raw) {
  let at = 0;
  return raw.events.map((e, number) => {
    at += e[0];
    const fields = [];
    for (let i = 6; i < e.length; i += 2) fields.push([raw.words[e[i]], raw.words[e[i + 1]]]);
    const kind = raw.words[e[3]];
    return { number, at: at / 1e3, until: (at + e[5]) / 1e3, lane: raw.lanes[e[1]], subject: raw.words[e[2]], kind, text: raw.words[e[4]], fields, tone: toneOf(kind) };
  });
}

const gains = words('up ready announce added add established start started running master taken acquired clear held holds joined arrived back created uncordoned');
const losses = words('not down withdraw removed del deleted deleting gone left lost die died dead ended killed stop stopped exited failed fault error expired unknown outage missing inject terminating unhealthy released stale cordoned unread evicted');
function words(list) { return new Set(list.split(' ')); }

// toneOf distinguishes losses from gains by the words of an event's kind: session-down, not-ready.
function toneOf(kind) {
  const of = kind.split('-');
  if (of.some(w => losses.has(w))) return 'bad';
  return of.some(w => gains.has(w)) ? 'good' : 'plain';
}

// below returns the first index with a value of at least x; list ascends.
function below(list, x, of = v => v) {
  let lo = 0, hi = list.length;
  while (lo < hi) {
    const mid = (lo + hi) >> 1;
    if (of(list[mid]) < x) lo = mid + 1; else hi = mid;
  }
  return lo;
}

const narrowSpace = '\u202f';

// span writes a length of time: 131 ms, 12.4 s.
function span(ms) {
  const a = Math.abs(ms);
  if (a >= 60e3) return Math.floor(a / 60e3) * Math.sign(ms) + ' min ' + ((a % 60e3) / 1e3).toFixed(a % 60e3 ? 1 : 0) + ' s';
  if (a >= 10e3) return (ms / 1e3).toFixed(1) + ' s';
  if (a >= 10) return group(Math.round(ms)) + ' ms';
  if (a >= 0.1 || a === 0) return ms.toFixed(a === 0 ? 0 : 1) + ' ms';
  return (ms * 1e3).toFixed(0) + ' µs';
}

function group(n) { return String(n).replace(/\B(?=(\d{3})+$)/g, narrowSpace); }

// offset writes an instant from a zero, as fine as step (ms) asks for.
function offset(ms, step) {
  const sign = ms < -1e-9 ? '−' : '+', a = Math.abs(ms);
  if (step < 1) return sign + a.toFixed(step < 0.1 ? 2 : 1) + ' ms';
  const digits = step >= 1e3 ? 0 : step >= 100 ? 1 : step >= 10 ? 2 : 3;
  if (a >= 60e3) {
    const minutes = Math.floor(a / 60e3), seconds = ((a - minutes * 60e3) / 1e3).toFixed(digits);
    return sign + minutes + ':' + seconds.padStart(digits ? digits + 3 : 2, '0');
  }
  return sign + (a / 1e3).toFixed(digits) + ' s';
}

function timeOfDay(run, ms) { return new Date(run.wall + ms).toISOString().slice(11, 23); }
