package capture

import (
	"encoding/binary"
	"sync"
	"time"
)

// packet is a packet from a socket.
type packet struct {
	at     int64 // wall clock, nanoseconds since 1970
	length int   // on the wire
	data   []byte
}

const (
	chunkSize  = 256 << 10
	headerSize = 16 // at, length, bytes kept
)

// ring holds the packets of the last seconds within a number of bytes. Packets are stored contiguously in
// chunks, so the garbage collector has nothing to scan, and a whole chunk is dropped at once.
type ring struct {
	mu     sync.Mutex
	last   int64 // nanoseconds
	most   int   // chunks
	chunks []chunk
	free   []byte // the chunk dropped last, for reuse
}

// chunk is a run of packets.
type chunk struct {
	buf    []byte
	newest int64
}

// newRing holds at least one chunk, even for a small number of bytes.
func newRing(last time.Duration, bytes int) *ring {
	return &ring{last: int64(last), most: max(1, bytes/chunkSize)}
}

// add copies the packet.
func (r *ring) add(p packet) {
	r.mu.Lock()
	defer r.mu.Unlock()
	need := headerSize + len(p.data)
	if need > chunkSize {
		p.data = p.data[:chunkSize-headerSize]
		need = chunkSize
	}
	if n := len(r.chunks); n == 0 || len(r.chunks[n-1].buf)+need > chunkSize {
		r.forget(p.at)
		r.chunks = append(r.chunks, chunk{buf: r.fresh()})
	}
	c := &r.chunks[len(r.chunks)-1]
	c.buf = binary.LittleEndian.AppendUint64(c.buf, uint64(p.at))
	c.buf = binary.LittleEndian.AppendUint32(c.buf, uint32(p.length))
	c.buf = binary.LittleEndian.AppendUint32(c.buf, uint32(len(p.data)))
	c.buf = append(c.buf, p.data...)
	c.newest = max(c.newest, p.at)
}

// forget makes room for another chunk.
func (r *ring) forget(now int64) {
	for len(r.chunks) > 0 && (len(r.chunks) >= r.most || r.chunks[0].newest < now-r.last) {
		r.free = r.chunks[0].buf[:0]
		r.chunks = append(r.chunks[:0], r.chunks[1:]...)
	}
}

func (r *ring) fresh() []byte {
	buf := r.free
	r.free = nil
	if buf == nil {
		buf = make([]byte, 0, chunkSize)
	}
	return buf
}

// since returns the held packets that are not older than from, in the order of arrival. The data belongs to
// the ring: after since, add must not be called.
func (r *ring) since(from time.Time) []packet {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []packet
	for _, c := range r.chunks {
		for b := c.buf; len(b) > 0; {
			at := int64(binary.LittleEndian.Uint64(b))
			length, kept := binary.LittleEndian.Uint32(b[8:]), int(binary.LittleEndian.Uint32(b[12:]))
			if at >= from.UnixNano() {
				all = append(all, packet{at: at, length: int(length), data: b[headerSize : headerSize+kept]})
			}
			b = b[headerSize+kept:]
		}
	}
	return all
}
