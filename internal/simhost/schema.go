package simhost

// shape is how a column's value is written (RFC 7047 section 5.1).
type shape uint8

const (
	text    shape = iota // an atom: a string
	integer              // an atom: a number
	boolean              // an atom: true or false
	set                  // any number of atoms, of which a single one may be bare
	mapping              // pairs of atoms
)

// column is what the schema says of a column.
type column struct {
	shape  shape
	atMost int    // elements of a set; 0: any number
	refers string // table whose rows it refers to, by which it keeps them
	fixed  bool   // cannot be changed once the row is there
}

// schema has the columns of vswitch.ovsschema 8.3 that a controller needs; a
// column that is not here is refused as an unknown one.
var schema = map[string]map[string]column{
	"Open_vSwitch": {
		"bridges":          {shape: set, refers: "Bridge"},
		"cur_cfg":          {shape: integer},
		"next_cfg":         {shape: integer},
		"external_ids":     {shape: mapping},
		"other_config":     {shape: mapping},
		"ovs_version":      {shape: set, atMost: 1},
		"datapath_types":   {shape: set},
		"iface_types":      {shape: set},
		"system_type":      {shape: set, atMost: 1},
		"dpdk_initialized": {shape: boolean},
	},
	"Bridge": {
		"name":          {shape: text, fixed: true},
		"datapath_type": {shape: text},
		"datapath_id":   {shape: set, atMost: 1},
		"ports":         {shape: set, refers: "Port"},
		"controller":    {shape: set, refers: "Controller"},
		"protocols":     {shape: set},
		"fail_mode":     {shape: set, atMost: 1},
		"other_config":  {shape: mapping},
		"external_ids":  {shape: mapping},
		"flow_tables":   {shape: mapping, refers: "Flow_Table"},
	},
	"Port": {
		"name":         {shape: text, fixed: true},
		"interfaces":   {shape: set, refers: "Interface"},
		"tag":          {shape: set, atMost: 1},
		"external_ids": {shape: mapping},
	},
	"Interface": {
		"name":           {shape: text, fixed: true},
		"type":           {shape: text},
		"options":        {shape: mapping},
		"external_ids":   {shape: mapping},
		"ofport":         {shape: set, atMost: 1},
		"ofport_request": {shape: set, atMost: 1},
		"ifindex":        {shape: set, atMost: 1},
		"link_state":     {shape: set, atMost: 1},
		"admin_state":    {shape: set, atMost: 1},
		"error":          {shape: set, atMost: 1},
		"mac":            {shape: set, atMost: 1},
		"mac_in_use":     {shape: set, atMost: 1},
		"mtu":            {shape: set, atMost: 1},
		"mtu_request":    {shape: set, atMost: 1},
		"bfd":            {shape: mapping},
		"bfd_status":     {shape: mapping},
		"status":         {shape: mapping},
	},
	"Controller": {
		"target":                 {shape: text},
		"connection_mode":        {shape: set, atMost: 1},
		"controller_rate_limit":  {shape: set, atMost: 1},
		"controller_burst_limit": {shape: set, atMost: 1},
		"external_ids":           {shape: mapping},
		"is_connected":           {shape: boolean},
	},
	"Flow_Table": {
		"name":         {shape: set, atMost: 1},
		"external_ids": {shape: mapping},
	},
}

// named are the tables in which a name is unique.
var named = map[string]bool{"Bridge": true, "Port": true, "Interface": true}
