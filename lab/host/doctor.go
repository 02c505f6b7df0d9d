package host

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/moby/moby/api/types/system"
	"github.com/moby/moby/client"
	"skidpad.dev/skidpad/fixtures/ocifit/caps"
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
	r.add(kernelFindings(readKernel("/"))...)
	r.add(inotifyFinding())
	r.add(diskFinding(info.DockerRootDir))
	r.add(memoryFinding())
	r.add(forwardFinding(settings{root: "/proc/sys"}), bridgeFinding(settings{root: "/proc/sys"}))
	r.add(changedFinding())
	r.add(goFinding(ctx), aptFinding())
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
	r.add(Finding{Name: "engine", Status: OK, Wanted: "Docker 20.10 or newer",
		Seen: fmt.Sprintf("%s at %s, API %s, %s on %s", info.ServerVersion, cli.DaemonHost(), cli.ClientVersion(), info.Driver, info.OperatingSystem)})
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

// kernelFindings returns one finding for all present options, and one for each missing option.
func kernelFindings(k kernel) []Finding {
	var there, unsure []string
	var findings []Finding
	for _, o := range options() {
		switch k.has(o) {
		case present:
			there = append(there, o.name)
		case unknown:
			unsure = append(unsure, o.name)
		case absent:
			f := Finding{Name: "kernel " + o.name, Status: Skip, Seen: "off", Wanted: "for: " + o.use}
			if o.required {
				f.Status, f.Do = Fail, "boot a kernel with CONFIG_"+o.name
			}
			if k.config[o.name] == "m" {
				f.Seen, f.Do = "module "+o.module+" is not installed", "install the kernel's further modules (Ubuntu: linux-modules-extra-"+k.release+")"
			}
			findings = append(findings, f)
		}
	}
	sum := Finding{Name: "kernel", Status: OK, Wanted: "what scenarios and faults need",
		Seen: fmt.Sprintf("%s, %d of %d options on by %s", k.release, len(there), len(options()), k.source)}
	if len(unsure) > 0 {
		sum.Status = Skip
		sum.Seen = fmt.Sprintf("%s, %d of %d options on; no telling of %s", k.release, len(there), len(options()), strings.Join(unsure, " "))
		sum.Do = "a scenario that needs what is not there says so itself; /proc/config.gz or /boot/config-" + k.release + " would tell"
	}
	return append([]Finding{sum}, findings...)
}
