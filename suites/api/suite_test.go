package api_test

import (
	"testing"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"

	"skidpad.dev/skidpad/lab/labtest"
)

func TestAPI(t *testing.T) {
	RegisterFailHandler(Fail)
	RunSpecs(t, "api")
}

var _ = JustAfterEach(labtest.AfterEach)

var _ = AfterSuite(func(ctx SpecContext) { labtest.DownAll(ctx) })
