package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strconv"
	"time"

	vns "github.com/vishvananda/netns"

	"skidpad.dev/skidpad/lab"
	"skidpad.dev/skidpad/lab/loss/record"
	"skidpad.dev/skidpad/lab/probe"
)

// lineTime is the time for the messages to the engine between the start of a flow and the first drop.
const lineTime = 3 * time.Second

// inLab returns a scene of a running lab: the flow goes from client to server, and proc is the folder /proc of the engine.
func inLab(ctx context.Context, name, proc string) (_ *scene, err error) {
	l, err := lab.Open(ctx, name)
	if err != nil {
		return nil, err
	}
	from, err := l.Node("client")
	if err != nil {
		return nil, err
	}
	ref, err := probe.ParseRef("client/server")
	if err != nil {
		return nil, err
	}
	targets, err := l.Resolve(ctx, ref, record.UDP)
	if err != nil {
		return nil, err
	}
	pid, err := l.Engine().Pid(ctx, "skidpad-"+name+"-server")
	if err != nil {
		return nil, err
	}
	s := &scene{begin: func(ctx context.Context, span time.Duration) (func() (*record.Recording, error), error) {
		r, err := probe.Start(ctx, from, probe.Flow{Proto: record.UDP, Targets: targets, Rate: 1000, Duration: span + lineTime})
		if err != nil {
			return nil, err
		}
		return func() (*record.Recording, error) {
			<-r.Ended()
			return r.Stop(ctx)
		}, nil
	}}
	if s.ns, err = vns.GetFromPath(filepath.Join(proc, strconv.Itoa(pid), "ns", "net")); err != nil {
		return nil, fmt.Errorf("network namespace of the server: %w; -proc must be the folder of the engine's processes", err)
	}
	if err := s.chainIn(); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}
