package e2e

import (
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/weft-sdn/weft/lab"
	"github.com/weft-sdn/weft/model"
)

func TestDockerPublishedPorts(t *testing.T) {
	s := dockerUp(t)
	s.declare(model.Network{Name: "net1", Subnets: []model.Prefix{model.MustPrefix("10.0.1.0/24")},
		Gateway: &model.Gateway{Mode: model.GatewaySNAT, Hosts: []string{"host1"}}})
	s.declare(model.Network{Name: "closed", Subnets: []model.Prefix{model.MustPrefix("10.0.2.0/24")},
		Gateway: &model.Gateway{Mode: model.GatewayLocal}})
	s.listed("net1", true, "host2")
	s.listed("closed", true, "host2")

	serving := []string{lab.DockerImage, "/bin/httpd", "-f", "-p", "80", "-h", "/bin"}
	run := func(args ...string) []string {
		return append(append([]string{"run", "-d", "--stop-timeout", "0"}, args...), serving...)
	}
	s.docker("host2", run("--name", "web", "--net", "net1", "-p", "8080:80", "-p", "192.0.2.11:9090:80/tcp", "-p", "5353:53/udp")...)
	for _, at := range []string{"192.0.2.11:8080", "192.0.2.11:9090"} {
		// From the machine of the controller, which is no host. One that comes
		// again after a second is not lost with the first packet.
		s.within(5*time.Second, at+" leads to the container", func() error {
			answer, err := s.HTTP().Get("http://" + at + "/")
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			_, err = io.Copy(io.Discard, answer.Body)
			if answer.StatusCode != http.StatusNotFound && err == nil {
				err = fmt.Errorf("it answers %s", answer.Status)
			}
			return err
		})
	}
	forwards, err := s.api.Forwards(s.ctx, "net1")
	s.must(err)
	if len(forwards) != 3 {
		t.Errorf("there are %+v", forwards)
	}
	s.refused("host1", run("--name", "taken", "--net", "net1", "-p", "8080:80"), "tcp/8080 is taken by forward")
	s.refused("host1", run("--name", "anywhere", "--net", "net1", "-p", "80"), "-p 8080:80")
	s.refused("host1", run("--name", "inside", "--net", "closed", "-p", "8081:80"), `network "closed" has gateway mode local`, "snat")
	s.refused("host1", run("--name", "odd", "--net", "net1", "-p", "8082:80/sctp"), "tcp and udp")

	for _, container := range []string{"taken", "anywhere", "inside", "odd"} {
		s.docker("host1", "rm", "-f", container)
	}
	s.docker("host2", "rm", "-f", "web")
	s.endpointsAre(0)
	if forwards, err := s.api.Forwards(s.ctx, ""); err != nil || len(forwards) != 0 {
		t.Errorf("forwards are left: %+v, %v", forwards, err)
	}
}
