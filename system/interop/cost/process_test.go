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

func TestTreeHasChildren(t *testing.T) {
	child := exec.CommandContext(t.Context(), "sleep", "60")
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	tree, err := Tree(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(tree, child.Process.Pid) || !slices.Contains(tree, os.Getpid()) {
		t.Errorf("tree %v has not both %d and its child %d", tree, os.Getpid(), child.Process.Pid)
	}
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := child.Wait(); err == nil {
		t.Error("a killed child ended well")
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
