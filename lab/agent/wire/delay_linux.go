package wire

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"time"

	"github.com/mdlayher/netlink"
	vns "github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Numbers of linux/netfilter/nfnetlink_queue.h.
const (
	queuePacket  = unix.NFNL_SUBSYS_QUEUE << 8
	queueVerdict = queuePacket | 1
	queueConfig  = queuePacket | 2

	attrPacketHeader  = 1  // NFQA_PACKET_HDR
	attrVerdictHeader = 2  // NFQA_VERDICT_HDR
	attrPayload       = 10 // NFQA_PAYLOAD
	attrCommand       = 1  // NFQA_CFG_CMD
	attrParams        = 2  // NFQA_CFG_PARAMS
	attrMaxLen        = 3  // NFQA_CFG_QUEUE_MAXLEN

	commandBind = 1
	copyMeta    = 1
	copyPacket  = 2
	accept      = 1 // NF_ACCEPT
)

const (
	// heldAtMost bounds the waiting packets of an interface, as the queue of netem is bounded.
	heldAtMost = 100_000
	// buffered is the size of the socket's buffer in bytes.
	buffered = 16 << 20
)

// Main does nothing, unless this process was started to delay packets. Then Main works until the container ends, and ends the
// process. The container's processes never see the work: if this process dies, packets pass without delay, and `status` tells.
func Main() {
	text := os.Getenv(envDelay)
	if text == "" {
		return
	}
	if err := delay(text); err != nil {
		fmt.Fprintln(os.Stdout, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// delay prints an empty line as soon as all queues have their process.
func delay(text string) error {
	var a assignment
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return err
	}
	punctual()
	container, err := unix.PidfdOpen(a.PID, 0)
	if err != nil {
		return fmt.Errorf("process %d: %w", a.PID, err)
	}
	ns, err := vns.GetFromPath(fmt.Sprintf("/proc/%d/ns/net", a.PID))
	if err != nil {
		return err
	}
	failed := make(chan error, len(a.Ports)+1)
	for _, p := range a.Ports {
		c, err := bind(ns, p)
		if err != nil {
			return fmt.Errorf("queue of %s: %w", p.Device, err)
		}
		go func() { failed <- p.hold(c) }()
	}
	if _, err := fmt.Fprintln(os.Stdout); err != nil {
		return err
	}
	_ = os.Stdout.Close()
	go func() {
		err := error(unix.EINTR)
		for errors.Is(err, unix.EINTR) {
			_, err = unix.Poll([]unix.PollFd{{Fd: int32(container), Events: unix.POLLIN}}, -1) //nolint:gosec // a descriptor
		}
		failed <- err
	}()
	return <-failed
}

// punctual puts all threads of this process before other work, as far as the kernel allows. New threads inherit the order.
func punctual() {
	threads, _ := os.ReadDir("/proc/self/task")
	for _, t := range threads {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			if unix.SchedSetAttr(id, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}, 0) != nil {
				_ = unix.Setpriority(unix.PRIO_PROCESS, id, -20)
			}
		}
	}
}

// bind makes this process the reader of a queue. The answer comes among the packets.
func bind(ns vns.NsHandle, p Port) (*netlink.Conn, error) {
	c, err := netlink.Dial(unix.NETLINK_NETFILTER, &netlink.Config{NetNS: int(ns)})
	if err != nil {
		return nil, err
	}
	_ = c.SetReadBuffer(buffered)
	_ = c.SetOption(netlink.NoENOBUFS, true)
	params := binary.BigEndian.AppendUint32(nil, 0xffff)
	if p.Corrupt > 0 {
		params = append(params, copyPacket)
	} else {
		params = append(params, copyMeta)
	}
	err = p.send(c, queueConfig, netlink.Acknowledge,
		netlink.Attribute{Type: attrCommand, Data: []byte{commandBind, 0, 0, 0}},
		netlink.Attribute{Type: attrParams, Data: params},
		netlink.Attribute{Type: attrMaxLen, Data: binary.BigEndian.AppendUint32(nil, heldAtMost)})
	return c, err
}

func (p Port) send(c *netlink.Conn, kind netlink.HeaderType, flags netlink.HeaderFlags, attributes ...netlink.Attribute) error {
	data, err := netlink.MarshalAttributes(attributes)
	if err != nil {
		return err
	}
	header := binary.BigEndian.AppendUint16([]byte{unix.AF_UNSPEC, 0}, p.Queue) // struct nfgenmsg
	_, err = c.Send(netlink.Message{Header: netlink.Header{Type: kind, Flags: netlink.Request | flags}, Data: append(header, data...)})
	return err
}

// hold delays the packets of a queue until an error.
func (p Port) hold(c *netlink.Conn) error {
	arrived, failed := make(chan held, 1024), make(chan error, 1)
	go func() { failed <- p.receive(c, arrived) }()
	var waiting line
	timer := time.NewTimer(time.Hour)
	for {
		if len(waiting) > 0 {
			timer.Reset(time.Until(waiting[0].at))
		}
		select {
		case x := <-arrived:
			waiting.add(x)
		case <-timer.C:
		case err := <-failed:
			return err
		}
		for _, x := range waiting.due(time.Now()) {
			attributes := []netlink.Attribute{{Type: attrVerdictHeader, Data: binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, accept), x.id)}}
			if x.payload != nil {
				attributes = append(attributes, netlink.Attribute{Type: attrPayload, Data: x.payload})
			}
			if err := p.send(c, queueVerdict, 0, attributes...); err != nil {
				return err
			}
		}
	}
}

func (p Port) receive(c *netlink.Conn, to chan<- held) error {
	random := rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())) //nolint:gosec // no secret
	for {
		messages, err := c.Receive()
		if err != nil {
			return err
		}
		now := time.Now()
		for _, m := range messages {
			if m.Header.Type != queuePacket || len(m.Data) < 4 {
				continue
			}
			attributes, err := netlink.UnmarshalAttributes(m.Data[4:])
			if err != nil {
				return err
			}
			x := held{at: now.Add(p.wait(random))}
			for _, a := range attributes {
				switch {
				case a.Type == attrPacketHeader && len(a.Data) >= 4:
					x.id = binary.BigEndian.Uint32(a.Data)
				case a.Type == attrPayload:
					x.payload = p.corrupt(a.Data, random)
				}
			}
			to <- x
		}
	}
}
