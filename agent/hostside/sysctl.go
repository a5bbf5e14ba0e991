package hostside

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// settings is where the kernel's are, as this process's namespace sees them.
const settings = "/proc/sys/net"

// setting is one of them: ip-sysctl in the kernel's documentation says what it
// means.
type setting struct{ name, value string }

// ofInterface4 and ofInterface6 are the settings below conf/weft-gw.
var (
	ofInterface4 = []setting{
		{"forwarding", "1"},
		{"send_redirects", "0"}, // what comes from weft-gw and goes there again does so on purpose
		{"rp_filter", "1"},      // strict: Open vSwitch hands in only what is routed to it
		{"route_localnet", "1"}, // forwards of 127.0.0.1; the table drops what could misuse it
	}
	ofInterface6 = []setting{
		{"disable_ipv6", "0"},
		{"accept_ra", "0"},
		{"forwarding", "1"},
	}
)

func hasIPv6() bool {
	_, err := os.Stat(filepath.Join(settings, "ipv6"))
	return err == nil
}

// ensureSetting writes a setting that is otherwise.
func ensureSetting(path, value string) error {
	path = filepath.Join(settings, path)
	have, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read a kernel setting: %w", err)
	}
	if string(bytes.TrimSpace(have)) == value {
		return nil
	}
	if err := os.WriteFile(path, []byte(value), 0); err != nil {
		return fmt.Errorf("change a kernel setting to %s: %w", value, err)
	}
	return nil
}

// ensureForwarding makes the host a router.
func ensureForwarding(v6 bool) error {
	err := ensureSetting("ipv4/ip_forward", "1")
	if !v6 {
		return err
	}
	return errors.Join(err, keepAdvertised(), ensureSetting("ipv6/conf/all/forwarding", "1"))
}

// keepAdvertised lets interfaces that have their addresses and routes from
// router advertisements keep them: with accept_ra at 1 the kernel gives them up
// in the moment in which it becomes a router itself.
func keepAdvertised() error {
	forwards, err := os.ReadFile(filepath.Join(settings, "ipv6/conf/all/forwarding"))
	if err != nil {
		return fmt.Errorf("read a kernel setting: %w", err)
	}
	if string(bytes.TrimSpace(forwards)) == "1" {
		return nil
	}
	interfaces, err := os.ReadDir(filepath.Join(settings, "ipv6/conf"))
	if err != nil {
		return fmt.Errorf("list the interfaces that have IPv6: %w", err)
	}
	for _, i := range interfaces {
		if i.Name() == "all" || i.Name() == "default" || i.Name() == "lo" || i.Name() == Interface {
			continue
		}
		path := filepath.Join("ipv6/conf", i.Name(), "accept_ra")
		accepts, err := os.ReadFile(filepath.Join(settings, path))
		if err != nil || string(bytes.TrimSpace(accepts)) != "1" {
			continue // the interface may have gone meanwhile
		}
		if err := ensureSetting(path, "2"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// ensureInterfaceSettings is about weft-gw alone.
func ensureInterfaceSettings(v6 bool) error {
	var errs []error
	for _, s := range ofInterface4 {
		errs = append(errs, ensureSetting(filepath.Join("ipv4/conf", Interface, s.name), s.value))
	}
	if v6 {
		for _, s := range ofInterface6 {
			errs = append(errs, ensureSetting(filepath.Join("ipv6/conf", Interface, s.name), s.value))
		}
	}
	return errors.Join(errs...)
}

// resetInterfaceSettings gives weft-gw what any new interface has.
func resetInterfaceSettings() error {
	reset := func(family string, list []setting) error {
		var errs []error
		for _, s := range list {
			usual, err := os.ReadFile(filepath.Join(settings, family, "conf/default", s.name))
			if err == nil {
				err = ensureSetting(filepath.Join(family, "conf", Interface, s.name), string(bytes.TrimSpace(usual)))
			}
			errs = append(errs, err)
		}
		return errors.Join(errs...)
	}
	err := reset("ipv4", ofInterface4)
	if hasIPv6() {
		err = errors.Join(err, reset("ipv6", ofInterface6))
	}
	return err
}
