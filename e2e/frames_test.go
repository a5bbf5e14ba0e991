package e2e

import (
	"encoding/hex"
	"fmt"
	"net"

	"golang.org/x/sys/unix"
)

// sendFrames makes the test binary send frames on an interface, past the
// network stack of the container that it runs in.
const sendFrames = "send-frames"

func send(device string, frames []string) error {
	card, err := net.InterfaceByName(device)
	if err != nil {
		return err
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	for _, text := range frames {
		frame, err := hex.DecodeString(text)
		if err != nil {
			return err
		}
		if err := unix.Sendto(fd, frame, 0, &unix.SockaddrLinklayer{Ifindex: card.Index}); err != nil {
			return fmt.Errorf("send a frame of %d bytes on %s: %w", len(frame), device, err)
		}
	}
	return nil
}
