package wire

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/xt"
	"github.com/vishvananda/netlink"
	vns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"

	"skidpad.dev/skidpad/lab/docker"
	"skidpad.dev/skidpad/lab/system"
)

// bypass lets packets pass a queue without a reader (NFQ_FLAG_BYPASS).
const bypass = 1

// delayWithin bounds the start of the process that delays packets.
const delayWithin = 15 * time.Second

// Namespace is the open network namespace of a running container of a lab.
type Namespace struct {
	*netlink.Handle
	NS             vns.NsHandle
	PID            int // of the container's first process
	Lab, Container string
}

// Missing lists the impairments of ports that are not in force.
func (n Namespace) Missing(ports []Port) ([]string, error) {
	var missing []string
	chains, err := chains(n.NS)
	if err != nil {
		return nil, err
	}
	queues, err := n.queues()
	if err != nil {
		return nil, err
	}
	for _, p := range ports {
		if !p.Impaired() {
			continue
		}
		kinds, err := n.kinds(p.Device)
		if err != nil {
			return nil, err
		}
		if p.Rate > 0 && !kinds["tbf"] {
			missing = append(missing, p.what("the rate"))
		}
		if p.late() && !kinds["netem"] && (!queues[p.Queue] || !chains[delayTable+"/postrouting"]) {
			missing = append(missing, p.what("the delay or the corruption"))
		}
		if p.Loss > 0 && !chains[lossTable+"/"+(Drop{Device: p.Device, Egress: p.Egress}).chain()] {
			missing = append(missing, p.what("the loss"))
		}
	}
	return missing, nil
}

// Impair gives the ports of a namespace their impairments. Ports without missing impairments stay as they are, unless again is
// set: then every port gets its impairment anew, or loses the old impairment.
func (n Namespace) Impair(ctx context.Context, ports []Port, again bool) error {
	missing, err := n.Missing(ports)
	if err != nil || len(missing) == 0 && !again {
		return err
	}
	var queued []Port
	for _, p := range ports {
		if p.Sending == (Sending{}) && !again {
			continue
		}
		err := Send(n.Handle, p.Device, p.Sending)
		if p.late() && (errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP)) { // no netem
			queued = append(queued, p)
			err = Send(n.Handle, p.Device, Sending{Rate: p.Rate})
		}
		if err != nil {
			return err
		}
	}
	if err := n.queue(ctx, queued); err != nil {
		return err
	}
	return Install(n.NS, lossTable, drops(ports))
}

// kinds lists the kinds of our queues on an interface.
func (n Namespace) kinds(device string) (map[string]bool, error) {
	dev, err := n.LinkByName(device)
	if err != nil {
		return nil, nil //nolint:nilerr // a missing interface has no queues
	}
	list, err := n.QdiscList(dev)
	if err != nil {
		return nil, fmt.Errorf("queues of %s: %w", device, err)
	}
	kinds := map[string]bool{}
	for _, q := range list {
		if h := q.Attrs().Handle >> 16; h == rootHandle || h == rootHandle+1 {
			kinds[q.Type()] = true
		}
	}
	return kinds, nil
}

// chains lists our chains of a namespace: table/chain.
func chains(ns vns.NsHandle) (map[string]bool, error) {
	c, err := Open(ns)
	if err != nil {
		return nil, err
	}
	list, err := c.ListChains()
	if err != nil {
		return nil, fmt.Errorf("nftables: listing chains: %w", err)
	}
	all := map[string]bool{}
	for _, chain := range list {
		all[chain.Table.Name+"/"+chain.Name] = true
	}
	return all, nil
}

// queues lists the queues of the namespace that a process reads.
func (n Namespace) queues() (map[uint16]bool, error) {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/netfilter/nfnetlink_queue", n.PID))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil // no process has ever read a queue, or the kernel has no queues
	}
	all := map[uint16]bool{}
	for line := range strings.Lines(string(data)) {
		var number uint16
		if _, err := fmt.Sscan(line, &number); err == nil {
			all[number] = true
		}
	}
	return all, err
}

// queue sends the IPv4 and IPv6 packets to ports through queues, and starts the process that delays the packets. An earlier
// process ends. Without ports, nothing remains.
func (n Namespace) queue(ctx context.Context, ports []Port) error {
	name := []string{delayer, n.Lab, n.Container}
	if err := end(name); err != nil {
		return err
	}
	if err := redirect(n.NS, ports); err != nil || len(ports) == 0 {
		return err
	}
	text, err := json.Marshal(assignment{n.PID, ports})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, delayWithin, fmt.Errorf("no answer after %s", delayWithin))
	defer cancel()
	cmd := exec.Command("/proc/self/exe") //nolint:noctx // the process outlives this call
	cmd.Args, cmd.Env = name, append(os.Environ(), envDelay+"="+string(text), docker.EnvLab+"="+n.Lab)
	system.Detach(cmd)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	said := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(out).ReadString('\n')
		said <- line
		_ = cmd.Wait()
	}()
	select {
	case line := <-said:
		if line != "\n" {
			return fmt.Errorf("the process that delays packets of %s: %s", n.Container, strings.TrimSpace(line))
		}
		return nil
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("the process that delays packets of %s: %w", n.Container, context.Cause(ctx)), cmd.Process.Kill())
	}
}

// end ends the process with a command line.
func end(args []string) error {
	files, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		return err
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil || string(data) != strings.Join(args, "\x00")+"\x00" {
			continue // also a process that ended meanwhile
		}
		var pid int
		if _, err := fmt.Sscanf(file, "/proc/%d/", &pid); err != nil {
			return err
		}
		if err := system.Signal(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

// redirect makes the tables that lead packets into queues, and replaces earlier tables. Packets pass a queue without a reader.
func redirect(ns vns.NsHandle, ports []Port) error {
	c, err := Open(ns)
	if err != nil {
		return err
	}
	old, err := c.ListTables()
	if err != nil {
		return fmt.Errorf("nftables: listing tables: %w", err)
	}
	for _, t := range old {
		if t.Name == delayTable {
			c.DelTable(t)
		}
	}
	for _, family := range []nftables.TableFamily{nftables.TableFamilyIPv4, nftables.TableFamilyIPv6} {
		if len(ports) == 0 {
			continue
		}
		t := c.AddTable(&nftables.Table{Name: delayTable, Family: family})
		const afterNAT = nftables.ChainPriority(200)
		priority := afterNAT
		chain := c.AddChain(&nftables.Chain{Name: "postrouting", Table: t, Type: nftables.ChainTypeFilter, Hooknum: nftables.ChainHookPostrouting, Priority: &priority})
		for _, p := range ports {
			device := make([]byte, unix.IFNAMSIZ)
			copy(device, p.Device)
			// The target of iptables(8), because some kernels have no queues of nftables: struct xt_NFQ_info_v3.
			info := xt.Unknown(binary.NativeEndian.AppendUint16(binary.NativeEndian.AppendUint16(binary.NativeEndian.AppendUint16(nil, p.Queue), 1), bypass))
			c.AddRule(&nftables.Rule{Table: t, Chain: chain, Exprs: []expr.Any{
				&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: register},
				&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: device},
				&expr.Target{Name: "NFQUEUE", Rev: 3, Info: &info},
			}})
		}
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("nftables table %s: %w", delayTable, err)
	}
	return nil
}
