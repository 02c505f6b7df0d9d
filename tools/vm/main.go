// Command vm runs commands on an ordinary host: a Debian release with systemd, cgroup v2, every capability, the distribution's
// kernel and a current Docker, in QEMU, with skidpad and images of the engine here. A user who is not root runs the commands.
//
//	go run ./tools/vm                             the commands of tools/vm/commands
//	go run ./tools/vm -- skidpad doctor           one command: all words are one line
//	go run ./tools/vm -keep -files my -- 'skidpad up my/x.yaml'
//	go run ./tools/vm -stop                       end the kept machine
//
// Command vm needs qemu-system-x86, openssh-client and, for the first disk, mmdebstrap and e2fsprogs; root or subordinate user
// IDs. Without a usable /dev/kvm the machine is emulated, 10 to 20 times slower than this machine. The machine's disk lies in
// the user's cache folder; changes of the disk end with the machine. The machine reaches no network.
//
// A kept machine serves the following runs, also several side by side, until -stop. Command vm fails if a command fails.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// listed are the commands of a run without commands.
//
//go:embed commands
var listed string

// listedTests are the packages of the tests in the file commands.
const listedTests = "./lab/router,./suites/failover,./suites/reachability"

// options are the flags of a run.
type options struct {
	keep, stop     bool
	skidpad, files string
	images, tests  []string
	limit          time.Duration
}

func main() {
	var o options
	flag.BoolVar(&o.keep, "keep", false, "leave the machine running for further runs")
	flag.BoolVar(&o.stop, "stop", false, "end the kept machine")
	flag.StringVar(&o.skidpad, "skidpad", "", "the program skidpad for the machine; default: compiled from this tree")
	flag.StringVar(&o.files, "files", "", "a file or folder to copy into the user's home folder")
	images := flag.String("images", "client,frr,bird,gobgp,keepalived", "images of the catalogue to load into the machine's engine")
	tests := flag.String("tests", "", "packages whose tests are compiled for the machine; without commands: "+listedTests)
	flag.DurationVar(&o.limit, "limit", time.Hour, "time limit of each command")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "go run ./tools/vm [flags] [-- COMMAND]\n\nRuns a command for a shell in a Debian machine in QEMU, all words as one line; without a command, those of tools/vm/commands.\nA command that begins with \"root:\" is root's; the others are of a user in the group docker.")
		fmt.Fprintln(flag.CommandLine.Output())
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() == 0 && *tests == "" {
		*tests = listedTests
	}
	o.images, o.tests = list(*images), list(*tests)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o, flag.Args())
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "vm:", err)
		os.Exit(1)
	}
}

// run starts or finds the machine, and runs the commands there.
func run(ctx context.Context, o options, args []string) (err error) {
	m, err := machineHere()
	if err != nil {
		return err
	}
	if o.stop {
		return m.stop()
	}
	cmds := parse(listed)
	if len(args) > 0 {
		cmds = []command{parseLine(strings.Join(args, " "))}
	}
	dir, err := m.programs(ctx, o)
	if err != nil {
		return err
	}
	kept, err := m.running()
	if err != nil {
		return err
	}
	if !kept {
		if err := m.start(ctx); err != nil {
			return err
		}
		if !o.keep {
			defer func() { err = errors.Join(err, m.stop()) }()
		}
	}
	if err := m.fill(ctx, o, dir); err != nil {
		return err
	}
	results := m.all(ctx, cmds, dir, o.limit)
	fmt.Print(table(results))
	return failures(results)
}

func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
}

func say(format string, a ...any) { fmt.Fprintf(os.Stderr, "vm: "+format+"\n", a...) }
