package model

import (
	"net/netip"
	"strings"
	"testing"
)

func TestSubnetsWithAddressesThatNoInterfaceHasAreRefused(t *testing.T) {
	for subnet, want := range map[string]string{
		"0.0.0.0/0":           "this network",
		"0.1.0.0/16":          "this network",
		"126.0.0.0/7":         "loopback",
		"127.1.0.0/16":        "loopback",
		"169.254.0.0/16":      "link-local",
		"224.0.0.0/24":        "multicast",
		"255.255.255.255/32":  "limited broadcast",
		"::/0":                "unspecified",
		"::/127":              "unspecified",
		"fe80::/64":           "link-local",
		"ff02::/64":           "multicast",
		"10.0.0.1/24":         "host bits",
		"::ffff:10.0.0.0/120": "written as IPv6",

		"10.0.0.0/8": "", "240.0.0.0/4": "broadcast", "240.0.0.0/5": "", "100.64.0.0/10": "", "10.0.0.1/32": "", "fd00::/64": "", "2001:db8::/127": "",
	} {
		err := CheckSubnet("subnets[0]", netip.MustParsePrefix(subnet))
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", subnet, err)
		case want != "" && (err == nil || !strings.Contains(err.Detail, want) || err.Field != "subnets[0]"):
			t.Errorf("%s: %v, want %q", subnet, err, want)
		}
	}
	if CheckSubnet("", netip.Prefix{}) == nil {
		t.Error("no subnet at all is one")
	}
}
