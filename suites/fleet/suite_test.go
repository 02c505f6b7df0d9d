package fleet_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/labtest"
)

func TestFleet(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "fleet")
}

var _ = JustAfterEach(labtest.AfterEach)

var _ = AfterSuite(func(ctx SpecContext) { labtest.DownAll(ctx) })
