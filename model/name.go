package model

import "regexp"

var (
	nameForm = regexp.MustCompile(`^[a-z0-9]([a-z0-9_.-]{0,61}[a-z0-9])?$`)
	idForm   = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9_.-]{0,62}[A-Za-z0-9])?$`)
	// ifaceForm is what Linux takes as an interface name (IFNAMSIZ is 16
	// with its terminator), less what would need quoting.
	ifaceForm = regexp.MustCompile(`^[A-Za-z0-9_.:@-]{1,15}$`)
	// containerForm is what Docker takes as a container's name, or its id.
	containerForm = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$`)
)

// CheckName says whether name may name an object of ours.
func CheckName(field, name string) *Error {
	if nameForm.MatchString(name) {
		return nil
	}
	return Invalidf(field, "%q is not a name: use 1 to 63 of a-z, 0-9, '_', '.' and '-', beginning and ending with a letter or digit", shorten(name))
}

// CheckID says whether id may identify an endpoint; ids come from outside
// (libvirt, Neutron, OVN, Docker with its 64 hexadecimal digits), so capitals
// are taken too.
func CheckID(field, id string) *Error {
	if idForm.MatchString(id) {
		return nil
	}
	return Invalidf(field, "%q is not an id: use 1 to 64 letters, digits, '_', '.' and '-', beginning and ending with a letter or digit", shorten(id))
}
