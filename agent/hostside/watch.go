package hostside

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// nfnlgrpNFTables is NFNLGRP_NFTABLES of linux/netfilter/nfnetlink.h.
const nfnlgrpNFTables = 7

// Watch calls changed whenever something happens in the kernel that may concern
// the host side of a gateway: to weft-gw, to routes, or to anybody's tables of
// nftables. It does not say what, and it also reports what Apply itself does.
// Watching ends with ctx.
func Watch(ctx context.Context, log *slog.Logger, changed func()) error {
	links, err := nl.Subscribe(unix.NETLINK_ROUTE, unix.RTNLGRP_LINK,
		unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE)
	if err != nil {
		return fmt.Errorf("subscribe to the kernel's changes of links, addresses and routes: %w", err)
	}
	tables, err := nl.Subscribe(unix.NETLINK_NETFILTER, nfnlgrpNFTables)
	if err != nil {
		links.Close()
		return fmt.Errorf("subscribe to the kernel's changes of nftables: %w", err)
	}
	go follow(ctx, log, links, concerns, changed)
	go follow(ctx, log, tables, func(uint16, []byte) bool { return true }, changed)
	context.AfterFunc(ctx, func() {
		links.Close()
		tables.Close()
	})
	return nil
}

func follow(ctx context.Context, log *slog.Logger, from *nl.NetlinkSocket, concerns func(uint16, []byte) bool, changed func()) {
	for {
		messages, _, err := from.Receive()
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, unix.ENOBUFS) { // too many came at once, some are lost
			changed()
			continue
		}
		if err != nil {
			log.Warn("changes in the kernel are no longer heard of and wait for the next check", "error", err)
			return
		}
		for _, m := range messages {
			if concerns(m.Header.Type, m.Data) {
				changed()
				break
			}
		}
	}
}

// concerns sorts out the links of others, of which a host with many containers
// has much to tell.
func concerns(kind uint16, data []byte) bool {
	if kind == unix.RTM_NEWLINK || kind == unix.RTM_DELLINK {
		return bytes.Contains(data, []byte(Interface+"\x00"))
	}
	return true
}
