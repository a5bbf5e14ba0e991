package store

import (
	"bufio"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

const killedChildDirectory = "WEFT_STORE_TEST_KILLED_CHILD"

// TestMain lets the test binary be the process that TestEveryAnsweredCommitSurvivesSIGKILL kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(killedChildDirectory); dir != "" {
		commitUntilKilled(dir)
	}
	os.Exit(m.Run())
}

// commitUntilKilled commits from several goroutines and prints "key revision" for each answer.
func commitUntilKilled(dir string) {
	s, err := Open(dir, Options{HistoryChanges: 50})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	var out sync.Mutex
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				key := fmt.Sprintf("epoch %d writer %d commit %d", s.Epoch(), w, i)
				value := []byte(strings.Repeat(key, 1+i%50))
				revision, err := s.Commit(context.Background(), nil, []Op{Put(key, value), Put("last", value)})
				if err != nil {
					fmt.Println(err)
					os.Exit(1)
				}
				out.Lock()
				fmt.Printf("%d %s\n", revision, key)
				out.Unlock()
			}
		}()
	}
	select {}
}

func TestEveryAnsweredCommitSurvivesSIGKILL(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	answered := map[string]uint64{}
	for round := range uint64(10) {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), killedChildDirectory+"="+dir)
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		left := 1 + rand.IntN(300)
		for lines.Scan() { // after the kill, what the pipe still holds: it was answered, too
			text, key, _ := strings.Cut(lines.Text(), " ")
			revision, err := strconv.ParseUint(text, 10, 64)
			if err != nil {
				t.Fatalf("round %d: %s", round, lines.Text())
			}
			answered[key] = revision
			if left--; left == 0 {
				cmd.Process.Kill()
			}
		}
		if err := cmd.Wait(); err == nil || left > 0 {
			t.Fatalf("round %d: the child ended by itself", round)
		}
		s := open(t, dir, Options{HistoryChanges: 50})
		if want := 2 * (round + 1); s.Epoch() != want {
			t.Errorf("round %d: epoch %d, want %d", round, s.Epoch(), want)
		}
		found, last, err := s.List("epoch ")
		if err != nil {
			t.Fatal(err)
		}
		have := map[string]uint64{}
		for _, kv := range found {
			have[kv.Key] = kv.Revision
			if len(kv.Value)%len(kv.Key) != 0 || !strings.HasPrefix(string(kv.Value), kv.Key) {
				t.Errorf("round %d: %q has half a value", round, kv.Key)
			}
		}
		for key, revision := range answered {
			if have[key] != revision {
				t.Errorf("round %d: %q is at revision %d, but was answered %d", round, key, have[key], revision)
			}
		}
		if unanswered := uint64(len(have) - len(answered)); unanswered > 4*(round+1) || last != uint64(len(have)) {
			t.Errorf("round %d: revision %d, %d keys, of which %d were not answered", round, last, len(have), unanswered)
		}
		if events := after(t, s, last-1, 1)[0].Events; len(events) != 2 || have[events[0].Key] != last {
			t.Errorf("round %d: the last change is %v, and not that of revision %d", round, events, last)
		}
		s.Close()
	}
}
