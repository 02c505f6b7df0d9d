package l2_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/labtest"
)

func TestL2(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "l2")
}

var _ = JustAfterEach(labtest.AfterEach)

var _ = AfterSuite(func(ctx SpecContext) { labtest.DownAll(ctx) })
