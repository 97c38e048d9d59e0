package strictyaml

import (
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Content is what the file says at key, the same for every way to write it:
// comments, places and quotes are left out. It is empty where the file lacks
// key, and for comparing only.
func (d *Document) Content(key string) string {
	var text strings.Builder
	if node, ok := d.places[key]; ok {
		content(&text, node)
	}
	return text.String()
}

func content(text *strings.Builder, node *yaml.Node) {
	text.WriteString(node.ShortTag() + strconv.Quote(node.Value) + "(")
	for _, inner := range node.Content {
		content(text, inner)
	}
	text.WriteString(")")
}

// Files are the paths that a decoded value names, in the order of its fields:
// all that stand under a key that ends in _file or _files, save those under a
// key of except.
func Files(value any, except ...string) []string {
	return files(reflect.ValueOf(value), except)
}

func files(value reflect.Value, except []string) []string {
	for value.Kind() == reflect.Pointer {
		value = value.Elem()
	}
	var found []string
	switch value.Kind() {
	case reflect.Slice:
		for index := range value.Len() {
			found = append(found, files(value.Index(index), except)...)
		}
	case reflect.Struct:
		for index := range value.NumField() {
			field := value.Type().Field(index)
			key, _, _ := strings.Cut(field.Tag.Get("yaml"), ",")
			switch {
			case !field.IsExported() || slices.Contains(except, key):
			case strings.HasSuffix(key, "_file") || strings.HasSuffix(key, "_files"):
				found = append(found, paths(value.Field(index))...)
			default:
				found = append(found, files(value.Field(index), except)...)
			}
		}
	}
	return slices.DeleteFunc(found, func(path string) bool { return path == "" })
}

func paths(value reflect.Value) []string {
	switch of := value.Interface().(type) {
	case string:
		return []string{of}
	case []string:
		return of
	case map[string]string:
		return slices.Sorted(maps.Values(of))
	default:
		return nil
	}
}
