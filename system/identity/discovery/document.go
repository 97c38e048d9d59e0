package discovery

import (
	"encoding/json"
	"fmt"
)

// Document returns the metadata that config describes, as Metadata serves it.
func Document(config Config) ([]byte, error) {
	body, err := json.Marshal(config.document())
	if err != nil {
		return nil, fmt.Errorf("encode metadata: %w", err)
	}
	return body, nil
}
