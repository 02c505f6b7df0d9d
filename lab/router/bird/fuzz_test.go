package bird

import (
	"testing"

	"github.com/osrg/gobgp/v4/pkg/packet/bgp"
	"github.com/osrg/gobgp/v4/pkg/packet/mrt"

	"skidpad.dev/skidpad/lab/labtest/small"
	"skidpad.dev/skidpad/lab/router"
)

// FuzzRead reads any bytes as each output of birdc.
func FuzzRead(f *testing.F) {
	small.Seed(f, func(data []byte) { f.Add(data) }, "testdata/*.txt")
	f.Fuzz(func(t *testing.T, data []byte) {
		small.Reader(t, func() {
			_ = parseRouterID(data)
			_, _ = parseSessions("r1", data)
			_, _ = parseRIB(parseProtocols(data), data, data)
		})
	})
}

// FuzzMRT reads any bytes as BIRD's file with the messages of the sessions.
func FuzzMRT(f *testing.F) {
	f.Add([]byte{0, 0, 0, 1, 0, 16, 0, 5, 0, 0, 0, 20, 0, 0, 0xfd, 0xe9, 0, 0, 0xfd, 0xea, 0, 0, 0, 1, 10, 0, 0, 1, 10, 0, 0, 2, 0, 5, 0, 6})
	f.Add(make([]byte, mrt.MRT_COMMON_HEADER_LEN))
	f.Fuzz(func(t *testing.T, data []byte) {
		small.Reader(t, func() {
			file := &mrtFile{rest: data}
			for {
				left := len(file.rest)
				m, err := file.next()
				if m == nil && err == nil {
					break
				}
				if len(file.rest) >= left {
					t.Fatal("a record was read without taking any byte")
				}
				if err == nil {
					tell(m, silent{})
				}
			}
		})
	})
}

// silent takes reports and drops them.
type silent struct{}

func (silent) Begin()                             {}
func (silent) Settled()                           {}
func (silent) Established(router.Peer)            {}
func (silent) Update(router.Peer, *bgp.BGPUpdate) {}
func (silent) Notified(router.Peer, string)       {}
func (silent) Left(router.Peer)                   {}
func (silent) Unread(error)                       {}
func (silent) Lost(string, string)                {}
