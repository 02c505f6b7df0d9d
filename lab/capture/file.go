package capture

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"
)

// counts holds the kernel's own counts.
type counts struct{ received, dropped uint64 }

func (c counts) plus(d counts) counts { return counts{c.received + d.received, c.dropped + d.dropped} }

// file writes pcapng (draft-ietf-opsawg-pcapng) with an interface per source. Many goroutines may use a file.
type file struct {
	mu    sync.Mutex
	ng    *pcapgo.NgWriter
	index map[string]int // by source
}

// newFile begins a file. sources has at least one entry.
func newFile(w io.Writer, sources []source, snapLen int, comment string) (*file, error) {
	f := &file{index: map[string]int{}}
	for i, s := range sources {
		in := pcapgo.NgInterface{Name: s.name, Description: s.text, OS: runtime.GOOS, LinkType: layers.LinkTypeEthernet,
			SnapLength: uint32(snapLen), TimestampResolution: 9}
		if i == 0 {
			ng, err := pcapgo.NewNgWriterInterface(w, in, pcapgo.NgWriterOptions{SectionInfo: pcapgo.NgSectionInfo{
				Hardware: runtime.GOARCH, OS: runtime.GOOS, Application: "skidpad", Comment: comment}})
			if err != nil {
				return nil, err
			}
			f.ng = ng
			f.index[s.name] = 0
			continue
		}
		n, err := f.ng.AddInterface(in)
		if err != nil {
			return nil, err
		}
		f.index[s.name] = n
	}
	return f, nil
}

func (f *file) write(source string, p packet) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ng.WritePacket(gopacket.CaptureInfo{Timestamp: time.Unix(0, p.at), CaptureLength: len(p.data), Length: p.length,
		InterfaceIndex: f.index[source]}, p.data)
}

// end writes the kernel's counts and flushes. end does not close the underlying writer.
func (f *file) end(stats map[string]counts) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, i := range f.index {
		c := stats[name]
		if err := f.ng.WriteInterfaceStats(i, pcapgo.NgInterfaceStatistics{LastUpdate: time.Now(), PacketsReceived: c.received, PacketsDropped: c.dropped}); err != nil {
			return err
		}
	}
	return f.ng.Flush()
}

func (f *file) flush() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ng.Flush()
}

// writeFile writes the packets of one source, in the order of time.
func writeFile(path string, s source, snapLen int, comment string, packets []packet, c counts) (err error) {
	out, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("capture of %s: %w", s.name, err)
	}
	defer func() {
		if err = errors.Join(err, out.Close()); err != nil {
			err = fmt.Errorf("capture of %s: writing %s: %w", s.name, path, err)
		}
	}()
	f, err := newFile(out, []source{s}, snapLen, comment)
	if err != nil {
		return err
	}
	slices.SortStableFunc(packets, func(a, b packet) int { return cmp.Compare(a.at, b.at) })
	for _, p := range packets {
		if err := f.write(s.name, p); err != nil {
			return err
		}
	}
	return f.end(map[string]counts{s.name: c})
}
