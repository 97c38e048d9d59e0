package cost

import (
	"os"
	"os/exec"
	"slices"
	"testing"
	"time"
)

func TestCPUTimeOfThisProcessGrowsWithWork(t *testing.T) {
	before, err := ofProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	after := before
	for started := time.Now(); after < before+3*tick && time.Since(started) < 10*time.Second; {
		if after, err = ofProcess(os.Getpid()); err != nil {
			t.Fatal(err)
		}
	}
	if after < before+3*tick {
		t.Errorf("CPU time went from %s to %s in ten busy seconds", before, after)
	}
}

func TestChildrenCountToTheNearestRoot(t *testing.T) {
	child := exec.CommandContext(t.Context(), "sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; read -r line")
	input, err := child.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	below, err := Below(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(below, child.Process.Pid) {
		t.Errorf("%v has not the child %d", below, child.Process.Pid)
	}
	busy := time.Duration(0)
	for started := time.Now(); busy < 3*tick && time.Since(started) < 10*time.Second; {
		if busy, err = ofProcess(child.Process.Pid); err != nil {
			t.Fatal(err)
		}
	}
	children, err := family()
	if err != nil {
		t.Fatal(err)
	}
	// This process goes on working: what is read later is never less.
	without, err := children.spent(os.Getpid(), map[int]bool{os.Getpid(): true, child.Process.Pid: true})
	if err != nil {
		t.Fatal(err)
	}
	alone, err := ofProcess(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	with, err := children.spent(os.Getpid(), map[int]bool{os.Getpid(): true})
	if err != nil {
		t.Fatal(err)
	}
	if without > alone || with < without+busy {
		t.Errorf("%s with the child and %s without, which took %s; this process itself %s", with, without, busy, alone)
	}
	if err := input.Close(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Error("read succeeded without input")
	}
}

func TestSumLeavesOutWhatIsApart(t *testing.T) {
	result := &Result{Count: 10, CPU: []Spent{
		{Component: Component{Name: "provider"}, CPU: 20 * time.Millisecond},
		{Component: Component{Name: "pages"}, CPU: 10 * time.Millisecond},
		{Component: Component{Name: "database", Apart: true}, CPU: time.Second},
	}}
	if own := result.Own(); own != 3*time.Millisecond {
		t.Errorf("own CPU time is %s, want 3ms", own)
	}
}
