package bound

import (
	"fmt"
	"time"
)

const vrrpSource = "RFC 9568, 6.1 (Active_Down_Interval)"

// VRRP is the configuration of a backup router.
type VRRP struct {
	Advert   time.Duration // the advertisement interval
	Priority int           // of the backup that takes over, 1 to 254
	// V2 is version 2, whose skew time is a part of a second (RFC 3768, 6.1).
	V2 bool
}

// skew returns Skew_Time: a backup of lower priority waits longer beyond the three intervals.
func (v VRRP) skew() time.Duration { return time.Duration(256-v.Priority) * v.unit() / 256 }

func (v VRRP) unit() time.Duration {
	if v.V2 {
		return time.Second
	}
	return v.Advert
}

// down returns Active_Down_Interval (Master_Down_Interval in RFC 5798).
func (v VRRP) down() time.Duration { return 3*v.Advert + v.skew() }

func (v VRRP) terms() []Term {
	return []Term{{"advert interval", v.Advert.String()}, {"backup's priority", fmt.Sprint(v.Priority)}}
}

func (v VRRP) skewText() string {
	return fmt.Sprintf("(256 − %d) / 256 × %s", v.Priority, v.unit())
}

// Silent bounds the outage when the active router falls silent: the backup's timer runs from the last
// advertisement, sent up to one interval before the failure.
func (v VRRP) Silent() Bound {
	return Bound{
		Min: v.down() - v.Advert, Max: v.down(),
		Formula: fmt.Sprintf("3 × %s + %s = %s", v.Advert, v.skewText(), short(v.down())),
		Source:  vrrpSource, Terms: v.terms(),
	}
}

// Released bounds the outage when the active router resigns in an orderly way. The router sends an
// advertisement of priority 0, and a backup then waits only for its skew time.
func (v VRRP) Released() Bound {
	return Bound{
		Max:     v.skew(),
		Formula: fmt.Sprintf("priority 0 sent, %s = %s", v.skewText(), short(v.skew())),
		Source:  "RFC 9568, 6.4.2 and 6.4.3 (Skew_Time)", Terms: v.terms(),
	}
}

// Preempted bounds the outage when a router of higher priority returns: the other router forwards until the
// takeover is complete, so there is no outage.
func (v VRRP) Preempted() Bound {
	return Bound{
		Formula: "the backup forwards until the router of higher priority has taken over: 0s",
		Source:  "RFC 9568, 6.4.3", Terms: v.terms(),
	}
}

// Tracked bounds the outage when the active router stays alive and the router's check of itself fails. The
// check runs every interval and must fail the given number of times. Then the router advertises a lower
// priority. Backups ignore advertisements of lower priority, so their timer expires.
func (v VRRP) Tracked(every time.Duration, failures int) Bound {
	detect := time.Duration(failures) * every
	return Bound{
		Max:     detect + v.down(),
		Formula: fmt.Sprintf("%d × %s (tracking) + 3 × %s + %s = %s", failures, every, v.Advert, v.skewText(), short(detect+v.down())),
		Source:  "RFC 9568, 6.4.2; keepalived.conf(5), vrrp_script",
		Terms:   append(v.terms(), Term{"tracking interval", every.String()}, Term{"failures wanted", fmt.Sprint(failures)}),
	}
}

// LinkDown bounds the outage when a link of the active router fails. A router that sees the carrier loss
// releases the address on its other links at once, by priority 0, and the backup on the failed link waits for
// its timer. A router that does not see the loss continues unchanged, and only the silence is detected:
// otherwise is the bound of this detection.
func (v VRRP) LinkDown(carrier bool, otherwise Bound) Bound {
	if !carrier {
		b := otherwise
		b.Formula = "no carrier detection, so: " + b.Formula
		return b
	}
	b := v.Silent()
	b.Min = 0 // all links of a sync group move as soon as one link has moved
	b.Formula = "carrier lost at once; at most " + b.Formula
	return b
}
