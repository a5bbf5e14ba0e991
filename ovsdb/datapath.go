package ovsdb

// Datapath is what is known of the bridge's datapath.
type Datapath int

const (
	// DatapathAbsent: there is no bridge.
	DatapathAbsent Datapath = iota
	// DatapathUnknown: ovs-vswitchd has not yet applied a transaction of ours.
	DatapathUnknown
	// DatapathWorks: ovs-vswitchd opened it, so that it has an id.
	DatapathWorks
	// DatapathFails: ovs-vswitchd applied our transaction and could not open it.
	DatapathFails
)

// Datapath tells whether the bridge's datapath works. Open vSwitch says nowhere
// that a host lacks the kernel module: datapath_types lists "system" always, and
// a bridge of that type merely stays without datapath_id.
//
// An empty datapath_id alone proves nothing. The column is not kept over a
// restart of ovsdb-server while cur_cfg is, and somebody may have made the
// bridge anew without raising next_cfg. But ovs-vswitchd writes it in the
// transaction that raises cur_cfg, so that once cur_cfg has reached a next_cfg
// which we wrote, on this connection and with this bridge in place, empty means
// that there is no datapath.
func (v *View) Datapath() Datapath {
	switch {
	case v.Bridge == nil:
		return DatapathAbsent
	case v.Bridge.DatapathID != "":
		return DatapathWorks
	case v.OurCfg == 0 || v.CurCfg < v.OurCfg || v.CurCfg < v.NextCfg:
		return DatapathUnknown
	}
	return DatapathFails
}

// DatapathStep says what to do about the bridge's datapath, if the one wanted is
// "system", "netdev" or "" for whichever works: the datapath_type that the bridge
// should have, and whether ovs-vswitchd must be asked, by raising next_cfg, to
// find out whether it works.
func (v *View) DatapathStep(wanted string) (datapathType string, ask bool) {
	state := v.Datapath()
	if state == DatapathAbsent {
		return wanted, false // "" means system, ovs-vswitchd.conf.db(5)
	}
	has := v.Bridge.DatapathType
	switch {
	case wanted == "system" && has == "":
		return has, false
	case wanted != "":
		return wanted, false
	case state == DatapathUnknown:
		return has, v.OurCfg == 0
	case state == DatapathFails && (has == "" || has == "system"):
		return "netdev", false
	}
	return has, false
}
