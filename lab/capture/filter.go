package capture

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"strings"

	"skidpad.dev/skidpad/lab/node"
)

// Filter is a classic BPF program; its return value decides whether a packet is kept, and how many bytes.
type Filter []Instruction

// Instruction is an instruction of a classic BPF program (linux/filter.h, struct sock_filter).
type Instruction struct {
	Code   uint16
	Jt, Jf uint8
	K      uint32
}

// bpfReturn is the instruction that ends a program with a constant (linux/bpf_common.h: BPF_RET|BPF_K).
const bpfReturn = 0x06

// Compile makes a filter from an expression (pcap-filter(7): `udp port 8080`, `host r1 and tcp port 179`).
// tcpdump in a node of the lab compiles the expression, since hosts may lack tcpdump. The empty expression
// gives nil.
func Compile(ctx context.Context, n node.Node, expression string) (Filter, error) {
	if strings.TrimSpace(expression) == "" {
		return nil, nil
	}
	out, err := n.Exec(ctx, "tcpdump", "-y", "EN10MB", "-ddd", expression)
	if err != nil {
		return nil, fmt.Errorf("filter %q: %w", expression, err)
	}
	return parse(expression, out)
}

// parse reads the output of tcpdump -ddd: the number of instructions, then one instruction per line.
func parse(expression string, out []byte) (Filter, error) {
	lines := bufio.NewScanner(bytes.NewReader(out))
	var f Filter
	want := -1
	for lines.Scan() {
		if want < 0 {
			if _, err := fmt.Sscan(lines.Text(), &want); err != nil {
				return nil, fmt.Errorf("filter %q: tcpdump says %q, wanted a number of instructions", expression, lines.Text())
			}
			continue
		}
		var i Instruction
		if _, err := fmt.Sscan(lines.Text(), &i.Code, &i.Jt, &i.Jf, &i.K); err != nil {
			return nil, fmt.Errorf("filter %q: tcpdump says %q, wanted an instruction of four numbers: %w", expression, lines.Text(), err)
		}
		f = append(f, i)
	}
	if len(f) == 0 || len(f) != want {
		return nil, fmt.Errorf("filter %q: tcpdump printed %d instructions, wanted %d", expression, len(f), want)
	}
	return f, nil
}

// clipped returns the filter with packets cut to n bytes; the nil filter takes everything.
func (f Filter) clipped(n int) Filter {
	if len(f) == 0 {
		return Filter{{Code: bpfReturn, K: uint32(n)}}
	}
	cut := make(Filter, len(f))
	for i, in := range f {
		if in.Code == bpfReturn && in.K > uint32(n) {
			in.K = uint32(n)
		}
		cut[i] = in
	}
	return cut
}
