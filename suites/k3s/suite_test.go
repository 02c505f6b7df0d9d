package k3s_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/labtest"
)

func TestK3s(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "k3s")
}

var _ = AfterSuite(func(ctx SpecContext) { labtest.DownAll(ctx) })
