// Package wire drops, copies, delays and limits packets on the interfaces of a network namespace: drops by nftables, rates and
// delays by queues (tc(8)). Networks with impairments and faults share the package.
package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"net"
	"net/netip"
	"slices"
	"syscall"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	vns "github.com/vishvananda/netns"
)

// EtherIPv6 is the EtherType of IPv6.
const EtherIPv6 = 0x86dd

// Match selects packets; zero values match all.
type Match struct {
	Ether        uint16
	L4           uint8
	SPort, DPort uint16
	SAddr, DAddr netip.Addr // of the family in Ether
}

// Drop is a rule: the device and the match of the dropped packets.
type Drop struct {
	Device   string
	Egress   bool
	From, To net.HardwareAddr
	Match    Match
	Percent  float64 // of the matching packets; 0 is all
	// Twice sends the matching packets on the way out twice instead, via the device with this index.
	Twice int
}

// LackError is the kernel's refusal of a feature that the kernel was built without.
type LackError struct{ Err error }

// Error returns the kernel's error.
func (e *LackError) Error() string { return e.Err.Error() }

// Unwrap returns the kernel's error.
func (e *LackError) Unwrap() error { return e.Err }

// Open opens nftables in a namespace.
func Open(ns vns.NsHandle) (*nftables.Conn, error) {
	c, err := nftables.New(nftables.WithNetNSFd(int(ns)))
	if err != nil {
		return nil, fmt.Errorf("nftables in the namespace: %w; faults and impairments need root on the host", err)
	}
	return c, nil
}

// Install makes a table of drops, and replaces a table of the same name. The new table appears in a single transaction,
// completely or not at all.
func Install(ns vns.NsHandle, table string, drops []Drop) error {
	if err := Uninstall(ns, table); err != nil || len(drops) == 0 {
		return err
	}
	c, err := Open(ns)
	if err != nil {
		return err
	}
	t := c.AddTable(&nftables.Table{Name: table, Family: nftables.TableFamilyNetdev})
	chains := map[string]*nftables.Chain{}
	for _, d := range drops {
		hook, name := nftables.ChainHookIngress, d.chain()
		if d.Egress {
			hook = nftables.ChainHookEgress
		}
		if chains[name] == nil {
			accept := nftables.ChainPolicyAccept
			chains[name] = c.AddChain(&nftables.Chain{
				Name: name, Table: t, Type: nftables.ChainTypeFilter, Hooknum: hook,
				Priority: nftables.ChainPriorityRaw, Policy: &accept, Device: d.Device,
			})
		}
		c.AddRule(&nftables.Rule{Table: t, Chain: chains[name], Exprs: d.exprs()})
	}
	err = c.Flush()
	if errors.Is(err, syscall.EOPNOTSUPP) || errors.Is(err, syscall.EAFNOSUPPORT) || errors.Is(err, syscall.ENOENT) {
		return &LackError{fmt.Errorf("nftables table %s: %w", table, err)}
	}
	if err != nil {
		return fmt.Errorf("nftables table %s: %w", table, err)
	}
	return nil
}

// Uninstall removes a table of ours. A missing table is no error.
func Uninstall(ns vns.NsHandle, table string) error {
	c, err := Open(ns)
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

// Delays reports whether a process delays packets of the namespace.
func Delays(ns vns.NsHandle) (bool, error) {
	c, err := Open(ns)
	if err != nil {
		return false, err
	}
	tables, err := c.ListTablesOfFamily(nftables.TableFamilyIPv4)
	return slices.ContainsFunc(tables, func(t *nftables.Table) bool { return t.Name == delayTable }), err
}

// chain returns the name of the chain for the drop.
func (d Drop) chain() string {
	if d.Egress {
		return "out_" + d.Device
	}
	return "in_" + d.Device
}

// register holds the loaded value of each comparison.
const register = 1

// exprs returns the rule's expressions. A failed comparison ends the rule.
func (d Drop) exprs() []expr.Any {
	var list []expr.Any
	equal := func(load expr.Any, want []byte) {
		list = append(list, load, &expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: want})
	}
	payload := func(base expr.PayloadBase, offset, length uint32) expr.Any {
		return &expr.Payload{DestRegister: register, Base: base, Offset: offset, Len: length}
	}
	if d.To != nil {
		equal(payload(expr.PayloadBaseLLHeader, 0, 6), d.To)
	}
	if d.From != nil {
		equal(payload(expr.PayloadBaseLLHeader, 6, 6), d.From)
	}
	m := d.Match
	if m.Ether != 0 {
		equal(&expr.Meta{Key: expr.MetaKeyPROTOCOL, Register: register}, big(m.Ether))
	}
	if m.L4 != 0 {
		equal(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register}, []byte{m.L4})
	}
	source, destination, length := uint32(12), uint32(16), uint32(4) // in IPv4's header (RFC 791, 3.1)
	if m.Ether == EtherIPv6 {
		source, destination, length = 8, 24, 16 // RFC 8200, 3
	}
	if m.SAddr.IsValid() {
		equal(payload(expr.PayloadBaseNetworkHeader, source, length), m.SAddr.AsSlice())
	}
	if m.DAddr.IsValid() {
		equal(payload(expr.PayloadBaseNetworkHeader, destination, length), m.DAddr.AsSlice())
	}
	if m.SPort != 0 {
		equal(payload(expr.PayloadBaseTransportHeader, 0, 2), big(m.SPort))
	}
	if m.DPort != 0 {
		equal(payload(expr.PayloadBaseTransportHeader, 2, 2), big(m.DPort))
	}
	if d.Percent > 0 {
		list = append(list, oneIn(d.Percent)...)
	}
	if d.Twice != 0 {
		return append(list, d.again()...)
	}
	return append(list, &expr.Counter{}, &expr.Verdict{Kind: expr.VerdictDrop})
}

// copied is the bit of the packet mark that a duplicated packet has: the copy passes the hook again, and is not copied again.
const copied = 1 << 29

// again marks the packet, and sends a copy through the device.
func (d Drop) again() []expr.Any {
	number := func(v uint32) []byte { return binary.NativeEndian.AppendUint32(nil, v) }
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyMARK, Register: register},
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 4, Mask: number(copied), Xor: number(0)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: number(0)},
		&expr.Meta{Key: expr.MetaKeyMARK, Register: register},
		&expr.Bitwise{SourceRegister: register, DestRegister: register, Len: 4, Mask: number(^uint32(copied)), Xor: number(copied)},
		&expr.Meta{Key: expr.MetaKeyMARK, Register: register, SourceRegister: true},
		&expr.Immediate{Register: register, Data: number(uint32(d.Twice))},
		&expr.Counter{},
		&expr.Dup{RegDev: register, IsRegDevSet: true},
	}
}

// parts is the resolution of a percentage: a ten-thousandth of a percent.
const parts = 1_000_000

const numgenRandom = 1 // NFT_NG_RANDOM (nf_tables.h)

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
