package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"time"

	"github.com/weft-sdn/weft/lab"
)

// serve runs an iperf3 server on a machine until it is stopped.
func serve(ctx context.Context, on *lab.Machine) (stop func(), err error) {
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() {
		_, err := on.Run(ctx, "iperf3", "-s")
		ended <- err
	}()
	stop = func() {
		cancel()
		<-ended
	}
	err = until(ctx, "iperf3 -s on "+on.Name, 50*time.Millisecond, func() (bool, error) {
		select {
		case err := <-ended:
			ended <- err
			return false, fmt.Errorf("iperf3 -s on %s ended: %w", on.Name, err)
		default:
		}
		listening, err := on.Run(ctx, "ss", "-Hltn", "sport = 5201")
		return listening != "", err
	})
	if err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// throughput is what TCP gets to an address in some seconds, in bit/s and in
// bytes altogether.
func throughput(ctx context.Context, from *lab.Machine, to netip.Addr, seconds int) (rate, bytes float64, err error) {
	out, err := from.Run(ctx, "iperf3", "-J", "-c", to.String(), "-t", strconv.Itoa(seconds))
	if err != nil {
		return 0, 0, err
	}
	var said struct {
		End struct {
			Received struct {
				Rate  float64 `json:"bits_per_second"`
				Bytes float64 `json:"bytes"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	if err := json.Unmarshal([]byte(out), &said); err != nil || said.End.Received.Rate == 0 {
		return 0, 0, fmt.Errorf("iperf3 from %s to %v said %q (%v)", from.Name, to, out, err)
	}
	return said.End.Received.Rate, said.End.Received.Bytes, nil
}

var pingTime = regexp.MustCompile(`time=([0-9.]+) ms`)

// roundTrip is the median of so many pings, in milliseconds.
func roundTrip(ctx context.Context, from *lab.Machine, to netip.Addr, pings int) (float64, error) {
	out, err := from.Run(ctx, "ping", "-n", "-c", strconv.Itoa(pings), "-i", "0.005", "-W", "1", to.String())
	if err != nil {
		return 0, err
	}
	var all []float64
	for _, m := range pingTime.FindAllStringSubmatch(out, -1) {
		ms, err := strconv.ParseFloat(m[1], 64)
		if err != nil {
			return 0, err
		}
		all = append(all, ms)
	}
	if len(all) < pings/2 {
		return 0, fmt.Errorf("%d of %d pings from %s to %v were answered", len(all), pings, from.Name, to)
	}
	return middle(all), nil
}
