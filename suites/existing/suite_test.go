package existing_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/labtest"
)

func TestExisting(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "existing")
}

var _ = JustAfterEach(labtest.AfterEach)

var _ = AfterSuite(func(ctx SpecContext) { labtest.DownAll(ctx) })
