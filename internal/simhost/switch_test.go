package simhost

import (
	"net/netip"
	"testing"

	of "github.com/weft-sdn/weft/openflow"
	"github.com/weft-sdn/weft/ovsdb"
)

func add(table uint8, priority uint16, m of.Match, is ...of.Instruction) *of.FlowMod {
	return &of.FlowMod{Command: of.FlowAdd, Cookie: uint64(table)<<8 | uint64(priority), Table: table, Priority: priority,
		BufferID: of.NoBuffer, OutPort: of.PortAny, OutGroup: of.GroupAny, Match: m, Instructions: is}
}

func with(m *of.FlowMod, command uint8) *of.FlowMod {
	m.Command = command
	return m
}

func apply(as ...of.Action) of.Instruction { return of.ApplyActions{Actions: as} }

func groupOf(command uint16, id uint32, as ...of.Action) *of.GroupMod {
	m := &of.GroupMod{Command: command, Group: id}
	for _, a := range as {
		m.Buckets = append(m.Buckets, of.NewBucket(a))
	}
	return m
}

const both = of.BundleAtomic | of.BundleOrdered

func control(id uint32, step of.BundleStep) *of.BundleControl {
	return &of.BundleControl{Bundle: id, Step: step, Flags: both}
}

func bundled1(id uint32, m of.Message) *of.BundleAdd {
	return &of.BundleAdd{Bundle: id, Flags: both, Message: m}
}

