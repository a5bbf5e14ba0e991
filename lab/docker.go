package lab

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// DockerImage is the image that a host's Docker has: busybox, and nothing else.
const DockerImage = "busybox:local"

// The directory of a host's Docker within the host's, and what is in it. Names
// are short: a socket's path is at most 107 bytes (unix(7)).
const (
	dockerDir    = "d"
	dockerSocket = dockerDir + "/docker.sock"
	pluginDir    = dockerDir + "/plugins"

	// PluginSocket is where a host's Docker finds the driver, as seen from the
	// working directory of the host's agent.
	PluginSocket = pluginDir + "/weft.sock"
)

// CheckDocker says what this machine lacks for hosts with Docker.
func CheckDocker() error {
	for program, packet := range map[string]string{"dockerd": "docker.io", "docker": "docker.io", "busybox": "busybox-static", "unshare": "util-linux"} {
		if _, err := exec.LookPath(program); errors.Is(err, exec.ErrNotFound) {
			return fmt.Errorf("%s is not installed (Debian: apt install %s)", program, packet)
		}
	}
	return nil
}

func (h *Host) dockerProcess() process {
	return process{name: "dockerd", in: h.in, dir: h.ovs.dir, env: os.Environ()}
}

// DockerEngine is the URL of the API of the host's Docker.
func (h *Host) DockerEngine() string { return "unix://" + filepath.Join(h.ovs.dir, dockerSocket) }

// StartDocker starts a Docker engine of the host's own, and returns when it
// answers. It sees the network of the host, and of its plugins only those of
// the host's. Whoever starts it has to stop it: containers outlive it.
func (h *Host) StartDocker(ctx context.Context) error {
	if err := h.makeDockerDirs(); err != nil {
		return err
	}
	dir := filepath.Join(h.ovs.dir, dockerDir)
	// Docker looks for plugins in one place only, so it gets a mount namespace
	// in which that place is the host's.
	const script = `mount --bind "$1/plugins" /run/docker/plugins && exec dockerd --config-file "$1/daemon.json" --data-root "$1/data" --exec-root "$1/x" --pidfile "$1/pid" -H "unix://$1/docker.sock" --bridge=none --iptables=false --ip6tables=false --cgroup-parent "$2" --storage-driver=vfs --log-level=warn`
	if err := os.MkdirAll("/run/docker/plugins", 0o755); err != nil {
		return err
	}
	if err := forgetEnded(filepath.Join(dir, "x/containerd/containerd.pid")); err != nil {
		return err
	}
	docker := h.dockerProcess()
	if err := docker.start("unshare", "-m", "sh", "-c", script, "sh", dir, cgroupOf(h.in)); err != nil {
		return err
	}
	return until(ctx, "Docker of "+h.Name+" answers", func() (bool, error) {
		if !docker.running() {
			return false, fmt.Errorf("dockerd ended: %s", docker.output())
		}
		_, err := h.Docker(ctx, "version")
		return err == nil, nil
	})
}

// cgroupOf is where the containers of a host's Docker are, by which they are
// found whatever became of Docker.
func cgroupOf(n namespace) string { return "/" + string(n) }

// forgetEnded removes a pid file whose process has ended. Docker takes one that
// nobody has reaped for running.
func forgetEnded(file string) error {
	text, err := os.ReadFile(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if _, running := startTime(pid); running {
		return nil
	}
	return os.Remove(file)
}

func (h *Host) makeDockerDirs() error {
	if err := os.MkdirAll(filepath.Join(h.ovs.dir, pluginDir), 0o755); err != nil {
		return err
	}
	config := filepath.Join(h.ovs.dir, dockerDir, "daemon.json")
	if _, err := os.Stat(config); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.WriteFile(config, []byte("{}\n"), 0o644)
}

// Docker runs the docker command against the host's engine.
func (h *Host) Docker(ctx context.Context, args ...string) (string, error) {
	out, err := run(ctx, h.in, append(os.Environ(), "DOCKER_HOST="+h.DockerEngine()), "docker", args...)
	return strings.TrimSpace(out), err
}

// killContainers ends what is left in the containers of a lab whose namespaces
// have that prefix.
func killContainers(ctx context.Context, prefix string) error {
	return until(ctx, "no process is in a container of "+prefix, func() (bool, error) {
		files, err := filepath.Glob("/proc/[0-9]*/cgroup")
		left := false
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil || !strings.Contains(string(text), ":/"+prefix) {
				continue
			}
			if pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file))); err == nil {
				if _, running := startTime(pid); running {
					left = true
					_ = unix.Kill(pid, unix.SIGKILL)
				}
			}
		}
		return !left, err
	})
}

// ImportImage gives the host's Docker its image.
func (h *Host) ImportImage(ctx context.Context) error {
	layer, err := busyboxLayer()
	if err != nil {
		return err
	}
	file := filepath.Join(h.ovs.dir, dockerDir, "image.tar")
	if err := os.WriteFile(file, layer, 0o600); err != nil {
		return err
	}
	_, err = h.Docker(ctx, "import", file, DockerImage)
	return err
}

// busyboxLayer is a file system with the machine's own static busybox.
func busyboxLayer() ([]byte, error) {
	path, err := exec.LookPath("busybox")
	if err != nil {
		return nil, err
	}
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	add := func(h tar.Header, content []byte) {
		h.Size = int64(len(content))
		err = errors.Join(err, w.WriteHeader(&h))
		_, writeErr := w.Write(content)
		err = errors.Join(err, writeErr)
	}
	add(tar.Header{Name: "bin/busybox", Mode: 0o755, Typeflag: tar.TypeReg}, program)
	for _, applet := range []string{"sh", "sleep", "ping", "ip", "cat", "nc", "wget", "httpd", "ls", "route"} {
		add(tar.Header{Name: "bin/" + applet, Linkname: "busybox", Typeflag: tar.TypeSymlink}, nil)
	}
	return out.Bytes(), errors.Join(err, w.Close())
}

// RemoveContainers removes all containers of the host's Docker.
func (h *Host) RemoveContainers(ctx context.Context) error {
	ids, err := h.Docker(ctx, "ps", "-aq")
	if err != nil || ids == "" {
		return err
	}
	_, err = h.Docker(ctx, append([]string{"rm", "-f"}, strings.Fields(ids)...)...)
	return err
}

// StopDocker asks Docker to end, which ends all containers, and waits.
func (h *Host) StopDocker(ctx context.Context) error {
	docker := h.dockerProcess()
	if err := docker.signal(os.Interrupt); err != nil {
		return err
	}
	return until(ctx, "Docker of "+h.Name+" has ended", func() (bool, error) { return !docker.running(), nil })
}

// KillContainers ends everything in the containers of the host's Docker, as a
// power cut does.
func (h *Host) KillContainers(ctx context.Context) error {
	return killContainers(ctx, string(h.in)+"/")
}

// KillDocker ends Docker without warning. Containers stay as they are.
func (h *Host) KillDocker(ctx context.Context) error {
	docker := h.dockerProcess()
	return docker.kill(ctx)
}
