package host

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"

	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"

	"skidpad.dev/skidpad/fixtures/ocifit/caps"
	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/plan"
	"skidpad.dev/skidpad/lab/scenario"
)

// Doctor checks everything that labs need of the machine. Doctor changes nothing, except that it starts a
// small privileged container and removes the container again.
func Doctor(ctx context.Context) Report {
	var r Report
	info, reached := r.engine(ctx)
	if reached && !isLocal(info) {
		r.add(Finding{Name: "host", Status: Skip, Seen: "the engine's kernel is " + info.KernelVersion + ", this machine's " + release(),
			Wanted: "an engine on this machine", Do: "run the doctor on the engine's machine: what follows here would be about another one"})
		return r
	}
	r.host(info.DockerRootDir)
	r.add(goFinding(ctx))
	return r
}

func (r *Report) add(f ...Finding) { r.Findings = append(r.Findings, f...) }

// engine adds the findings about the engine, and returns the engine's own information.
func (r *Report) engine(ctx context.Context) (info system.Info, reached bool) {
	cli, err := dial(ctx)
	if err != nil {
		r.add(failed("engine", err, "an engine that answers, Docker 20.10 or newer"))
		return info, false
	}
	defer func() { _ = cli.Close() }()
	told, err := cli.Info(ctx, client.InfoOptions{})
	if err != nil {
		r.add(failed("engine", err, "an engine that answers, Docker 20.10 or newer"))
		return info, false
	}
	info = told.Info
	if err := unfit(cli.DaemonHost(), cli.ClientVersion(), info); err != nil {
		r.add(failed("engine", err, "an engine with root's rights, Docker 20.10 or newer"))
		return info, false
	}
	r.add(Finding{Name: "engine", Status: OK, Wanted: "Docker 20.10 or newer",
		Seen: fmt.Sprintf("%s at %s, API %s, %s on %s", info.ServerVersion, cli.DaemonHost(), cli.ClientVersion(), info.Driver, info.OperatingSystem)}, archFinding(info))
	can, err := ability(ctx, cli)
	if err != nil {
		f := failed("privileged containers", err, "they start")
		if mayFit(err) && isLocal(info) {
			f.Do = "as root, run once: skidpad up frr-bfd; it fits the engine to this host; or use Docker 28 or newer"
		}
		r.add(f)
	} else {
		r.add(Finding{Name: "privileged containers", Status: OK, Wanted: "they start", Seen: "they start, default runtime " + info.DefaultRuntime})
	}
	r.add(capsFinding(can, err == nil, info), agentFinding(cli.DaemonHost(), err == nil))
	r.add(cgroupFinding(info))
	r.add(subnetFinding(ctx))
	return info, true
}

// failed converts an error to a finding; an *EngineError includes the remedy.
func failed(name string, err error, wanted string) Finding {
	f := Finding{Name: name, Status: Fail, Seen: err.Error(), Wanted: wanted}
	seen, do, found := strings.Cut(f.Seen, "\n  do: ")
	if found {
		f.Seen, f.Do = seen, do
	}
	f.Seen = strings.Join(strings.Fields(f.Seen), " ")
	return f
}

// isLocal reports whether the engine runs on this machine's kernel.
func isLocal(info system.Info) bool { return info.KernelVersion == release() }

func capsFinding(can Ability, privileged bool, info system.Info) Finding {
	f := Finding{Name: "capabilities", Status: OK, Seen: "the host grants all", Wanted: "all, or an engine that asks for no more than there is"}
	pid, running := daemonProcess()
	if missing, err := missingCaps(pid); running && isLocal(info) && err == nil && missing != 0 {
		f.Seen = "the host grants all but " + missing.String()
	} else if privileged && !can.SysResource {
		f.Seen = "the host grants all but " + caps.Of("SYS_RESOURCE").String()
	}
	switch {
	case !privileged:
		f.Status, f.Do = Fail, "see privileged containers"
	case info.DefaultRuntime == runtimeName:
		f.Seen += "; the runtime " + runtimeName + " drops what is missing"
	}
	return f
}

// agentFinding names the way in which faults, watches and captures reach the network namespaces of labs.
func agentFinding(engine string, privileged bool) Finding {
	f := Finding{Name: "faults, watch, capture", Status: OK, Wanted: "root with a local engine, or an agent in a privileged container of each lab"}
	switch {
	case !strings.HasPrefix(engine, "unix://"):
		f.Seen = "by an agent, since the engine may be on another machine"
	case os.Geteuid() != 0:
		f.Seen = fmt.Sprintf("by an agent, since user %d is not root", os.Geteuid())
	default:
		f.Seen = "by this process, as root"
		return f
	}
	if !privileged {
		f.Status, f.Do = Fail, "see privileged containers"
	}
	return f
}

func cgroupFinding(info system.Info) Finding {
	f := Finding{Name: "cgroup", Status: OK, Seen: "v2", Wanted: "v2, or v1 with the kubelet told so"}
	if info.CgroupVersion != "2" {
		f.Seen = "v1; the kubelet is told so (failCgroupV1: false)"
	}
	return f
}

// subnetFinding plans a lab of two networks, like the default lab, to find the subnets that the lab would get.
func subnetFinding(ctx context.Context) Finding {
	f := Finding{Name: "free subnets", Status: OK, Wanted: "2 of /24 for the default lab"}
	e, err := docker.Connect(ctx)
	if err != nil {
		return failed(f.Name, err, f.Wanted)
	}
	defer func() { _ = e.Close() }()
	taken, err := e.Taken(ctx)
	if err != nil {
		return failed(f.Name, err, f.Wanted)
	}
	subnets, err := nextSubnets(taken)
	if err != nil {
		f = failed(f.Name, err, f.Wanted)
		f.Do = "take labs or networks down (skidpad ls, docker network ls), or give the scenario's networks an ipv4 of their own"
		return f
	}
	f.Seen = fmt.Sprintf("the next lab gets %s; %d prefixes are in use", strings.Join(subnets, ", "), len(taken))
	return f
}

func nextSubnets(taken []netip.Prefix) ([]string, error) {
	s := &scenario.Scenario{APIVersion: scenario.APIVersion, Kind: scenario.Kind, Metadata: scenario.Metadata{Name: "doctor"},
		Spec: scenario.Spec{Networks: []scenario.Network{{Name: "fabric"}, {Name: "edge"}}}}
	p, err := plan.Make(s, "doctor", plan.Host{Taken: taken})
	if err != nil {
		return nil, err
	}
	var subnets []string
	for _, n := range p.Networks {
		subnets = append(subnets, n.Subnet.String())
	}
	return subnets, nil
}

func goFinding(ctx context.Context) Finding {
	f := Finding{Name: "go", Status: OK, Wanted: "to build images that cannot be pulled"}
	out, err := exec.CommandContext(ctx, "go", "env", "GOVERSION").Output()
	if err != nil {
		f.Status, f.Seen, f.Do = Warn, "not found", "install Go 1.26 or newer, or bring images with: skidpad images load"
		return f
	}
	f.Seen = strings.TrimSpace(string(out))
	return f
}
