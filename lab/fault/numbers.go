package fault

import "syscall"

// Numbers of Linux's headers. Faults are made on Linux, also for a client on another system; the libraries have the numbers
// only on Linux.
const (
	everyTable     = 0   // RT_TABLE_UNSPEC (rtnetlink.h)
	tableLocal     = 255 // RT_TABLE_LOCAL
	protocolKernel = 2   // RTPROT_KERNEL
	typeUnicast    = 1   // RTN_UNICAST
	onlink         = 4   // RTNH_F_ONLINK
	scopeUniverse  = 0   // RT_SCOPE_UNIVERSE

	neighborStale     = 0x04 // NUD_STALE (neighbour.h)
	neighborPermanent = 0x80 // NUD_PERMANENT
	neighborLearned   = 0x10 // NTF_EXT_LEARNED

	noDAD = 0x02 // IFA_F_NODAD (if_addr.h)

	sigCont, sigStop = syscall.Signal(18), syscall.Signal(19) // signal(7)
)
