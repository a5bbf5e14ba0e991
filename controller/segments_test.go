package controller

import (
	"bytes"
	"testing"

	"github.com/weft-sdn/weft/flows"
)

func TestAProbeIsReadAsItWasWritten(t *testing.T) {
	const number = 0x00ab1234
	frame := probeFrame(number, "cluster-a")
	if len(frame) < 60 {
		t.Errorf("%d bytes are less than Ethernet takes", len(frame))
	}
	if got, ok := parseProbe(frame, "cluster-a"); !ok || got != number {
		t.Errorf("%x, %v", got, ok)
	}
	if _, ok := parseProbe(frame, "cluster-b"); ok {
		t.Error("another cluster's probe is taken for ours")
	}
	for n := range len("cluster-a") + 18 + 1 {
		if _, ok := parseProbe(frame[:n], "cluster-a"); ok {
			t.Errorf("%d bytes of a probe are taken for one", n)
		}
	}
}

func TestAnAnnouncementIsNoProbe(t *testing.T) {
	frame := announcement()
	if len(frame) != shortestFrame || !bytes.Equal(frame[6:12], flows.RouterMAC[:]) {
		t.Errorf("%x", frame)
	}
	if number, ok := parseProbe(frame, "cluster-a"); ok {
		t.Errorf("it is taken for the probe of NIC %d", number)
	}
}

func FuzzProbe(f *testing.F) {
	f.Add(probeFrame(7, "c"), "c")
	f.Add(probeFrame(7, ""), "")
	f.Fuzz(func(t *testing.T, frame []byte, cluster string) {
		if number, ok := parseProbe(frame, cluster); ok {
			if again, _ := parseProbe(probeFrame(number, cluster), cluster); again != number {
				t.Errorf("%d was read, and %d is what is written for it", number, again)
			}
		}
	})
}
