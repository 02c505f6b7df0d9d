package lab

import (
	"skidpad.dev/skidpad/lab/addon"
	"skidpad.dev/skidpad/lab/addon/apisix"
	nodebird "skidpad.dev/skidpad/lab/addon/bird"
	"skidpad.dev/skidpad/lab/addon/calico"
	"skidpad.dev/skidpad/lab/addon/chart"
	"skidpad.dev/skidpad/lab/addon/cilium"
	"skidpad.dev/skidpad/lab/addon/kuberouter"
	"skidpad.dev/skidpad/lab/addon/kubevip"
	"skidpad.dev/skidpad/lab/addon/manifests"
	"skidpad.dev/skidpad/lab/addon/metallb"
	"skidpad.dev/skidpad/lab/addon/purelb"
	"skidpad.dev/skidpad/lab/bringup"
	"skidpad.dev/skidpad/lab/check"
	"skidpad.dev/skidpad/lab/fault"
	"skidpad.dev/skidpad/lab/image"
	"skidpad.dev/skidpad/lab/router/bird"
	"skidpad.dev/skidpad/lab/router/exabgp"
	"skidpad.dev/skidpad/lab/router/frr"
	"skidpad.dev/skidpad/lab/router/gobgp"
	"skidpad.dev/skidpad/lab/scenario"
	"skidpad.dev/skidpad/lab/signal"
)

// Kinds is the list of all members of all kinds. A new member is a folder or a file, and a line here.
func Kinds() scenario.Kinds {
	all := members()
	all.Images = image.Names(bringup.Catalogue(all))
	return all
}

func members() scenario.Kinds { //nolint:funlen // a list, one line a member
	return scenario.Kinds{
		Routers: []scenario.Member{ // the first is the default
			frr.Member(),
			bird.Member(),
			gobgp.Member(),
			exabgp.Member(),
		},
		Checks: []scenario.Member{
			check.Member[check.Reach]("reach"),
			check.Member[check.Sessions]("sessions"),
			check.Member[check.Routes]("routes"),
			check.Member[check.Wire]("wire"),
			check.Member[check.NodeRoutes]("nodeRoutes"),
			check.Member[check.ServiceList]("serviceList"),
			check.Member[check.Entry]("entry"),
			check.Member[check.Failover]("failover"),
			check.Member[check.Withdrawal]("withdrawal"),
			check.Member[check.Lease]("lease"),
			check.Member[check.Steady]("held"),
			check.Member[check.API]("api"),
			check.Member[check.Join]("join"),
			check.Member[check.Flows]("flows"),
			check.Member[check.Spread]("spread"),
			check.Member[check.FullTable]("table"),
			check.Member[check.Services]("services"),
		},
		Faults: []scenario.Member{
			fault.Member[fault.Kill](),
			fault.Member[fault.Stop](),
			fault.Member[fault.Pause](),
			fault.Member[fault.Restart](),
			fault.Member[fault.Reboot](),
			fault.Member[fault.KillProcess](),
			fault.Member[fault.PauseProcess](),
			fault.Member[fault.SlowProcess](),
			fault.Member[fault.LinkDown](),
			fault.Member[fault.Flap](),
			fault.Member[fault.Partition](),
			fault.Member[fault.Drop](),
			fault.Member[fault.Loss](),
			fault.Member[fault.RateLimit](),
			fault.Member[fault.Latency](),
			fault.Member[fault.Duplicate](),
			fault.Member[fault.Corrupt](),
			fault.Member[fault.Reorder](),
			fault.Member[fault.MTU](),
			fault.Member[fault.Renumber](),
			fault.Member[fault.StaleNeighbor](),
			fault.Member[fault.WrongNeighbor](),
			fault.Member[fault.BGPShut](),
			fault.Member[fault.BGPClear](),
			fault.Member[fault.BGPSoftClear](),
			fault.Member[fault.Cordon](),
			fault.Member[fault.Drain](),
			fault.Member[fault.DeleteLease](),
			fault.Member[fault.CutAPI](),
			fault.Member[fault.ScaleToZero](),
		},
		Signals: []scenario.Member{
			signal.Member[signal.ARP]("arp"),
			signal.Member[signal.NDP]("ndp"),
			signal.Member[signal.Ping]("ping"),
			signal.Member[signal.TTLExceeded]("ttlExceeded"),
			signal.Member[signal.Connect]("connect"),
			signal.Member[signal.Outage]("outage"),
			signal.Member[signal.Lost]("lost"),
			signal.Member[signal.Sessions]("sessions"),
			signal.Member[signal.PeerASNs]("peerASNs"),
			signal.Member[signal.RIB]("rib"),
			signal.Member[signal.FIB]("fib"),
			signal.Member[signal.Lease]("lease"),
			signal.Member[signal.ServiceIPs]("serviceIPs"),
			signal.Member[signal.Elapsed]("elapsed"),
			signal.Member[signal.Output]("output"),
			signal.Member[signal.Attributes]("attributes"),
			signal.Member[signal.Source]("source"),
			signal.Member[signal.Flaps]("flaps"),
			signal.Member[signal.Share]("share"),
			signal.Member[signal.Datagrams]("datagrams"),
			signal.Member[signal.Unsolicited]("unsolicited"),
		},
		Addons: []scenario.Member{
			addon.Member[cilium.Addon]("cilium"),
			addon.Member[calico.Addon]("calico"),
			addon.Member[kuberouter.Addon]("kubeRouter"),
			addon.Member[metallb.Addon]("metallb"),
			addon.Member[purelb.Addon]("purelb"),
			addon.Member[kubevip.Addon]("kubeVip"),
			addon.Member[nodebird.Addon]("bird"),
			addon.Member[apisix.Addon]("apisix"),
			addon.Member[manifests.Addon]("manifests"),
			addon.Member[chart.Addon]("chart"),
		},
	}
}
