package bgp_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/labtest"
)

func TestBgp(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "bgp")
}

var _ = JustAfterEach(labtest.AfterEach)

var _ = AfterSuite(func(ctx SpecContext) { labtest.DownAll(ctx) })
