// The rows of a timeline and their names.

const laneNames = { check: 'Checks', fault: 'Faults', probe: 'Probe', bgp: 'BGP', fib: 'FIB', vrrp: 'VRRP', lease: 'Leases', endpoints: 'Endpoints', pod: 'Pods', node: 'Nodes', arp: 'ARP', agent: 'Agents' };

function countOf(g) { return group(g.rows.reduce((n, r) => n + (r.flow ? r.flow.reduce((m, f) => m + f.sent.length, 0) : r.items.length), 0)); }

// faultWindows are the times of faults: from a fault's injection to its clearing. The
// injection is an event of that length from then on.
function faultWindows(events) {
  const faults = events.filter(e => e.lane === 'fault'), id = e => (e.fields.find(([k]) => k === 'id') || [])[1];
  const windows = [];
  faults.forEach((e, i) => {
    if (/clear|undo/.test(e.kind)) return;
    const end = faults.slice(i + 1).find(n => /clear|undo/.test(n.kind) && n.subject === e.subject && id(n) === id(e));
    if (end) e.until = Math.max(e.until, end.at);
    windows.push({ from: e.at, until: e.until });
  });
  return windows;
}

// groupRows makes the lanes: flows by target, events by subject.
function groupRows(run) {
  const groups = [], strips = new Map();
  for (const f of run.flows) {
    const key = f.label + ' ' + f.detail.split(',')[0]; // not the rate
    if (!strips.has(key)) strips.set(key, { lane: 'flow', label: f.label, title: f.label + ', ' + f.detail, spoken: 'Flow ' + f.label, flow: [], items: [] });
    const row = strips.get(key);
    row.flow.push(f);
    for (const o of f.outages) row.items.push({ ...o, at: o.from, subject: f.label, kind: 'outage', tone: 'bad', text: `${o.openStart || o.openEnd ? 'at least ' : ''}${span(o.until - o.from)} ± ${span(o.error)}, ${group(o.lost)} lost` });
    row.items.sort((a, b) => a.at - b.at);
  }
  for (const lane of run.lanes) {
    const events = run.events.filter(e => e.lane === lane);
    if (events.length) groups.push({ lane, name: laneNames[lane] || lane, rows: rowsOf(lane, events) });
  }
  const flows = { lane: 'flow', name: 'Flows', rows: [...strips.values()] };
  if (strips.size) groups.splice(groups.findIndex(g => !['check', 'fault'].includes(g.lane)) >>> 0, 0, flows);
  return groups;
}

function rowsOf(lane, events) {
  const by = new Map(), most = 6, row = (label, items) => ({ lane, label, items, spoken: (laneNames[lane] || lane) + ' ' + label });
  for (const e of events) {
    if (!by.has(e.subject)) by.set(e.subject, []);
    by.get(e.subject).push(e);
  }
  if (lane === 'check' || by.size === 1 && lane !== 'fault') return [row(lane === 'check' ? '' : [...by.keys()][0], events)];
  const names = [...by.keys()].sort((a, b) => by.get(b).length - by.get(a).length);
  const own = names.slice(0, names.length > most ? most - 1 : most).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  const rows = own.map(n => row(n, by.get(n)));
  if (names.length > own.length) rows.push(row(`${names.length - own.length} others`, events.filter(e => !own.includes(e.subject))));
  return rows;
}

// sibling is a flow's label in little room: the number alone if the flow above has the same target.
function sibling(row, above) {
  const [, base, number] = row.label.match(/^(.*) (#\d+)$/) || [];
  return above && above.label.startsWith(base + ' #') ? number : row.label.replace(/^.* → /, '→ ');
}

// shortened leaves out a name's namespace, and the middle of a long name: the end of a name is unique.
function shortened(label) {
  const name = label.replace(/^[\w-]+\//, '');
  return name.length > 18 ? name.slice(0, 5) + '…' + name.slice(-11) : name;
}
