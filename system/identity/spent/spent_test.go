package spent_test

import (
	"errors"
	"fmt"
	"testing"

	"tocsin/system/identity/spent"
)

func TestConsumed(t *testing.T) {
	mark := spent.Mark{Kind: spent.Code, ID: "secret"}
	wrapped := fmt.Errorf("spend: %w", &spent.ConsumedError{Mark: mark})
	if got, consumed := spent.Consumed(wrapped); !consumed || got != mark {
		t.Errorf("got %+v, %t", got, consumed)
	}
	if wrapped.Error() != "spend: code was used before" {
		t.Errorf("the message is %q", wrapped) // it must not say the id, which may be secret
	}
	for _, err := range []error{nil, errors.New("away"), spent.ErrReused} {
		if _, consumed := spent.Consumed(err); consumed {
			t.Errorf("%v is said to mean that a mark was used", err)
		}
	}
}
