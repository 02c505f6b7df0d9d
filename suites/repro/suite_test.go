package repro_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/labtest"
)

func TestRepro(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "repro")
}

var _ = AfterSuite(func(ctx SpecContext) { labtest.DownAll(ctx) })
