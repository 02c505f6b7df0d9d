package fault

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"syscall"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
)

// lackError is the kernel's refusal of a feature that the kernel was built without.
type lackError struct{ err error }

func (e *lackError) Error() string { return e.err.Error() }
func (e *lackError) Unwrap() error { return e.err }

// install makes a table of drops, and replaces a table of the same name. The new table appears in a single transaction,
// completely or not at all.
func (n *netns) install(table string, drops []drop) error {
	if err := n.uninstall(table); err != nil || len(drops) == 0 {
		return err
	}
	c, err := n.nft()
	if err != nil {
		return err
	}
	t := c.AddTable(&nftables.Table{Name: table, Family: nftables.TableFamilyNetdev})
	chains := map[string]*nftables.Chain{}
	for _, d := range drops {
		hook, way := nftables.ChainHookIngress, "in"
		if d.egress {
			hook, way = nftables.ChainHookEgress, "out"
		}
		name := way + "_" + d.device
		if chains[name] == nil {
			accept := nftables.ChainPolicyAccept
			chains[name] = c.AddChain(&nftables.Chain{
				Name: name, Table: t, Type: nftables.ChainTypeFilter, Hooknum: hook,
				Priority: nftables.ChainPriorityRaw, Policy: &accept, Device: d.device,
			})
		}
		c.AddRule(&nftables.Rule{Table: t, Chain: chains[name], Exprs: d.exprs()})
	}
	err = c.Flush()
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.ENOENT) {
		return &lackError{fmt.Errorf("nftables table %s: %w", table, err)}
	}
	if err != nil {
		return fmt.Errorf("nftables table %s: %w", table, err)
	}
	return nil
}

// uninstall removes a table of ours. A missing table is no error.
func (n *netns) uninstall(table string) error {
	c, err := n.nft()
	if err != nil {
		return err
	}
	tables, err := c.ListTablesOfFamily(nftables.TableFamilyNetdev)
	if err != nil {
		return fmt.Errorf("nftables: listing tables: %w", err)
	}
	i := slices.IndexFunc(tables, func(t *nftables.Table) bool { return t.Name == table })
	if i < 0 {
		return nil
	}
	c.DelTable(tables[i])
	if err := c.Flush(); err != nil && !errors.Is(err, syscall.ENOENT) {
		return fmt.Errorf("nftables: removing table %s: %w", table, err)
	}
	return nil
}

// register holds the loaded value of each comparison.
const register = 1

// exprs returns the rule's expressions. A failed comparison ends the rule.
func (d drop) exprs() []expr.Any {
	var list []expr.Any
	equal := func(load expr.Any, want []byte) {
		list = append(list, load, &expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: want})
	}
	payload := func(base expr.PayloadBase, offset, length uint32) expr.Any {
		return &expr.Payload{DestRegister: register, Base: base, Offset: offset, Len: length}
	}
	if d.to != nil {
		equal(payload(expr.PayloadBaseLLHeader, 0, 6), d.to)
	}
	if d.from != nil {
		equal(payload(expr.PayloadBaseLLHeader, 6, 6), d.from)
	}
	m := d.match
	if m.ether != 0 {
		equal(&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: register}, big(m.ether))
	}
	if m.l4 != 0 {
		equal(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register}, []byte{m.l4})
	}
	source, destination, length := uint32(12), uint32(16), uint32(4) // in IPv4's header (RFC 791, 3.1)
	if m.ether == etherIPv6 {
		source, destination, length = 8, 24, 16 // RFC 8200, 3
	}
	if m.saddr.IsValid() {
		equal(payload(expr.PayloadBaseNetworkHeader, source, length), m.saddr.AsSlice())
	}
	if m.daddr.IsValid() {
		equal(payload(expr.PayloadBaseNetworkHeader, destination, length), m.daddr.AsSlice())
	}
	if m.sport != 0 {
		equal(payload(expr.PayloadBaseTransportHeader, 0, 2), big(m.sport))
	}
	if m.dport != 0 {
		equal(payload(expr.PayloadBaseTransportHeader, 2, 2), big(m.dport))
	}
	if d.percent > 0 {
		list = append(list, oneIn(d.percent)...)
	}
	if d.twice != 0 {
		return append(list, d.again()...)
	}
	return append(list, &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop})
}

// copied is the bit of the packet mark that a duplicated packet has: the copy passes the hook again, and is not copied again.
const copied = 1 << 29

// again marks the packet, and sends a copy through the device.
func (d drop) again() []expr.Any {
	number := func(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: register},
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 4, Mask: number(copied), Xor: number(0)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: number(0)},
		&expr.Meta{Key: expr.MetaKeyMARK, Register: register},
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 4, Mask: number(^uint32(copied)), Xor: number(copied)},
		&expr.Meta{Key: expr.MetaKeyMARK, Register: register, SourceRegister: true},
		&expr.Immediate{Register: register, Data: number(uint32(d.twice))},
		&expr.Counter{},
		&expr.Dup{RegDev: register, IsRegDevSet: true},
	}
}

// parts is the resolution of a percentage: a ten-thousandth of a percent.
const parts = 1_000_000

// oneIn matches a percentage of packets at random. The kernel compares byte by byte, and the random number is therefore first
// put into network order.
func oneIn(percent float64) []expr.Any {
	below := make([]byte, 4)
	binary.BigEndian.PutUint32(below, uint32(math.Round(percent/100*parts)))
	return []expr.Any{
		&expr.Numgen{Register: register, Modulus: parts, Type: numgenRandom},
		&expr.Byteorder{SourceRegister: register, DestRegister: register, Op: expr.ByteorderHton, Len: 4, Size: 4},
		&expr.Cmp{Op: expr.CmpOpLt, Register: register, Data: below},
	}
}

func big(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