func TestTheSwitchAnswersAndRefusesAsARealOne(t *testing.T) {
	ip := of.EthType.Uint(0x0800)
	addr := netip.MustParseAddr("10.0.0.1")
	arp := of.EthType.Uint(0x0806)
	out := apply(of.Output{Port: 1})
	onBoth(t, func(t *testing.T, c *controlled) []string {
		db := c.database()
		await(t, db, "the tunnel's number", hasPort("weft-vxlan"))
		s := c.speak()
		s.try("nothing")
		s.said = nil // a real switch may say first what its ports are
		s.try("echo", &of.EchoRequest{Data: []byte("alive?")})
		s.try("role", &of.RoleRequest{ControllerRole: of.ControllerRole{Role: of.RoleMaster, GenerationID: 7}})
		s.try("stale role", &of.RoleRequest{ControllerRole: of.ControllerRole{Role: of.RoleMaster, GenerationID: 6}})
		s.try("which role", &of.RoleRequest{})
		s.try("no role", &of.RoleRequest{ControllerRole: of.ControllerRole{Role: 9, GenerationID: 8}})
		s.try("config", &of.SetConfig{SwitchConfig: of.SwitchConfig{MissSendLen: of.WholePacket}})
		s.try("ports", of.NewMultipartRequest(of.KindPortDesc))
		s.try("no such multipart", of.NewMultipartRequest(999))
		s.try("no such message", &of.UnknownMessage{MessageType: 99})
		s.flows("empty")

		s.try("flow", add(0, 100, of.NewMatch(ip, of.IPv4Src.Addr(addr)), out, of.GotoTable{Table: 10}))
		s.try("the same with other actions", add(0, 100, of.NewMatch(ip, of.IPv4Src.Addr(addr)), of.GotoTable{Table: 20}))
		s.try("without what it needs", add(0, 100, of.Match{of.IPv4Src.Addr(addr)}))
		s.try("in the wrong order", add(0, 100, of.Match{of.IPv4Src.Addr(addr), ip}))
		s.try("a field twice", add(0, 100, of.Match{ip, ip}))
		s.try("bits outside the mask", add(0, 100, of.Match{{Field: of.VLANVID, Value: []byte{0, 3}, Mask: []byte{0, 1}}}))
		s.try("a mask where none may be", add(0, 100, of.Match{{Field: of.EthType, Value: []byte{8, 0}, Mask: []byte{0xff, 0}}}))
		s.try("back to a table", add(10, 1, nil, of.GotoTable{Table: 10}))
		s.try("to a table of its own", add(10, 1, nil, of.GotoTable{Table: 254}))
		s.try("in a table of its own", add(254, 1, nil))
		s.try("in all tables", add(255, 1, nil))
		s.try("to a reserved port", add(1, 1, nil, apply(of.Output{Port: 0xffffff01})))
		s.try("to no port", add(1, 1, nil, apply(of.Output{Port: of.PortAny})))
		s.try("to a port that is not there", add(1, 1, nil, apply(of.Output{Port: 4711})))
		s.try("to a group that is not there", add(1, 1, nil, apply(of.Group{ID: 5})))
		s.try("an instruction twice", add(1, 1, nil, out, out))
		s.try("set of a field that is not there", add(1, 1, nil, apply(of.SetField{FieldValue: of.ARPOp.Uint(2)})))
		s.try("set of a field that is there", add(1, 2, of.NewMatch(arp), apply(of.SetField{FieldValue: of.ARPOp.Uint(2)})))
		s.try("move of a field that is not there", add(1, 1, nil, apply(of.Move{Src: of.ARPSHA.All(), Dst: of.ARPTHA.All()})))
		s.try("no such command", with(add(1, 1, nil), 9))
		s.flows("after those")

		s.try("group", groupOf(of.GroupAdd, 5, of.Output{Port: 1}, of.Output{Port: 2}))
		s.try("group again", groupOf(of.GroupAdd, 5))
		s.try("no such group", groupOf(of.GroupModify, 6))
		s.try("add or modify", groupOf(of.GroupAddOrModify, 5, of.Output{Port: 3}), groupOf(of.GroupAddOrModify, 6, of.Group{ID: 5}))
		s.try("to a group that is there", add(1, 7, nil, apply(of.Group{ID: 5})))
		s.try("group with a bad bucket", groupOf(of.GroupAdd, 7, of.Output{Port: of.PortAny}))
		s.try("group number", groupOf(of.GroupAdd, 0xffffff01))
		s.try("group command", groupOf(99, 8))
		s.flows("with groups")
		s.try("delete a group", groupOf(of.GroupDelete, 5), groupOf(of.GroupDelete, 4711))
		s.flows("without its flow")

		s.try("monitor", &of.MultipartRequest{Body: &of.FlowMonitorRequest{MonitorID: 1, OutPort: of.PortAny, OutGroup: of.GroupAny, Table: of.TableAll,
			Flags: of.MonitorAdd | of.MonitorRemoved | of.MonitorModify | of.MonitorInstructions}})
		s.try("bundle", control(1, of.BundleOpen), bundled1(1, groupOf(of.GroupAddOrModify, 9)), bundled1(1, add(2, 1, nil, apply(of.Group{ID: 9}))))
		s.flows("before the commit")
		s.try("commit", control(1, of.BundleCommit))
		s.flows("after the commit")
		s.try("bad when added", control(2, of.BundleOpen), bundled1(2, add(2, 2, nil)), bundled1(2, add(2, 3, of.Match{of.IPv4Src.Addr(addr)})))
		s.try("commit of the rest", control(2, of.BundleCommit))
		s.flows("the rest")
		s.try("bad at the commit", control(3, of.BundleOpen), bundled1(3, with(add(2, 2, nil), of.FlowDeleteStrict)), bundled1(3, add(3, 3, nil)),
			bundled1(3, groupOf(of.GroupAddOrModify, 9, of.Output{Port: 1})), bundled1(3, groupOf(of.GroupAddOrModify, 10)),
			bundled1(3, add(2, 4, nil, apply(of.Group{ID: 4711}))), control(3, of.BundleCommit))
		s.flows("nothing of it")
		s.try("commit without a bundle", control(4, of.BundleCommit))
		s.try("discard without a bundle", control(4, of.BundleDiscard))
		s.try("open twice", control(5, of.BundleOpen), control(5, of.BundleOpen), control(5, of.BundleCommit))
		s.try("discard", control(6, of.BundleOpen), bundled1(6, add(9, 9, nil)), control(6, of.BundleDiscard), control(6, of.BundleCommit))
		s.try("add without a bundle", bundled1(7, add(9, 8, nil)), control(7, of.BundleCommit))
		s.try("other flags", control(8, of.BundleOpen), &of.BundleAdd{Bundle: 8, Flags: of.BundleAtomic, Message: add(9, 7, nil)}, control(8, of.BundleDiscard))
		s.try("a message that cannot be in one", control(9, of.BundleOpen), bundled1(9, &of.EchoRequest{}), control(9, of.BundleDiscard))

		s.try("modify strict", with(add(2, 2, nil, of.GotoTable{Table: 30}), of.FlowModifyStrict), with(add(2, 77, nil), of.FlowModifyStrict))
		s.try("delete strict", with(add(0, 100, of.NewMatch(ip, of.IPv4Src.Addr(addr))), of.FlowDeleteStrict), with(add(0, 99, nil), of.FlowDeleteStrict))
		s.flows("after those")
		// Not in a bundle that fails: taking that back ends ovs-vswitchd 3.1.
		s.try("groups in a bundle", control(11, of.BundleOpen), bundled1(11, groupOf(of.GroupDelete, 9)), bundled1(11, groupOf(of.GroupAddOrModify, 6)), control(11, of.BundleCommit))
		s.flows("after the groups")
		s.try("delete by match", add(4, 1, of.NewMatch(of.Metadata.Uint(5), ip)), add(4, 2, of.NewMatch(of.Metadata.UintMask(4, 6), arp)), add(4, 3, of.NewMatch(ip)),
			with(add(4, 0, of.NewMatch(of.Metadata.UintMask(4, 4))), of.FlowDelete))
		byCookie := with(add(of.TableAll, 0, nil), of.FlowDelete)
		byCookie.Cookie, byCookie.CookieMask = 0x0200, 0xff00
		s.try("by cookie", &of.MultipartRequest{Body: of.FlowsByCookie(0x0200, 0xff00)}, byCookie)
		s.flows("in the end")
		s.try("all", with(add(of.TableAll, 0, nil), of.FlowDelete), groupOf(of.GroupDelete, of.GroupAll))
		s.flows("all gone")
		return s.said
	})
}

func TestPortsComeAndGoAsOnARealOne(t *testing.T) {
	onBoth(t, func(t *testing.T, c *controlled) []string {
		db := c.database()
		await(t, db, "the tunnel's number", hasPort("weft-vxlan"))
		s := c.speak()
		s.try("ports", of.NewMultipartRequest(of.KindPortDesc))
		s.said = nil // a real switch may say first what its ports are
		if err := c.host.plug("p1", "endpoint-1"); err != nil {
			t.Fatal(err)
		}
		await(t, db, "the new port", hasPort("p1"))
		s.try("ports", of.NewMultipartRequest(of.KindPortDesc))
		if err := c.host.unplug("p1"); err != nil {
			t.Fatal(err)
		}
		await(t, db, "its end", func(v *ovsdb.View) bool { return len(v.Ports) == 2 })
		waitFor(t, "the end of the port", func() bool {
			s.try("ports", of.NewMultipartRequest(of.KindPortDesc))
			return s.said[len(s.said)-1] == `ports: 1:kind 13 ["br-weft" "weft-vxlan"]`
		})
		return []string{s.said[0], s.said[len(s.said)-1]}
	})
}
