package integration

import (
	"testing"
)

func TestOutputAndExitCode(t *testing.T) {
	a := startAgent(t)
	code, out, errOut := a.run(sh("a", "echo one; echo two >&2; exit 3"))
	equal(t, "exit code", code, 3)
	equal(t, "stdout", out, "one\n")
	equal(t, "stderr", errOut, "two\n")
}
