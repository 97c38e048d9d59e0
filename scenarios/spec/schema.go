package spec

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Schema returns the JSON Schema (draft 2020-12) of a scenario file, made from
// the types that read it, so that the two cannot differ.
func Schema() ([]byte, error) {
	schema := schemaOf(reflect.TypeFor[Scenario]())
	schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	schema["title"] = "Tocsin scenario"
	schema["required"] = []string{"version", "name", "claim", "steadyState", "load", "method", "expect"}
	data, err := json.MarshalIndent(schema, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("encode schema: %w", err)
	}
	return append(data, '\n'), nil
}

func schemaOf(kind reflect.Type) map[string]any {
	if kind == reflect.TypeFor[time.Duration]() {
		return map[string]any{"type": "string", "pattern": `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$|^\$\{[^}]+\}$`, "examples": []string{"30s"}}
	}
	switch kind.Kind() {
	case reflect.Pointer:
		return schemaOf(kind.Elem())
	case reflect.Slice:
		return map[string]any{"type": "array", "items": schemaOf(kind.Elem())}
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(kind.Elem())}
	case reflect.Struct:
		return schemaOfStruct(kind)
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.Int:
		// ${name} stands for a number before parameters are filled in.
		return map[string]any{"type": []string{"integer", "string"}}
	case reflect.Float64:
		return map[string]any{"type": []string{"number", "string"}}
	default:
		return map[string]any{"type": "string"}
	}
}

func schemaOfStruct(kind reflect.Type) map[string]any {
	properties := make(map[string]any, kind.NumField())
	for index := range kind.NumField() {
		field := kind.Field(index)
		name, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		property := schemaOf(field.Type)
		property["description"] = field.Tag.Get("doc")
		properties[name] = property
	}
	return map[string]any{"type": "object", "properties": properties, "additionalProperties": false}
}
