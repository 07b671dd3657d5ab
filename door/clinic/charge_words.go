package clinic

import "github.com/osler-emr/osler/door/ui"

func chargeWord(status string) string {
	switch status {
	case "billable":
		return "not billed yet"
	case "billed":
		return "on a statement"
	case "not-billable":
		return "not billed"
	}
	return status
}

func chargeTone(status string) ui.Tone {
	if status == "billable" {
		return ui.Caution
	}
	return ui.Plain
}
