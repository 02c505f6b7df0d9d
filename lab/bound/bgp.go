package bound

import (
	"fmt"
	"time"
)

// HoldTime bounds the time for which a BGP speaker keeps the routes of a silent peer. The hold timer restarts
// with each message, and the last keepalive was sent up to one interval before the failure. Both times are the
// negotiated times: the smaller hold time of the two speakers.
func HoldTime(hold, keepalive time.Duration) Bound {
	return Bound{
		Min: max(0, hold-keepalive), Max: hold,
		Formula: fmt.Sprintf("hold time %s", hold),
		Source:  "RFC 4271, 6.5 and 4.4",
		Terms:   []Term{{"hold time", hold.String()}, {"keepalive interval", keepalive.String()}},
	}
}

// BFD bounds the time for a BFD session to detect a silent peer: the peer's detect multiplier times the slower
// of this side's receive interval and the peer's transmit interval.
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

// GracefulRestart bounds the outage when a speaker that continues to forward restarts. The peers keep the
// speaker's routes for the restart time, so there is no outage if the speaker is back in time. back is the
// speaker's expected absence; beyond the restart time, the outage is the excess.
func GracefulRestart(restart, back time.Duration) Bound {
	return Bound{
		Max:     max(0, back-restart),
		Formula: fmt.Sprintf("routes are kept for the restart time %s, forwarding goes on: %s", restart, short(max(0, back-restart))),
		Source:  "RFC 4724, 4.2",
		Terms:   []Term{{"restart time", restart.String()}},
	}
}

// Ceased bounds the outage when a speaker ends a session by a message: the peer withdraws the routes at once.
func Ceased() Bound {
	return Bound{Formula: "a NOTIFICATION ends the session at once: 0s", Source: "RFC 4271, 6 and 6.7"}
}

// Refreshed bounds the outage of a route refresh: the routes stay until the routes come again.
func Refreshed() Bound {
	return Bound{Formula: "routes stay while the peer sends them again: 0s", Source: "RFC 2918, 4"}
}

// Passing returns the bound of a session that ends while packets of flows still pass: the two ends notice at different times.
func Passing(end Bound) Bound {
	end.Min, end.Formula = 0, "packets pass until one end has noticed; at most "+end.Formula
	return end
}
