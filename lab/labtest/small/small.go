// Package small bounds the memory that a fuzz target's reader takes for one input.
package small

import (
	"os"
	"path/filepath"
	"runtime/metrics"
	"testing"
)

// most is the number of bytes that a reader may allocate for one input.
const most = 100 << 20

// Reader runs read, and fails the test if read allocates more than 100 MB. The count includes memory that was freed.
func Reader(t *testing.T, read func()) {
	t.Helper()
	before := allocated()
	read()
	if took := allocated() - before; took > most {
		t.Errorf("one input took %d MB, want at most %d MB", took>>20, most>>20)
	}
}

func allocated() uint64 {
	s := []metrics.Sample{{Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// Seed adds the files that match the patterns to a target's corpus. A pattern without a file fails the test.
func Seed(f *testing.F, add func(data []byte), patterns ...string) {
	f.Helper()
	for _, pattern := range patterns {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			f.Fatalf("%s: no seed, %v", pattern, err)
		}
		for _, file := range files {
			data, err := os.ReadFile(file)
			if err != nil {
				f.Fatal(err)
			}
			add(data)
		}
	}
}
