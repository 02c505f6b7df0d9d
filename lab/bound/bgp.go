package bound

import (
	"fmt"
	"time"
)

// HoldTime bounds how long a BGP speaker keeps the routes of a peer that fell silent: the hold timer starts anew with
// each message, and a keepalive was sent up to one interval before the failure. Both times are the negotiated ones:
// the smaller hold time of the two speakers.
func HoldTime(hold, keepalive time.Duration) Bound {
	return Bound{
		Min: max(0, hold-keepalive), Max: hold,
		Formula: fmt.Sprintf("hold time %s", hold),
		Source:  "RFC 4271, 6.5 and 4.4",
		Terms:   []Term{{"hold time", hold.String()}, {"keepalive interval", keepalive.String()}},
	}
}

// BFD bounds how long a BFD session needs to notice that its peer fell silent: the peer's detect multiplier times the
// slower of what this side wants to receive and what the peer wants to send.
func BFD(multiplier int, localMinRx, remoteMinTx time.Duration) Bound {
	interval := max(localMinRx, remoteMinTx)
	detect := time.Duration(multiplier) * interval
	return Bound{
		Min: detect - interval, Max: detect,
		Formula: fmt.Sprintf("%d × max(%s, %s) = %s", multiplier, localMinRx, remoteMinTx, short(detect)),
		Source:  "RFC 5880, 6.8.4",
		Terms: []Term{{"detect multiplier", fmt.Sprint(multiplier)}, {"required min rx", localMinRx.String()},
			{"desired min tx", remoteMinTx.String()}},
	}
}

// GracefulRestart bounds the outage when a speaker that forwards on restarts: its peers keep its routes for the restart
// time, so there is none if it is back by then. back is how long it is expected to be away; beyond the restart time
// the outage is what exceeds it.
func GracefulRestart(restart, back time.Duration) Bound {
	return Bound{
		Max:     max(0, back-restart),
		Formula: fmt.Sprintf("routes are kept for the restart time %s, forwarding goes on: %s", restart, short(max(0, back-restart))),
		Source:  "RFC 4724, 4.2",
		Terms:   []Term{{"restart time", restart.String()}},
	}
}
