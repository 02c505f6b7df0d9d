// Package host looks after the machine that labs run on: the engine (found, installed, started, and
// fitted to a host that cannot grant every capability), what the plan must know of it, the few settings
// that labs need changed, and the doctor that reports all of it at once.
//
// What only some hosts need is found out by trying, never assumed: on an ordinary host with a running
// engine nothing here changes anything.
package host
