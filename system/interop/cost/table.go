package cost

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Print writes results as a table: milliseconds of CPU for one action, by
// component, and what that makes for one core.
func Print(w io.Writer, results []*Result) error {
	table := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "load\tprovider\tcomponent\tCPU ms each\tidle ms/s\tper core and s\t")
	for _, result := range results {
		own := result.Own()
		fmt.Fprintf(table, "%s\t%s\tsum\t%s\t\t%.0f\t\n", result.Load, result.Subject, millis(own), float64(time.Second)/float64(max(own, 1)))
		for _, spent := range result.CPU {
			name := spent.Component.Name
			if spent.Component.Apart {
				name = "(" + name + ")"
			}
			fmt.Fprintf(table, "\t\t%s\t%s\t%s\t\t\n", name, millis(spent.Each(result.Count)), millis(spent.Idle))
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("write table: %w", err)
	}
	return nil
}

func millis(d time.Duration) string { return fmt.Sprintf("%.2f", float64(d)/float64(time.Millisecond)) }
