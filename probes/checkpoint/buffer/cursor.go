package buffer

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// cursor is what is remembered beside the logs.
type cursor struct {
	// Acknowledged is the last acknowledged number of each log. What it lacks
	// after a loss of power is sent once more, and recorded once.
	Acknowledged map[string]int64 `json:"acknowledged"`
	// Dropped counts results that had to make room.
	Dropped int64 `json:"dropped"`
}

const cursorFile = "cursor.json"

func readCursor(folder string) (cursor, error) {
	known := cursor{Acknowledged: make(map[string]int64)}
	data, err := os.ReadFile(filepath.Join(folder, cursorFile))
	if errors.Is(err, os.ErrNotExist) {
		return known, nil
	}
	if err != nil {
		return known, fmt.Errorf("read cursor of buffer: %w", err)
	}
	if err := json.Unmarshal(data, &known); err != nil || known.Acknowledged == nil {
		return cursor{Acknowledged: make(map[string]int64)}, fmt.Errorf("cursor of buffer is damaged: %w", errors.Join(err, errDamaged))
	}
	return known, nil
}

// errDamaged means that everything in the buffer is sent again; the central
// knows what it has.
var errDamaged = errors.New("what is buffered is sent once more")

// write replaces the file whole; synced makes that outlive a loss of power.
func (c cursor) write(folder string, synced bool) error {
	data, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("encode cursor of buffer: %w", err)
	}
	path := filepath.Join(folder, cursorFile)
	file, err := os.OpenFile(path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write cursor of buffer: %w", err)
	}
	_, err = file.Write(append(data, '\n'))
	if err == nil && synced {
		err = file.Sync()
	}
	err = errors.Join(err, file.Close())
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("write cursor of buffer: %w", err)
	}
	return nil
}
