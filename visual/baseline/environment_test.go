package baseline

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func environment() Environment {
	return Environment{Chromium: "Chrome/1.2.3.4", Fonts: "0123456789abcdef", Viewport: "1280x800", Scale: 1, Locale: "en-US", Timezone: "UTC", Metric: "m/1"}
}

func TestEnvironmentsDifferInWhatChangesPixels(t *testing.T) {
	cases := map[string]struct {
		change func(*Environment)
		want   []string
	}{
		"nothing":     {func(*Environment) {}, nil},
		"the browser": {func(e *Environment) { e.Chromium = "Chrome/2" }, []string{"browser Chrome/1.2.3.4, now Chrome/2"}},
		"the fonts":   {func(e *Environment) { e.Fonts = "ffff" }, []string{"fonts 0123456789ab, now ffff"}},
		"the scale":   {func(e *Environment) { e.Scale = 2 }, []string{"scale 1, now 2"}},
		"the masks":   {func(e *Environment) { e.Masks = []string{"#clock"} }, []string{"masks none, now #clock"}},
		"two things": {func(e *Environment) { e.Locale, e.Metric = "am-ET", "m/2" },
			[]string{"locale en-US, now am-ET", "metric m/1, now m/2"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			now := environment()
			c.change(&now)
			if diff := cmp.Diff(c.want, environment().Differences(now)); diff != "" {
				t.Error(diff)
			}
		})
	}
}
