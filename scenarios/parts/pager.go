package parts

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"tocsin/alerts/pager"
	"tocsin/internal/journal"
)

// listenWithin bounds the question whether somebody listens.
const listenWithin = 2 * time.Second

// errNoPager means that nothing in this journal has ever listened.
var errNoPager = errors.New("start tocsin serve with the same --state")

// Pager reads from the journal what the pager's receiver, in this process or
// another, has written there.
type Pager struct {
	Journal *journal.Journal
}

// Ready fails when nobody listens for notifications: then their absence would
// say nothing about the bell.
func (p Pager) Ready(ctx context.Context) error {
	address, err := p.address(ctx)
	if err != nil {
		return err
	}
	dialer := net.Dialer{Timeout: listenWithin}
	connection, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return fmt.Errorf("%w: %w", errNoPager, err)
	}
	if err := connection.Close(); err != nil {
		return fmt.Errorf("ask for the pager: %w", err)
	}
	return nil
}

// address is where the newest console said that it listens.
func (p Pager) address(ctx context.Context) (string, error) {
	events, err := p.Journal.Read(ctx, journal.Query{Kind: journal.KindConsoleStarted, Limit: 1, Newest: true})
	if err != nil {
		return "", fmt.Errorf("look for the pager in the journal: %w", err)
	}
	if len(events) == 0 {
		return "", errNoPager
	}
	var console struct {
		Listen string `json:"listen"`
	}
	if err := json.Unmarshal(events[0].Payload, &console); err != nil {
		return "", fmt.Errorf("look for the pager in the journal: %w", err)
	}
	return console.Listen, nil
}

// Received lists the notifications since a moment, oldest first.
func (p Pager) Received(ctx context.Context, since time.Time) ([]pager.Receipt, error) {
	events, err := p.Journal.Read(ctx, journal.Query{Kind: journal.KindAlertReceived, Since: since})
	if err != nil {
		return nil, fmt.Errorf("read what the pager received: %w", err)
	}
	alerts := make([]pager.Receipt, 0, len(events))
	for _, event := range events {
		var alert pager.Receipt
		if err := json.Unmarshal(event.Payload, &alert); err != nil {
			return nil, fmt.Errorf("read what the pager received (event %d): %w", event.Seq, err)
		}
		alerts = append(alerts, alert)
	}
	return alerts, nil
}
