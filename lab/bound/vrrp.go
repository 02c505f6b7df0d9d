package bound

import (
	"fmt"
	"time"
)

const vrrpSource = "RFC 9568, 6.1 (Active_Down_Interval)"

// VRRP is what a backup router was configured with.
type VRRP struct {
	Advert   time.Duration // the advertisement interval
	Priority int           // of the backup that is to take over, 1 to 254
}

// skew is Skew_Time: the lower a backup's priority, the longer it waits beyond the three intervals.
func (v VRRP) skew() time.Duration { return time.Duration(256-v.Priority) * v.Advert / 256 }

// down is Active_Down_Interval (RFC 5798 called it Master_Down_Interval).
func (v VRRP) down() time.Duration { return 3*v.Advert + v.skew() }

func (v VRRP) terms() []Term {
	return []Term{{"advert interval", v.Advert.String()}, {"backup's priority", fmt.Sprint(v.Priority)}}
}

func (v VRRP) skewText() string {
	return fmt.Sprintf("(256 − %d) / 256 × %s", v.Priority, v.Advert)
}

// Silent bounds the outage when the active router falls silent: the backup's timer runs from the last advertisement,
// which was sent up to one interval before the failure.
func (v VRRP) Silent() Bound {
	return Bound{
		Min: v.down() - v.Advert, Max: v.down(),
		Formula: fmt.Sprintf("3 × %s + %s = %s", v.Advert, v.skewText(), short(v.down())),
		Source:  vrrpSource, Terms: v.terms(),
	}
}

// Released bounds the outage when the active router gives up in an orderly way: it says so by an advertisement of
// priority 0, on which a backup waits for its skew time only.
func (v VRRP) Released() Bound {
	return Bound{
		Max:     v.skew(),
		Formula: fmt.Sprintf("priority 0 sent, %s = %s", v.skewText(), short(v.skew())),
		Source:  "RFC 9568, 6.4.2 and 6.4.3 (Skew_Time)", Terms: v.terms(),
	}
}

// Preempted bounds the outage when a router of higher priority comes back: until it has taken over, the other one
// goes on forwarding, so there is none.
func (v VRRP) Preempted() Bound {
	return Bound{
		Formula: "the backup forwards until the router of higher priority has taken over: 0s",
		Source:  "RFC 9568, 6.4.3", Terms: v.terms(),
	}
}

// Tracked bounds the outage when the active router stays alive and a check that it runs on itself fails: the check
// is run every interval and must fail so many times; then its advertisements have a lower priority, which backups do
// not heed, so their timer runs out.
func (v VRRP) Tracked(every time.Duration, failures int) Bound {
	detect := time.Duration(failures) * every
	return Bound{
		Max:     detect + v.down(),
		Formula: fmt.Sprintf("%d × %s (tracking) + 3 × %s + %s = %s", failures, every, v.Advert, v.skewText(), short(detect+v.down())),
		Source:  "RFC 9568, 6.4.2; keepalived.conf(5), vrrp_script",
		Terms:   append(v.terms(), Term{"tracking interval", every.String()}, Term{"failures wanted", fmt.Sprint(failures)}),
	}
}

// LinkDown bounds the outage when a link of the active router fails. A router that sees the carrier go gives the
// address up on its other links at once, by priority 0, and the failed link's backup waits for its timer; one that
// does not goes on as if nothing were wrong there, and only what is silent is noticed: otherwise is that mechanism.
func (v VRRP) LinkDown(carrier bool, otherwise Bound) Bound {
	if !carrier {
		b := otherwise
		b.Formula = "no carrier detection, so: " + b.Formula
		return b
	}
	b := v.Silent()
	b.Min = 0 // all links of a sync group move as soon as one has
	b.Formula = "carrier lost at once; at most " + b.Formula
	return b
}
