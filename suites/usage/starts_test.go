package usage_test

import (
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/labtest"
)

var _ = DescribeTable("A start that `scenarios new` writes comes up as it is, keeps its promises, and goes down:", Label("usage", "starts", "slow"), Serial,
	func(ctx SpecContext, topology string) {
		dir, skidpad, name := GinkgoT().TempDir(), filepath.Join(labtest.Source(), "bin", "skidpad"), labtest.Name("start")
		run(ctx, dir, skidpad, "scenarios", "new", "start", "--topology", topology, "--dir", dir)
		file := filepath.Join(dir, "start", "scenario.yaml")
		DeferCleanup(func(ctx SpecContext) { run(ctx, dir, skidpad, "down", "--name", name) })
		run(ctx, dir, skidpad, "up", file, "--name", name)
		Expect(run(ctx, dir, skidpad, "test", file, "--name", name, "-o", "json")).To(And(MatchRegexp(`"verdict": "held"`), Not(MatchRegexp(`"verdict": "(failed|unknown|skipped)"`))))
	},
	Entry(nil, "one-rack"), Entry(nil, "two-racks"), Entry(nil, "home-l2"), Entry(nil, "ipv6-only"), Entry(nil, "route-reflectors"),
)
