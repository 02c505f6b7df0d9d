package host

import (
	"bytes"
	"encoding/binary"
)

// codes maps Docker's architecture names to machine code for the check container. The code ends with exit
// status 1 - prctl(PR_CAPBSET_READ, CAP_SYS_RESOURCE): 0 if the capability is granted, otherwise 1.
func codes() map[string]machineCode {
	return map[string]machineCode{
		"amd64": {machine: 62, text: []byte{
			0xb8, 157, 0, 0, 0, // mov eax, 157 (prctl)
			0xbf, 23, 0, 0, 0, // mov edi, 23 (PR_CAPBSET_READ)
			0xbe, 24, 0, 0, 0, // mov esi, 24 (CAP_SYS_RESOURCE)
			0x0f, 0x05, // syscall
			0xbf, 1, 0, 0, 0, // mov edi, 1
			0x29, 0xc7, // sub edi, eax
			0xb8, 60, 0, 0, 0, // mov eax, 60 (exit)
			0x0f, 0x05, // syscall
		}},
		"arm64": {machine: 183, text: words(
			0xd28002e0, // mov x0, #23 (PR_CAPBSET_READ)
			0xd2800301, // mov x1, #24 (CAP_SYS_RESOURCE)
			0xd28014e8, // mov x8, #167 (prctl)
			0xd4000001, // svc #0
			0xd2800021, // mov x1, #1
			0xcb000020, // sub x0, x1, x0
			0xd2800ba8, // mov x8, #93 (exit)
			0xd4000001, // svc #0
		)},
	}
}

type machineCode struct {
	machine uint16 // e_machine
	text    []byte
}

func words(w ...uint32) []byte {
	var out []byte
	for _, x := range w {
		out = binary.LittleEndian.AppendUint32(out, x)
	}
	return out
}

// executable returns a whole static ELF program (elf(5)): the file header, one program header that maps the
// file, and the code. The program is hand-made, so the check needs no image, no compiler, and only 200 bytes.
func executable(code machineCode) []byte {
	const (
		base       = 0x400000
		headerSize = 64
		entrySize  = 56
		start      = headerSize + entrySize
	)
	size := uint64(start + len(code.text))
	var b bytes.Buffer
	put := func(v any) { _ = binary.Write(&b, binary.LittleEndian, v) } // a Buffer's writes do not fail
	b.Write([]byte{0x7f, 'E', 'L', 'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0})
	put(uint16(2)) // ET_EXEC
	put(code.machine)
	put(uint32(1))
	put(uint64(base + start)) // entry
	put(uint64(headerSize))   // program headers
	put(uint64(0))            // no section headers
	put(uint32(0))
	put([]uint16{headerSize, entrySize, 1, 64, 0, 0})
	put([]uint32{1, 5}) // PT_LOAD, readable and executable
	put([]uint64{0, base, base, size, size, 0x1000})
	b.Write(code.text)
	return b.Bytes()
}
