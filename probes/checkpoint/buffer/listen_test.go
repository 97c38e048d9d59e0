package buffer_test

import (
	"bufio"
	"io"
	"os/exec"
	"strings"
	"testing"
)

// listen reads what a child says, kills it after some lines and returns those
// that were said in full.
func listen(t *testing.T, process *exec.Cmd, output io.Reader) []string {
	t.Helper()
	var said []string
	reader := bufio.NewReader(output)
	for {
		line, err := reader.ReadString('\n')
		if err != nil {
			break
		}
		if strings.HasPrefix(line, "error") {
			t.Fatal(line)
		}
		said = append(said, strings.TrimSpace(line))
		if len(said) == 20 {
			if err := process.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := process.Wait(); err == nil {
		t.Fatal("the child ended by itself")
	}
	return said
}
