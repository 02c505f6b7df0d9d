package live

import (
	"context"
	"fmt"
	"time"

	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/bgp"
	"skidpad.dev/skidpad/lab/cluster"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/router"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/wait"
)

// negotiatedWithin bounds the wait for sessions to come up again with other capabilities.
const negotiatedWithin = 90 * time.Second

// GracefulRestart sets graceful restart (RFC 4724) on every router and on the nodes' speakers, and returns when the
// sessions between routers and nodes have negotiated graceful restart. nil means the plan's value.
func (l *Lab) GracefulRestart(ctx context.Context, on *bool) error {
	p := l.Plan
	if on != nil {
		var err error
		if p, err = l.Plan.With(func(s *scenario.Spec) { setGracefulRestart(s, *on) }); err != nil {
			return err
		}
	}
	kube, err := l.Kube(ctx)
	if err != nil {
		return err
	}
	if err := l.applyNodeSpeaker(ctx, kube, p); err != nil {
		return err
	}
	for _, r := range p.Routers {
		if r.BGP == nil {
			continue
		}
		handle, err := router.New(l.engine, p, r, "")
		if err != nil {
			return err
		}
		if err := handle.Apply(ctx); err != nil {
			return err
		}
	}
	return l.negotiated(ctx, p)
}

// applyNodeSpeaker applies a plan's configuration to the addon that speaks BGP on the nodes.
func (l *Lab) applyNodeSpeaker(ctx context.Context, kube *cluster.Kube, p *plan.Plan) error {
	speaker := p.AddonWith(scenario.RoleBGP)
	if speaker == nil {
		return nil
	}
	planned, err := addon.NewPlanned(p, *speaker, l.images, nil)
	if err != nil {
		return err
	}
	return planned.Configure(ctx, kube)
}

func setGracefulRestart(s *scenario.Spec, on bool) {
	for i := range s.Routers {
		if b := s.Routers[i].BGP; b != nil {
			b.GracefulRestart = on
		}
	}
	if n := s.NodeSpeaker(); n != nil && n.GracefulRestart != nil {
		*n.GracefulRestart = on
	}
}

// negotiated waits until every session of the nodes is established with the plan's capability. Speakers send
// capabilities only when a session opens, so negotiated resets sessions with other capabilities.
func (l *Lab) negotiated(ctx context.Context, p *plan.Plan) error {
	ctx, cancel := context.WithTimeout(ctx, negotiatedWithin)
	defer cancel()
	for _, r := range p.Routers {
		if r.BGP == nil || len(r.BGP.Ranges) == 0 {
			continue
		}
		speaker, err := l.Router(r.Name)
		if err != nil {
			return err
		}
		reset := false
		err = wait.Until(ctx, wait.For{What: "graceful restart is negotiated on " + r.Name, Each: cluster.OneCall}, func(ctx context.Context) error {
			sessions, err := speaker.Sessions(ctx)
			if err != nil {
				return err
			}
			wrong, err := wrongRestart(sessions, r)
			if err != nil || wrong == "" {
				return err
			}
			if !reset {
				reset = true
				if err := speaker.Reset(ctx, bgp.Peers{}); err != nil {
					return err
				}
			}
			return fmt.Errorf("%s", wrong)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// wrongRestart reports a session of a router with a node that differs from the router's plan; "" if all sessions are right.
func wrongRestart(sessions []bgp.Session, r plan.Router) (string, error) {
	listed, established, want := 0, 0, 0
	wrong := ""
	for _, s := range sessions {
		if s.PeerASN != r.BGP.Ranges[0].ASN {
			continue // a router
		}
		listed++
		if s.State != bgp.Established {
			continue
		}
		established++
		if s.GracefulRestart != r.BGP.GracefulRestart {
			wrong = fmt.Sprintf("%s: graceful restart with %s is %v, wanted %v", r.Name, s.Peer, s.GracefulRestart, r.BGP.GracefulRestart)
		}
	}
	for _, g := range r.BGP.Ranges { // one range, or one range for each IP family
		want += g.Sessions
	}
	if wrong == "" && established < want {
		return "", fmt.Errorf("%s: %d of %d sessions with nodes are established (%d listed)", r.Name, established, want, listed)
	}
	return wrong, nil
}
