package memory_test

import (
	"testing"

	"tocsin/system/identity/storetest"
	"tocsin/system/identity/vci/record/memory"
)

// Tests of the protocol may rely on what the real store does.
func TestRecords(t *testing.T) {
	shared := memory.New(0)
	storetest.Records(t, shared, shared)
}
