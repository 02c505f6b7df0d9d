// Command runs runs tests with limits that fit the machine, reports on runs of the end-to-end suites, and repeats such runs.
//
//	go run ./tools/runs speed                       print the machine's speed and the expected time of make test
//	go run ./tools/runs go -limit 10m PACKAGES      go test, with limits that fit the machine
//	go run ./tools/runs e2e SUITES                  the suites, with progress and limits that fit the machine
//	go run ./tools/runs -n 5                        run the suites until five runs have ended; continue after an interruption
//	go run ./tools/runs -beside cpu=4,io=1          the same beside busy loops and a writer
//	go run ./tools/runs -slow 0.3                   the same under a processor quota (cgroup v2)
//	go run ./tools/runs report reports/suites.json  report a run: in short, and whole in reports/suites.txt and suites.html
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// cgroups is where Linux has its hierarchy of control groups.
const cgroups = "/sys/fs/cgroup"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := command(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "runs:", err)
		os.Exit(1)
	}
}

func command(ctx context.Context, args []string) error {
	if len(args) > 0 && args[0] == "report" {
		if len(args) != 2 {
			return errors.New("usage: runs report FILE (Ginkgo's JSON report)")
		}
		return report(args[1], os.Stdout)
	}
	if len(args) > 0 {
		switch args[0] {
		case "speed":
			fmt.Print(measure().foretell())
			return nil
		case "go":
			return goTest(ctx, args[1:])
		case "e2e":
			return e2e(ctx, args[1:], os.Stdout)
		}
	}
	flags := flag.NewFlagSet("runs", flag.ContinueOnError)
	n := flags.Int("n", 5, "end after this number of runs")
	record := flags.String("record", "reports/runs.jsonl", "file with the record of runs")
	fresh := flags.Bool("fresh", false, "begin a new series: earlier runs in the record do not count")
	var c conditions
	flags.Var(&c.beside, "beside", "run the suites beside busy loops and writers: cpu=4,io=1")
	flags.Float64Var(&c.slow, "slow", 0, "run the suites and the engine's containers under a processor quota, a share of the machine: 0.3")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if c.slow < 0 || c.slow > 1 {
		return fmt.Errorf("-slow %g: want a share above 0 and up to 1", c.slow)
	}
	if c.slow > 0 {
		q, err := slow(cgroups, c.slow)
		if err != nil {
			fmt.Println("skipped: no processor quota can be set here:", err)
			return nil
		}
		if err := q.lift(); err != nil {
			return err
		}
	}
	if flags.NArg() > 0 || *n < 1 {
		return errors.New("usage: runs [-n N] [-record FILE] [-fresh] [-beside cpu=N,io=N] [-slow SHARE]")
	}
	return series(ctx, *n, *record, *fresh, c, os.Stdout)
}
