package hubble_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/labtest"
)

func TestHubble(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "hubble")
}

var _ = AfterSuite(func(ctx SpecContext) { labtest.DownAll(ctx) })
